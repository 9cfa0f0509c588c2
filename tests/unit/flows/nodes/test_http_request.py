"""HTTP Request: what is sent, what comes back, and which failures are worth another try."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from email.utils import formatdate
from time import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from pydantic import ValidationError

from penstock.accounts.secrets import SecretVault
from penstock.errors import StepError
from penstock.flows.nodes.base import NodeContext
from penstock.flows.nodes.http_request import HttpRequest, HttpRequestSettings
from penstock.flows.services import Services
from penstock.net.client import GuardedClient
from penstock.net.policy import EgressPolicy
from penstock.storage.sqlite import SqliteStore
from penstock.testing.site import serve_app
from penstock.types import JsonObject, Tenant

TENANT = Tenant("org", "project")
NODE = HttpRequest()


def settings(**fields: Any) -> HttpRequestSettings:
    return HttpRequestSettings.model_validate({"type": "http_request", "url": "https://example.com", **fields})


class Caller:
    """Runs the node against a server that echoes, or answers what the query asks for."""

    def __init__(self, client: GuardedClient, vault: SecretVault, url: str) -> None:
        self.vault = vault
        self.url = url
        self.services = cast(Services, SimpleNamespace(http=client, secrets=vault))

    async def __call__(self, inputs: JsonObject | None = None, attempt: int = 1, **fields: Any) -> Any:
        ctx = NodeContext(
            tenant=TENANT,
            execution_id="exec_1",
            item_path="3",
            flow_id="flow",
            flow_version=1,
            node="call",
            round=0,
            attempt=attempt,
            services=self.services,
        )
        return await NODE.run(ctx, settings(**{"url": f"{self.url}/echo", **fields}), inputs or {})

    async def failure(self, inputs: JsonObject | None = None, **fields: Any) -> StepError:
        with pytest.raises(StepError) as caught:
            await self(inputs, **fields)
        return caught.value


async def echo(request: web.Request) -> web.Response:
    body = (await request.read()).decode()
    return web.json_response(
        {
            "method": request.method,
            "query": dict(request.query),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": body,
        }
    )


async def answer(request: web.Request) -> web.Response:
    """Answers with `status`, `type`, `body` and `after` of the query."""
    query = request.query
    headers = {"Content-Type": query.get("type", "text/plain")}
    if "after" in query:
        headers["Retry-After"] = query["after"]
    return web.Response(status=int(query.get("status", 200)), text=query.get("body", ""), headers=headers)


@pytest.fixture
async def call(store: SqliteStore) -> AsyncIterator[Caller]:
    app = web.Application()
    app.router.add_route("*", "/echo", echo)
    app.router.add_route("*", "/answer", answer)
    client = GuardedClient(EgressPolicy(allowed_networks=("127.0.0.0/8",)))
    async with serve_app(app) as url:
        yield Caller(client, SecretVault(store, bytes(32)), url)
        await client.close()


async def test_templates_fill_url_query_headers_and_body(call: Caller) -> None:
    out = await call(
        {"path": "echo", "q": "a b&c", "who": "Ada", "n": 3},
        method="POST",
        url=call.url + "/{{ path }}",
        query={"q": "{{ q }}"},
        headers={"X-Who": "{{ who }}"},
        body={"name": "{{ who }}", "list": ["{{ n }}", 7, None]},
    )
    assert out["status"] == 200
    sent = out["body"]
    assert sent["query"] == {"q": "a b&c"}
    assert sent["headers"]["x-who"] == "Ada"
    assert sent["headers"]["content-type"] == "application/json"
    assert json.loads(sent["body"]) == {"name": "Ada", "list": ["3", 7, None]}


async def test_a_text_body_is_sent_as_it_is(call: Caller) -> None:
    sent = (await call({"who": "Ada"}, method="PUT", body="Hello {{ who }}", headers={"content-type": "text/x"}))[
        "body"
    ]
    assert (sent["body"], sent["headers"]["content-type"]) == ("Hello Ada", "text/x")


async def test_every_attempt_carries_the_same_idempotency_key_and_reading_carries_none(call: Caller) -> None:
    first = await call(method="POST")
    again = await call(method="POST", attempt=2)
    assert (
        first["body"]["headers"]["idempotency-key"] == again["body"]["headers"]["idempotency-key"] == "exec_1:3:call:0"
    )
    assert "idempotency-key" not in (await call())["body"]["headers"]
    own = await call(method="POST", headers={"idempotency-key": "mine"})
    assert own["body"]["headers"]["idempotency-key"] == "mine"


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": "api"}, "authorization", "Bearer s3cret"),
        ({"header": "X-Api-Key", "secret": "api"}, "x-api-key", "s3cret"),
        ({"basic": {"username": "ada", "secret": "api"}}, "authorization", "Basic YWRhOnMzY3JldA=="),
    ],
)
async def test_a_secret_is_sent_by_its_name(call: Caller, auth: Any, header: str, value: str) -> None:
    await call.vault.put(TENANT, "api", "s3cret")
    assert (await call(auth=auth))["body"]["headers"][header] == value


async def test_a_server_that_quotes_the_secret_cannot_put_it_into_the_error(call: Caller) -> None:
    await call.vault.put(TENANT, "api", "s3cret")
    url = call.url + "/answer?status=401&body=bad key s3cret"
    for auth in ({"bearer": "api"}, {"header": "X-Key", "secret": "api"}):
        error = await call.failure(auth=auth, url=url)
        assert error.cause == "bad key ***"


async def test_a_secret_that_does_not_exist_is_not_retried(call: Caller) -> None:
    error = await call.failure(auth={"bearer": "nothing"})
    assert (error.code, error.retryable) == ("secret_unknown", False)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        (400, False),
        (401, False),
        (404, False),
        (409, False),
        (408, True),
        (425, True),
        (429, True),
        (500, True),
        (503, True),
    ],
)
async def test_a_status_that_is_not_expected_fails_the_step(call: Caller, status: int, retryable: bool) -> None:
    error = await call.failure(url=f"{call.url}/answer?status={status}&body=because")
    assert (error.code, error.retryable, error.cause) == ("http_status", retryable, "because")
    assert str(status) in error.message


async def test_retry_after_is_read_as_seconds_and_as_a_date(call: Caller) -> None:
    seconds = await call.failure(url=f"{call.url}/answer?status=429&after=7")
    assert seconds.retry_after_seconds == 7
    date = await call.failure(
        url=call.url + "/answer?status=503", query={"after": formatdate(time() + 3600, usegmt=True)}
    )
    assert date.retry_after_seconds == pytest.approx(3600, abs=60)
    past = await call.failure(url=call.url + "/answer?status=503", query={"after": formatdate(0, usegmt=True)})
    assert past.retry_after_seconds == 0
    assert (await call.failure(url=f"{call.url}/answer?status=503&after=soon")).retry_after_seconds is None


@pytest.mark.parametrize("expected", [[404], ["4xx"], ["200-299", "400-404"]])
async def test_an_expected_status_is_a_result(call: Caller, expected: list[Any]) -> None:
    out = await call(url=f"{call.url}/answer?status=404&body=none", expectStatus=expected)
    assert (out["status"], out["body"]) == (404, "none")


async def test_the_body_is_read_by_its_type_or_as_told(call: Caller) -> None:
    typed = f'{call.url}/answer?type=application/problem%2Bjson&body={{"a":1}}'
    assert (await call(url=typed))["body"] == {"a": 1}
    assert (await call(url=typed, response="text"))["body"] == '{"a":1}'
    assert (await call(url=f"{call.url}/answer?body=[1,2]", response="json"))["body"] == [1, 2]
    assert (await call(url=f"{call.url}/answer?body=[1,2]"))["body"] == "[1,2]"
    big = "x" * 3000
    assert (await call(url=f"{call.url}/answer?type=text/plain;charset=latin-1&body={big}"))["body"] == big


@pytest.mark.parametrize("body", ["", "oops", '{"a":', "[" * 2000])
async def test_an_answer_that_should_be_json_and_is_not_can_be_retried(call: Caller, body: str) -> None:
    error = await call.failure(url=f"{call.url}/answer?body={body}", response="json")
    assert (error.code, error.retryable) == ("response_not_json", True)


async def test_a_binary_answer_is_no_text(call: Caller) -> None:
    assert (await call.failure(url=f"{call.url}/answer?type=image/png&body=a%00b")).code == "response_not_text"


async def test_a_missing_variable_is_an_error_of_the_item(call: Caller) -> None:
    assert (await call.failure(url=call.url + "/{{ nowhere }}")).code == "template_variable_missing"


async def test_the_size_limit_holds(call: Caller) -> None:
    assert (await call.failure(url=f"{call.url}/answer?body=12345", maxBytes=4)).code == "response_too_large"


async def test_a_value_cannot_add_a_header(call: Caller) -> None:
    error = await call.failure({"name": "a\r\nX-Admin: 1"}, headers={"X-Name": "{{ name }}"})
    assert error.code == "request_invalid"


async def test_the_operator_decides_about_loopback_not_the_flow(call: Caller) -> None:
    client = GuardedClient(EgressPolicy())
    call.services = cast(Services, SimpleNamespace(http=client, secrets=call.vault))
    assert (await call.failure()).code == "address_refused"
    await client.close()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"url": "https://x/{{ a"}, "url"),
        ({"headers": {"X": "{{ }}"}}, "headers.X"),
        ({"headers": {"Bad Name": "x"}}, "headers.Bad Name"),
        ({"method": "POST", "body": {"a": ["ok", "{% if %}"]}}, "body.a.1"),
        ({"expectStatus": ["2xx", "teapot"]}, "expectStatus.1"),
        ({"auth": {"header": "a b", "secret": "s"}}, "auth.header"),
        ({"body": "x"}, "body"),
    ],
)
def test_faults_are_found_when_the_flow_is_saved(fields: Any, path: str) -> None:
    assert [fault[0] for fault in NODE.check(settings(**fields))] == [path]


@pytest.mark.parametrize("fields", [{"method": "TRACE"}, {"auth": {"token": "x"}}, {"surplus": 1}, {"maxBytes": 0}])
def test_settings_out_of_bounds_are_refused(fields: Any) -> None:
    with pytest.raises(ValidationError):
        settings(**fields)


def test_the_variables_of_all_templates_are_its_inputs() -> None:
    fields = {"url": "https://x/{{ a }}", "query": {"q": "{{ b }}"}, "headers": {"H": "{{ c }}"}}
    body = {"d": ["{{ d }}", 1], "e": {"f": "{{ e }}"}}
    assert NODE.required_inputs(settings(method="POST", body=body, **fields)) == {"a", "b", "c", "d", "e"}
    assert list(NODE.check(settings(method="POST", body=body, **fields))) == []
