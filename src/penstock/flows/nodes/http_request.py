"""HTTP request: one call of any web API."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import msgspec
from pydantic import Field

from penstock.errors import StepError
from penstock.flows.expressions import template
from penstock.flows.nodes.base import DocumentModel, Node, NodeContext, NodeSettings, node
from penstock.flows.nodes.fetching import template_faults
from penstock.net.client import HttpResponse, RequestOptions
from penstock.net.responses import decode_text, media_type, status_error
from penstock.types import Json, JsonObject

_INLINE_JSON_BYTES = 64 * 1024
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_STATUSES = re.compile(r"[1-5](?:xx|\d\d(?:-[1-5]\d\d)?)")


class BearerAuth(DocumentModel):
    bearer: str
    """Name of a secret, sent as `Authorization: Bearer …`."""


class HeaderAuth(DocumentModel):
    header: str
    """The header that carries the secret, such as `X-Api-Key`."""
    secret: str
    """Name of a secret."""


class BasicCredentials(DocumentModel):
    username: str
    secret: str
    """Name of the secret that is the password."""


class BasicAuth(DocumentModel):
    basic: BasicCredentials
    """HTTP basic authentication (RFC 7617)."""


class HttpRequestSettings(NodeSettings):
    type: Literal["http_request"] = "http_request"
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "GET"
    url: str
    """A template."""
    query: dict[str, str] = Field(default_factory=dict)
    """Templates; encoded and added to the URL."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Templates."""
    body: Any = None
    """A template, sent as text; or a JSON value whose texts are templates, sent as JSON."""
    auth: BearerAuth | HeaderAuth | BasicAuth | None = None
    expect_status: Annotated[tuple[int | str, ...], Field(min_length=1, max_length=50)] = ("2xx",)
    """Statuses that are no error: `200`, `"2xx"`, `"200-204"`."""
    response: Literal["auto", "json", "text"] = "auto"
    """How the body is read; `auto` goes by its content type."""
    max_bytes: Annotated[int, Field(ge=1, le=100_000_000)] = 10_000_000
    max_redirects: Annotated[int, Field(ge=0, le=20)] = 5
    """0 hands a redirect back instead of following it."""


@node
class HttpRequest(Node[HttpRequestSettings]):
    """Takes the variables of its templates; gives `{status, headers, body}`."""

    name = "http_request"
    title = "HTTP Request"
    settings = HttpRequestSettings
    effectful = True

    async def run(self, ctx: NodeContext, settings: HttpRequestSettings, inputs: JsonObject) -> Json:
        auth = await _auth_header(ctx, settings)
        headers, body = _headers_and_body(ctx, settings, inputs)
        response = await ctx.services.http.request(
            settings.method,
            _url(settings, inputs),
            headers={**headers, **auth},
            body=body,
            options=RequestOptions(
                timeout_seconds=settings.timeout_seconds or 30.0,
                max_bytes=settings.max_bytes,
                max_redirects=settings.max_redirects,
            ),
        )
        ctx.detail.update(status=response.status, bytes=len(response.body))
        try:
            return await _output(settings, response)
        except StepError as error:
            raise _without_keys(error, auth) from None

    def check(self, settings: HttpRequestSettings) -> Iterable[tuple[str, str]]:
        for path, source in _templates(settings):
            yield from template_faults(path, source)
        names = [(f"headers.{name}", name) for name in settings.headers]
        if isinstance(settings.auth, HeaderAuth):
            names.append(("auth.header", settings.auth.header))
        for path, name in names:
            if not _HEADER_NAME.fullmatch(name):
                yield path, f"{name!r} is not a header name"
        for index, expected in enumerate(settings.expect_status):
            if not _STATUSES.fullmatch(str(expected)):
                yield f"expectStatus.{index}", f"{expected!r} is neither a status, nor such as '2xx' or '200-204'"
        if settings.body is not None and settings.method in ("GET", "HEAD"):
            yield "body", f"a {settings.method} request has no body"

    def required_inputs(self, settings: HttpRequestSettings) -> frozenset[str]:
        return frozenset().union(*(template(source).variables for _, source in _templates(settings)))

    def output_schema(self, settings: HttpRequestSettings) -> JsonObject:
        return {
            "type": "object",
            "properties": {
                "status": {"type": "integer"},
                "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                "body": {"type": "string"} if settings.response == "text" else {},
            },
            "additionalProperties": False,
        }


