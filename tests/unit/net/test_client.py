from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from penstock.errors import StepError
from penstock.net.client import GuardedClient, RequestOptions
from penstock.net.policy import EgressPolicy
from penstock.testing.site import serve_app

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
StartServer = Callable[[Talk], Awaitable[str]]


class FixedNames(AbstractResolver):
    """Names that resolve to what a test says; each look-up takes the next answer, the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[Any]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": family, "proto": 0, "flags": 0}
            for address in addresses
        ]

    async def close(self) -> None:
        pass


async def refusal(client: GuardedClient, url: str, **kwargs: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        await client.request("GET", url, **kwargs)
    return caught.value


async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {"method": request.method, "headers": dict(request.headers), "body": (await request.read()).decode()},
        headers={"X-Twice": "a"},
    )


def app_with(**handlers: Any) -> web.Application:
    app = web.Application()
    for name, handler in handlers.items():
        app.router.add_route("*", f"/{name}", handler)
    return app


def redirect_to(location: str, status: int = 302) -> Any:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": location})

    return handle


async def test_a_request_arrives_as_sent_and_the_response_comes_back_whole(client: GuardedClient) -> None:
    async with serve_app(app_with(echo=echo)) as url:
        response = await client.request("POST", f"{url}/echo?q=1", headers={"X-Key": "k"}, body=b"hello")
    assert response.status == 200
    assert response.headers["x-twice"] == "a"
    assert response.url == f"{url}/echo?q=1"
    assert b'"body": "hello"' in response.body
    assert b'"X-Key": "k"' in response.body


async def test_a_status_of_an_error_is_a_response_like_any_other(client: GuardedClient) -> None:
    async with serve_app(app_with()) as url:
        assert (await client.request("GET", f"{url}/nothing")).status == 404


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:9",
        "localhost:9",
        "[::1]:9",
        "[::ffff:127.0.0.1]:9",
        "0x7f000001:9",
        "0x7f.0.0.1:9",
        "10.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "0.0.0.0:9",
    ],
)
async def test_hosts_of_the_own_network_are_refused(host: str) -> None:
    client = GuardedClient(EgressPolicy())
    error = await refusal(client, f"http://{host}/latest/meta-data?key=hush")
    await client.close()
    assert error.code == "address_refused"
    assert not error.retryable
    assert "PENSTOCK_ALLOWED_NETWORKS" in error.message
    assert "hush" not in error.message


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "127.1", "017700000001"])
async def test_numeric_spellings_of_an_address_are_refused(client: GuardedClient, host: str) -> None:
    assert (await refusal(client, f"http://{host}:9/")).code in ("url_invalid", "address_refused")


async def test_a_name_with_addresses_of_both_kinds_is_reached_at_the_allowed_one() -> None:
    client = GuardedClient(
        EgressPolicy(allowed_networks=("127.0.0.0/8",)), resolver=FixedNames(["10.0.0.1", "127.0.0.1"])
    )
    async with serve_app(app_with(echo=echo)) as url:
        response = await client.request("GET", url.replace("127.0.0.1", "both.example") + "/echo")
        await client.close()
    assert response.status == 200


async def test_a_name_with_refused_addresses_only_is_refused() -> None:
    client = GuardedClient(EgressPolicy(), resolver=FixedNames(["10.0.0.1", "127.0.0.1", "fe80::1"]))
    error = await refusal(client, "http://inside.example/")
    await client.close()
    assert error.code == "address_refused"
    assert "inside.example" in error.message


@pytest.mark.parametrize("host", ["localhost", "localhost.", "LOCALHOST", "localtest.example"])
async def test_a_name_of_loopback_is_refused_however_it_is_spelt(host: str) -> None:
    client = GuardedClient(EgressPolicy(), resolver=FixedNames(["127.0.0.1"]))
    error = await refusal(client, f"http://{host}:9/")
    await client.close()
    assert error.code == "address_refused"


async def test_a_name_that_changes_its_address_gains_nothing() -> None:
    client = GuardedClient(
        EgressPolicy(allowed_networks=("127.0.0.1/32",)), resolver=FixedNames(["127.0.0.1"], ["127.0.0.2"])
    )
    async with serve_app(app_with(echo=echo)) as url:
        named = url.replace("127.0.0.1", "rebind.example")
        assert (await client.request("GET", f"{named}/echo")).status == 200
        await client.close()
        error = await refusal(client, f"{named}/echo")
        await client.close()
    assert error.code == "address_refused"


async def test_loopback_allowed_for_one_request_is_not_inherited_by_the_next() -> None:
    client = GuardedClient(EgressPolicy())
    async with serve_app(app_with(echo=echo)) as url:
        allowed = await client.request("GET", f"{url}/echo", options=RequestOptions(allow_loopback=True))
        error = await refusal(client, f"{url}/echo")
        await client.close()
    assert allowed.status == 200
    assert error.code == "address_refused"


async def test_a_redirect_to_a_refused_address_is_refused() -> None:
    reached = False

    async def inside(_: web.Request) -> web.Response:
        nonlocal reached
        reached = True
        return web.Response(text="secret")

    client = GuardedClient(EgressPolicy(allowed_networks=("127.0.0.1/32",)))
    async with (
        serve_app(app_with(inside=inside), host="127.0.0.2") as target,
        serve_app(app_with(go=redirect_to(f"{target}/inside"))) as url,
    ):
        error = await refusal(client, f"{url}/go")
        await client.close()
    assert error.code == "address_refused"
    assert not reached


@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", ""), (302, "GET", ""), (303, "GET", ""), (307, "POST", "hello"), (308, "POST", "hello")],
)
async def test_redirects_change_the_method_as_http_says(
    client: GuardedClient, status: int, method: str, body: str
) -> None:
    async with serve_app(app_with(echo=echo, go=redirect_to("/echo", status))) as url:
        response = await client.request("POST", f"{url}/go", headers={"Authorization": "Bearer k"}, body=b"hello")
    assert f'"method": "{method}"'.encode() in response.body
    assert f'"body": "{body}"'.encode() in response.body
    assert b"Bearer k" in response.body
    assert response.url == f"{url}/echo"


async def test_keys_do_not_follow_a_redirect_to_another_origin(client: GuardedClient) -> None:
    async with serve_app(app_with(echo=echo)) as other, serve_app(app_with(go=redirect_to(f"{other}/echo"))) as url:
        headers = {"Authorization": "Bearer one", "X-Api-Key": "two", "Cookie": "three=3", "Accept": "text/plain"}
        response = await client.request("GET", f"{url}/go", headers=headers)
    assert b"text/plain" in response.body
    for secret in (b"one", b"two", b"three"):
        assert secret not in response.body


async def test_endless_redirects_end(client: GuardedClient) -> None:
    visits = 0

    async def again(_: web.Request) -> web.Response:
        nonlocal visits
        visits += 1
        return web.Response(status=302, headers={"Location": f"/again?{visits}"})

    async with serve_app(app_with(again=again)) as url:
        error = await refusal(client, f"{url}/again", options=RequestOptions(max_redirects=3))
    assert (error.code, visits) == ("too_many_redirects", 4)


async def test_no_redirects_allowed_hands_the_redirect_back(client: GuardedClient) -> None:
    async with serve_app(app_with(go=redirect_to("/echo"))) as url:
        response = await client.request("GET", f"{url}/go", options=RequestOptions(max_redirects=0))
    assert (response.status, response.headers["location"]) == (302, "/echo")


async def test_a_redirect_to_another_scheme_is_refused(client: GuardedClient) -> None:
    async with serve_app(app_with(go=redirect_to("file:///etc/passwd"))) as url:
        assert (await refusal(client, f"{url}/go")).code == "url_invalid"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/x",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://user:hush@example.com/",
        "http://hush@example.com/",
        "http://example.com:99999/",
        "http://[::1",
        "http://example.com/" + "a" * 9000,
    ],
)
async def test_urls_that_are_not_plain_http_are_refused(client: GuardedClient, url: str) -> None:
    error = await refusal(client, url)
    assert error.code == "url_invalid"
    assert not error.retryable
    assert "hush" not in error.message


async def test_cookies_are_not_kept(client: GuardedClient) -> None:
    async def give(_: web.Request) -> web.Response:
        return web.Response(headers={"Set-Cookie": "visitor=7"})

    async with serve_app(app_with(echo=echo, give=give)) as url:
        await client.request("GET", f"{url}/give")
        assert b"visitor" not in (await client.request("GET", f"{url}/echo")).body


async def test_a_proxy_in_the_environment_is_ignored(client: GuardedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serve_app(app_with(echo=echo)) as url:
        assert (await client.request("GET", f"{url}/echo")).status == 200


async def test_a_body_that_never_ends_is_left_at_the_limit(client: GuardedClient, raw_server: StartServer) -> None:
    sent = 0

    async def zeros(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent < 1 << 30:
            writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            sent += 0x10000
            await writer.drain()

    url = await raw_server(zeros)
    error = await refusal(client, url, options=RequestOptions(max_bytes=1_000_000))
    assert error.code == "response_too_large"
    assert not error.retryable
    assert sent < 64_000_000


async def test_a_body_announced_too_large_is_not_read(client: GuardedClient, raw_server: StartServer) -> None:
    async def announce(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        await reader.read()

    assert (await refusal(client, await raw_server(announce))).code == "response_too_large"


async def test_a_gzip_bomb_is_left_at_the_limit(client: GuardedClient) -> None:
    bomb = gzip.compress(bytes(200_000_000), 1)

    async def explode(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with serve_app(app_with(bomb=explode)) as url:
        tracemalloc.start()
        try:
            error = await refusal(client, f"{url}/bomb", options=RequestOptions(max_bytes=2_000_000))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert error.code == "response_too_large"
    assert peak < 20_000_000


async def test_a_compressed_body_is_handed_over_decompressed(client: GuardedClient) -> None:
    async def packed(_: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"plain" * 100_000), headers={"Content-Encoding": "gzip"})

    async with serve_app(app_with(packed=packed)) as url:
        assert (await client.request("GET", f"{url}/packed")).body == b"plain" * 100_000


async def test_a_body_that_is_not_in_its_encoding_is_no_response(client: GuardedClient) -> None:
    async def wrong(_: web.Request) -> web.Response:
        return web.Response(body=b"not gzip at all", headers={"Content-Encoding": "gzip"})

    async with serve_app(app_with(wrong=wrong)) as url:
        error = await refusal(client, f"{url}/wrong")
    assert (error.code, error.retryable) == ("response_invalid", True)


@pytest.mark.parametrize(
    "half", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", b"HTTP/1.1 200 OK\r\n"]
)
async def test_a_connection_cut_in_the_middle_can_be_retried(
    client: GuardedClient, raw_server: StartServer, half: bytes
) -> None:
    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(half)
        await writer.drain()

    error = await refusal(client, await raw_server(cut))
    assert (error.code, error.retryable) == ("connection_cut", True)


async def test_an_answer_that_is_not_http_can_be_retried(client: GuardedClient, raw_server: StartServer) -> None:
    async def ssh(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    error = await refusal(client, await raw_server(ssh))
    assert (error.code, error.retryable) == ("response_invalid", True)


async def test_a_server_that_says_nothing_is_a_timeout(client: GuardedClient, raw_server: StartServer) -> None:
    async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    error = await refusal(client, await raw_server(silence), options=RequestOptions(timeout_seconds=0.05))
    assert (error.code, error.retryable) == ("timeout", True)


async def test_a_port_where_nobody_listens_can_be_retried(client: GuardedClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = await refusal(client, f"http://127.0.0.1:{port}/?key=hush")
    assert (error.code, error.retryable) == ("connection_failed", True)
    assert "hush" not in f"{error.message}{error.cause}"


async def test_a_header_with_a_line_break_is_not_sent(client: GuardedClient) -> None:
    async with serve_app(app_with(echo=echo)) as url:
        error = await refusal(client, f"{url}/echo", headers={"X-Name": "a\r\nX-Other: b"})
    assert (error.code, error.retryable) == ("request_invalid", False)


async def test_a_type_that_is_not_wanted_is_not_downloaded(client: GuardedClient, raw_server: StartServer) -> None:
    async def video(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 1000000000\r\n\r\n")
        await reader.read()

    response = await client.request("GET", await raw_server(video), options=RequestOptions(body_types=("text/html",)))
    assert (response.status, response.body) == (200, b"")


async def test_a_head_response_has_no_body_whatever_length_it_announces(
    client: GuardedClient, raw_server: StartServer
) -> None:
    async def announce(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")

    assert (await client.request("HEAD", await raw_server(announce))).status == 200


async def test_cancelling_a_request_closes_its_connection(client: GuardedClient, raw_server: StartServer) -> None:
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def wait_for_end(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()
        closed.set()

    task = asyncio.create_task(client.request("GET", await raw_server(wait_for_end)))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(closed.wait(), 5)


# A cut body, and what would be let through


async def test_of_a_body_that_is_cut_the_first_bytes_are_kept(client: GuardedClient) -> None:
    async def long(_: web.Request) -> web.Response:
        return web.Response(body=b"ab" * 500_000)

    async def streamed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10):
            await response.write(b"ab" * 50)
        return response

    options = RequestOptions(max_bytes=101, cut_body=True)
    async with serve_app(app_with(long=long, streamed=streamed)) as url:
        for path in ("long", "streamed"):
            response = await client.request("GET", f"{url}/{path}", options=options)
            assert (response.status, response.body) == (200, b"ab" * 50 + b"a")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:9/", "address_refused"),
        ("http://localhost/", "address_refused"),
        ("http://[::ffff:10.0.0.1]/", "address_refused"),
        ("http://0x0a000001/", "address_refused"),
        ("ftp://example.com/", "url_invalid"),
        ("http://user@example.com/", "url_invalid"),
        ("http://" + "a" * 64 + ".example/", "url_invalid"),
    ],
)
async def test_what_would_be_refused_is_told_without_a_request(url: str, code: str) -> None:
    client = GuardedClient(EgressPolicy())
    with pytest.raises(StepError) as refused:
        await client.permit(url)
    assert refused.value.code == code


async def test_what_is_allowed_or_cannot_be_found_passes(client: GuardedClient) -> None:
    refused = {}
    for url in ("http://127.0.0.1:9/", "http://nowhere.invalid/", "https://1.1.1.1/"):
        try:
            await client.permit(url)
        except StepError as error:
            refused[url] = error.code
    assert refused == {}
