"""The HTTP client that every outgoing request goes through.

    client = GuardedClient(EgressPolicy())
    response = await client.request("GET", "https://example.com/")

The guard sits where sockets are made: the connector hands over the resolved address, the policy sees that very
address, and the socket is connected to it. There is no second look-up in between that could answer differently (DNS
rebinding). Redirects are followed by hand, so each hop passes the same guard.

Every failure is a `StepError`:

    url_invalid           no    not http(s), no host, or with credentials in it
    request_invalid       no    a header that cannot be sent
    address_refused       no    the policy does not allow the host's address
    certificate_invalid   no    the TLS certificate is not valid for the host
    connection_failed     yes   no connection: name not found, refused, unreachable
    connection_cut        yes   the connection ended before the response did
    timeout               yes   no complete response in time
    response_invalid      yes   what came back is not HTTP, or not in the encoding it claims
    response_too_large    no    over `max_bytes`, counted after decompression
    too_many_redirects    no    over `max_redirects`
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.errors import StepError
from penstock.net.policy import AddressRefused, EgressPolicy

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from aiohttp.abc import AbstractResolver
    from yarl import URL

USER_AGENT = "penstock"
MAX_URL_CHARS = 8192
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRAVELLING_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "content-type", "idempotency-key", "user-agent"}
)
"""What follows a redirect to another origin. Any other header may be a key, whatever its name."""


@dataclass(frozen=True)
class HttpResponse:
    """A whole response. `headers` has lower-case names, repeated ones joined by `, `; `url` is where it came from in
    the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True)
class RequestOptions:
    """Limits of one request.

    `timeout_seconds` covers all of it, redirects included. `max_redirects=0` hands a redirect back instead of
    following it. `body_types` (`text/html`) are the only content types whose body is read: another's `body` is empty
    and costs no download; a response that names no type is read. `cut_body` keeps the first `max_bytes` of a longer
    body instead of refusing the response.
    """

    timeout_seconds: float = 30.0
    connect_timeout_seconds: float = 10.0
    max_bytes: int = 10 * 1024 * 1024
    max_redirects: int = 5
    allow_loopback: bool = False
    body_types: tuple[str, ...] = ()
    cut_body: bool = False


DEFAULT_OPTIONS = RequestOptions()