def _templates(settings: HttpRequestSettings) -> Iterator[tuple[str, str]]:
    yield "url", settings.url
    for group, values in (("query", settings.query), ("headers", settings.headers)):
        for name, source in values.items():
            yield f"{group}.{name}", source
    yield from _texts("body", settings.body)


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, entry in value.items():
            yield from _texts(f"{path}.{name}", entry)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(f"{path}.{index}", entry)


def _rendered(value: Any, inputs: JsonObject) -> Any:
    if isinstance(value, str):
        return template(value).render(inputs)
    if isinstance(value, Mapping):
        return {name: _rendered(entry, inputs) for name, entry in value.items()}
    if isinstance(value, list):
        return [_rendered(entry, inputs) for entry in value]
    return value


def _url(settings: HttpRequestSettings, inputs: JsonObject) -> str:
    url, hash_mark, fragment = template(settings.url).render(inputs).partition("#")
    if settings.query:
        query = urlencode({name: template(source).render(inputs) for name, source in settings.query.items()})
        url = f"{url}{'&' if '?' in url else '?'}{query}"
    return url + hash_mark + fragment


def _headers_and_body(
    ctx: NodeContext, settings: HttpRequestSettings, inputs: JsonObject
) -> tuple[dict[str, str], bytes | None]:
    headers = {name: template(source).render(inputs) for name, source in settings.headers.items()}
    given = {name.lower() for name in headers}
    if settings.method != "GET" and "idempotency-key" not in given:
        headers["Idempotency-Key"] = ctx.idempotency_key
    if settings.body is None:
        return headers, None
    value = _rendered(settings.body, inputs)
    is_text = isinstance(value, str)
    if "content-type" not in given:
        headers["Content-Type"] = "text/plain; charset=utf-8" if is_text else "application/json"
    return headers, value.encode(errors="replace") if is_text else msgspec.json.encode(value)


async def _auth_header(ctx: NodeContext, settings: HttpRequestSettings) -> dict[str, str]:
    """The header that carries the key; empty without `auth`."""
    secrets, auth = ctx.services.secrets, settings.auth
    match auth:
        case None:
            return {}
        case BearerAuth():
            return {"Authorization": f"Bearer {await secrets.get(ctx.tenant, auth.bearer)}"}
        case HeaderAuth():
            return {auth.header: await secrets.get(ctx.tenant, auth.secret)}
        case BasicAuth():
            pair = f"{auth.basic.username}:{await secrets.get(ctx.tenant, auth.basic.secret)}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _without_keys(error: StepError, auth: Mapping[str, str]) -> StepError:
    """The error, where a server that quotes the key in its answer cannot make it part of a log."""
    for value in auth.values():
        for key in (value, value.removeprefix("Bearer ").removeprefix("Basic ")):
            if error.cause and key:
                error.cause = error.cause.replace(key, "***")
    return error


async def _output(settings: HttpRequestSettings, response: HttpResponse) -> Json:
    if not any(_fits(response.status, expected) for expected in settings.expect_status):
        raise status_error(response)
    body = await _read_body(settings.response, response)
    return {"status": response.status, "headers": response.headers, "body": body}


def _fits(status: int, expected: int | str) -> bool:
    text = str(expected)
    if text.endswith("xx"):
        return status // 100 == int(text[0])
    first, _, last = text.partition("-")
    return int(first) <= status <= int(last or first)


async def _read_body(kind: str, response: HttpResponse) -> Json:
    named = media_type(response.headers)
    is_json = named == "application/json" or named.endswith("+json")
    if kind == "json" or (kind == "auto" and is_json and response.body):
        if len(response.body) > _INLINE_JSON_BYTES:
            return await asyncio.to_thread(_json, response)
        return _json(response)
    if b"\0" in response.body:
        raise StepError("response_not_text", f"the response is not text but {named or 'of no stated type'}")
    return decode_text(response)


def _json(response: HttpResponse) -> Json:
    try:
        value: Json = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise StepError(
            "response_not_json", f"the response is not JSON: {error}", retryable=True, cause=decode_text(response)[:500]
        ) from None
    return value
