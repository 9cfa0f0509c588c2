"""The face as an application: its two prefixes, its routes, who is calling, and its own form of refusals."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from penstock.errors import NotFound, Problem
from penstock.server.auth import Call, Running, presented_key
from penstock.server.bodies import JSON, expect_type, parse_json, read_bytes, validated
from penstock.server.stratix.errors import HANDLERS
from penstock.server.stratix.params import Query
from penstock.server.stratix.repeats import Repeats

BASE = "/api/v1"
BEARER = "/dgklmnr"
"""Where those clients go with `Authorization: Bearer`. Copies of such a client write it twice."""
ORGANIZATION = "/organizations/{organization_id}"
PROJECT = ORGANIZATION + "/projects/{project_id}"

MAX_BODY_BYTES = 1024 * 1024
"""Files go to addresses of their own, so that bodies are small, and read at once."""

_IS_BEARER = "penstock.stratix.bearer"
_WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True)
class StratixCall(Call):
    """One authorised request of this face; `content` is its body."""

    repeats: Repeats
    content: bytes

    @cached_property
    def query(self) -> Query:
        return Query(self.request.query_params.multi_items())

    @property
    def bearer(self) -> bool:
        """Whether it came by the bearer's prefix."""
        return bool(self.request.scope[_IS_BEARER])

    def id(self, name: str) -> str:
        """A parameter of the path."""
        value: str = self.request.path_params[name]
        return value

    def json(self) -> Any:
        """The body as a JSON value; an empty one is an empty object. Raises `Invalid`, `UnsupportedMedia`."""
        expect_type(self.request, (JSON,))
        return parse_json(self.content, self.running.settings.limits.max_input_depth) if self.content else {}

    def sent(self, model: type[M]) -> M:
        """The body as `model`. Raises `Invalid` naming every field that does not fit."""
        return validated(model, self.json())

    @cached_property
    def digest(self) -> str:
        """The same for equal requests of one key."""
        request = self.request
        head = f"{self.principal.key_id} {request.method} {request.url.path}?{request.url.query}\n"
        return hashlib.sha256(head.encode() + self.content).hexdigest()

    @cached_property
    def gone(self) -> Callable[[], Awaitable[bool]]:
        """Whether the caller has gone away."""
        return self.request.is_disconnected

    async def once(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `make` gives, or gave to an equal request whose answer was lost."""
        return await self.repeats.once(self.digest, make, self.gone)


Handler = Callable[[StratixCall], Awaitable[Response]]
OpenHandler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route: what answers it, and the scope that the key must hold; None: any key will do."""

    method: str
    path: str
    handler: Handler
    scope: str | None


@dataclass(frozen=True, slots=True)
class OpenEndpoint:
    """A route that takes no key: its handler looks after who may call it."""

    method: str
    path: str
    handler: OpenHandler


class Routes:
    """The routes of one resource, in the order in which they are tried."""

    def __init__(self) -> None:
        self._listed: list[Endpoint | OpenEndpoint] = []

    def __iter__(self) -> Iterator[Endpoint | OpenEndpoint]:
        return iter(self._listed)

    def get(self, path: str, scope: str | None) -> Callable[[Handler], Handler]:
        return self._adding("GET", path, scope)

    def post(self, path: str, scope: str | None) -> Callable[[Handler], Handler]:
        return self._adding("POST", path, scope)

    def patch(self, path: str, scope: str | None) -> Callable[[Handler], Handler]:
        return self._adding("PATCH", path, scope)

    def delete(self, path: str, scope: str | None) -> Callable[[Handler], Handler]:
        return self._adding("DELETE", path, scope)

    def open(self, method: str, path: str) -> Callable[[OpenHandler], OpenHandler]:
        """A route without a key."""

        def add(handler: OpenHandler) -> OpenHandler:
            self._listed.append(OpenEndpoint(method, path, handler))
            return handler

        return add

    def _adding(self, method: str, path: str, scope: str | None) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self._listed.append(Endpoint(method, path, handler, scope))
            return handler

        return add


class Face:
    """The ASGI application, to be mounted under `BASE`. Its state is that of one process."""

    def __init__(self, endpoints: Iterable[Endpoint | OpenEndpoint]) -> None:
        repeats = Repeats()
        routes = [
            Route(BASE + one.path, _answering(one, repeats), methods=[one.method], include_in_schema=False)
            for one in endpoints
        ]
        self._app = ExceptionMiddleware(Router(routes, redirect_slashes=False), HANDLERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = scope.get("root_path", "")
        path = scope["path"].removeprefix(root)
        scope[_IS_BEARER] = path.startswith(BEARER + "/")
        while path.startswith(BEARER + "/"):
            path = path.removeprefix(BEARER)
        # Both prefixes are one set of routes, with paths that are whole in metrics and messages.
        scope["path"], scope["root_path"] = BASE + path, ""
        await self._app(scope, receive, send)


def _answering(endpoint: Endpoint | OpenEndpoint, repeats: Repeats) -> OpenHandler:
    if isinstance(endpoint, OpenEndpoint):
        return endpoint.handler

    async def answer(request: Request) -> Response:
        call = await _authorised(request, endpoint.scope, repeats)
        status = 500
        try:
            response = await endpoint.handler(call)
            status = response.status_code
        except Problem as refused:
            status = refused.status
            raise
        finally:
            if endpoint.method == "POST":
                await repeats.answered(call.digest, status, call.gone)
        return response

    return answer


async def _authorised(request: Request, scope: str | None, repeats: Repeats) -> StratixCall:
    """The call, if its key is one of the organization and project that the path names, and holds the scope."""
    running: Running = request.app.state.running
    principal = await running.accounts.authenticate(presented_key(request.headers))
    await running.rate_limits.count(principal, request.scope)
    if scope is not None:
        principal.require(scope)
    named, tenant = request.path_params, principal.tenant
    if named.get("organization_id", tenant.organization_id) != tenant.organization_id:
        raise NotFound("organization_not_found", f"This key has no organization {named['organization_id']!r}.")
    if named.get("project_id", tenant.project_id) != tenant.project_id:
        raise NotFound("project_not_found", f"This key has no project {named['project_id']!r}.")
    return StratixCall(request, running, principal, repeats=repeats, content=await body_of(request, running))


async def body_of(request: Request, running: Running) -> bytes:
    """The body of a request that may have one. Raises `TooLarge`, `TooSlow`."""
    if request.method not in _WRITES:
        return b""
    return await read_bytes(request, min(MAX_BODY_BYTES, running.settings.limits.max_body_bytes))