class GuardedClient:
    """HTTP to the addresses that the policy allows. Keeps connections open between requests; keeps no cookies; takes
    no proxy from the environment. Belongs to the event loop it is first used in.
    """

    def __init__(self, policy: EgressPolicy, *, resolver: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._resolver = resolver
        self._sessions: dict[bool, ClientSession] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        options: RequestOptions = DEFAULT_OPTIONS,
    ) -> HttpResponse:
        """The response, whatever its status. Raises `StepError` with the codes listed above."""
        target = _parse(url)
        hop = _Hop(method, target, headers or {}, body)
        try:
            async with asyncio.timeout(options.timeout_seconds):
                return await self._follow(hop, options)
        except TimeoutError:
            raise StepError(
                "timeout", f"{_host(target)} gave no complete response in {options.timeout_seconds:g} s", retryable=True
            ) from None

    async def permit(self, url: str) -> None:
        """Whether a request to this URL could be let through, as far as that can be told without making it.

        Raises `StepError`: `url_invalid`, or `address_refused` when the policy allows none of the host's addresses. A
        host that cannot be found passes; the guard at the socket decides in any case.
        """
        target = _parse(url)
        try:
            addresses = await self._addresses(str(target.host), target.port or 0)
        except UnicodeError:
            raise StepError("url_invalid", f"{_host(target)!r} is not a valid host") from None
        except OSError:
            return
        if addresses and not any(map(self._allows, addresses)):
            raise _refused(_host(target))

    async def _addresses(self, host: str, port: int) -> list[str]:
        if self._resolver is not None:
            return [found["host"] for found in await self._resolver.resolve(host, port, socket.AF_UNSPEC)]
        loop = asyncio.get_running_loop()
        return [str(info[4][0]) for info in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    def _allows(self, address: str) -> bool:
        try:
            self._policy.check(address, allow_loopback=False)
        except AddressRefused:
            return False
        return True

    async def close(self) -> None:
        """Close all connections. The client can be used again afterwards."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def _follow(self, hop: _Hop, options: RequestOptions) -> HttpResponse:
        for _ in range(options.max_redirects + 1):
            response = await self._send(hop, options)
            location = response.headers.get("location") if response.status in _REDIRECTS else None
            if location is None or options.max_redirects == 0:
                return response
            hop = hop.redirected(response.status, location)
        raise StepError("too_many_redirects", f"{_host(hop.url)} redirected more than {options.max_redirects} times")

    async def _send(self, hop: _Hop, options: RequestOptions) -> HttpResponse:
        import aiohttp

        session = self._session(options.allow_loopback)
        try:
            async with session.request(
                hop.method,
                hop.url,
                headers=hop.headers,
                data=hop.body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(connect=options.connect_timeout_seconds),
            ) as response:
                names = response.headers
                return HttpResponse(
                    response.status,
                    {name.lower(): ", ".join(names.getall(name)) for name in names},
                    await _read(response, options),
                    str(response.url),
                )
        except (aiohttp.ClientError, ValueError) as error:
            raise _failure(error, hop.url) from error

    def _session(self, allow_loopback: bool) -> ClientSession:
        # One pool for each strength of the guard: a connection that was made with loopback allowed must never be
        # handed to a request that may not reach it.
        session = self._sessions.get(allow_loopback)
        if session is None:
            session = self._sessions[allow_loopback] = self._open_session(allow_loopback)
        return session

    def _open_session(self, allow_loopback: bool) -> ClientSession:
        import aiohttp

        def guarded_socket(info: tuple[Any, ...]) -> socket.socket:
            family, kind, protocol, _, address = info
            self._policy.check(address[0], allow_loopback=allow_loopback)
            return socket.socket(family, kind, protocol)

        # limit=0: whoever runs the work bounds how many requests are in flight, a second bound here would only hide it.
        connector = aiohttp.TCPConnector(
            limit=0, ttl_dns_cache=30, socket_factory=guarded_socket, resolver=self._resolver
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            skip_auto_headers=("Content-Type",),
            trust_env=False,
        )


@dataclass(frozen=True)
class _Hop:
    """One request of a chain of redirects."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: bytes | None

    def redirected(self, status: int, location: str) -> _Hop:
        """The request that a redirect asks for (RFC 9110, 15.4)."""
        url = _parse(location, base=self.url)
        method, body, headers = self.method, self.body, dict(self.headers)
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
            method, body = "GET", None
            headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        if url.origin() != self.url.origin():
            headers = {name: value for name, value in headers.items() if name.lower() in _TRAVELLING_HEADERS}
        return _Hop(method, url, headers, body)


def _parse(text: str, base: URL | None = None) -> URL:
    """The URL, absolute. Raises `StepError` `url_invalid`; never quotes the URL, whose query may hold a key."""
    from yarl import URL

    if len(text) > MAX_URL_CHARS:
        raise StepError("url_invalid", f"the URL is longer than {MAX_URL_CHARS} characters")
    try:
        url = URL(text.strip())
        if base is not None:
            url = base.join(url)
        if url.scheme not in ("http", "https") or not url.host or url.port is None:
            raise StepError("url_invalid", "a URL must start with http:// or https:// and name a host")
        if url.raw_user or url.raw_password:
            raise StepError("url_invalid", f"the URL for {_host(url)} carries credentials; send them as a header")
    except ValueError as error:
        raise StepError("url_invalid", f"the URL cannot be read: {type(error).__name__}") from None
    return url


def _host(url: URL) -> str:
    return f"{url.host}:{url.explicit_port}" if url.explicit_port else str(url.host)


async def _read(response: ClientResponse, options: RequestOptions) -> bytes:
    """The body, decompressed. Reading stops at the limit; what is left is dropped with the connection."""
    typed = "Content-Type" in response.headers
    if response.method == "HEAD" or (options.body_types and typed and response.content_type not in options.body_types):
        return b""
    limit = options.max_bytes
    declared = response.content_length
    if declared is not None and declared > limit and not options.cut_body:
        raise _too_large(response.url, limit)
    if declared is not None and declared <= limit and "Content-Encoding" not in response.headers:
        return await response.read()
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        parts.append(part)
        if size > limit:
            if not options.cut_body:
                raise _too_large(response.url, limit)
            break
    return b"".join(parts)[:limit]


def _too_large(url: URL, limit: int) -> StepError:
    return StepError("response_too_large", f"the response of {_host(url)} is larger than {limit} bytes")


def _refused(host: str) -> StepError:
    return StepError(
        "address_refused",
        f"{host} leads to an address that outgoing requests may not reach (private, local or reserved); "
        "the operator can allow networks with PENSTOCK_ALLOWED_NETWORKS",
    )


def _failure(error: Exception, url: URL) -> StepError:
    """What an error of the HTTP library means to a step. Says the host, never the path or query."""
    import aiohttp

    host = _host(url)
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressRefused):
        return _refused(host)
    if isinstance(error, aiohttp.InvalidURL):
        return StepError("url_invalid", f"{host!r} is not a valid host")
    if isinstance(error, TimeoutError):
        return StepError("timeout", f"{host} could not be connected to in time", retryable=True)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return StepError(
            "certificate_invalid", f"the certificate of {host} is not valid", cause=str(error.certificate_error)
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return StepError(
            "connection_failed", f"{host} could not be connected to", retryable=True, cause=str(error.os_error)
        )
    unreadable = isinstance(error.__cause__, aiohttp.http_exceptions.ContentEncodingError)
    if unreadable or isinstance(error, aiohttp.ClientResponseError):
        return StepError("response_invalid", f"{host} answered something that cannot be read", retryable=True)
    if isinstance(error, aiohttp.ClientError):
        return StepError("connection_cut", f"{host} closed the connection before the response ended", retryable=True)
    return StepError("request_invalid", f"the request to {host} has a header or method that cannot be sent")
