"""Who is calling, and whether the key may do what the route does."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Depends
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.requests import Request

from penstock.accounts.keys import Accounts, FirstStart, Principal
from penstock.accounts.members import Members
from penstock.server.bodies import read_model, read_object
from penstock.server.census import Census
from penstock.server.metrics import Metrics
from penstock.server.problems import REQUEST_ID
from penstock.server.rate_limits import RateLimits
from penstock.settings import Settings
from penstock.types import Tenant

if TYPE_CHECKING:
    from penstock.engine import Engine
    from penstock.executions.events import Feeds
    from penstock.server.sse import Streams

M = TypeVar("M", bound=BaseModel)


@dataclass
class Running:
    """What one started app works with; `app.state.running` while its lifespan lasts."""

    settings: Settings
    metrics: Metrics
    engine: Engine
    accounts: Accounts
    members: Members
    rate_limits: RateLimits
    first_start: FirstStart
    embedded_key: str = field(repr=False)
    feeds: Feeds
    streams: Streams
    census: Census = field(default_factory=Census)
    waiting: set[asyncio.Task[Any]] = field(default_factory=set)
    """Handlers that wait for an execution to end; a shutdown interrupts them, the executions are parked."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def uploads(self) -> Path:
        """Where files in request bodies are kept while they are read."""
        return self.settings.data_dir / "uploads"

    def interrupt_waiters(self) -> None:
        """Let every waiting caller be answered now; each is told how to attach to its execution again."""
        self.stopping.set()
        self.feeds.stop()
        for task in self.waiting:
            task.cancel()


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request."""

    request: Request
    running: Running
    principal: Principal

    @property
    def engine(self) -> Engine:
        return self.running.engine

    @property
    def tenant(self) -> Tenant:
        return self.principal.tenant

    @property
    def request_id(self) -> str:
        request_id: str = self.request.scope[REQUEST_ID]
        return request_id

    def path(self, path: str) -> str:
        """A path of this API as the caller reaches it: under `/v1` when the request was."""
        return f"{self.request.scope.get('root_path', '')}{path}"

    async def body(self, model: type[M]) -> M:
        """The JSON body as `model`; raises what `read_model` raises."""
        limits = self.running.settings.limits
        return await read_model(self.request, model, limits.max_body_bytes, limits.max_input_depth)

    async def object(self) -> dict[str, Any]:
        """The JSON body as an object; raises what `read_object` raises."""
        limits = self.running.settings.limits
        return await read_object(self.request, limits.max_body_bytes, limits.max_input_depth)


class Needs:
    """A dependency that lets a request pass when its key holds `scope`, and gives its `Call`.

    None: every key may. Raises `Unauthenticated`, `LimitReached` or `Forbidden`. The description of the API reads
    `scope` from here.
    """

    def __init__(self, scope: str | None) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Call:
        running: Running = request.app.state.running
        principal = await running.accounts.authenticate(presented_key(request.headers))
        await running.rate_limits.count(principal, request.scope)
        if self.scope is not None:
            principal.require(self.scope)
        return Call(request, running, principal)


def needs(scope: str) -> Any:
    """`Annotated[Call, needs("flows:read")]` as a parameter: the call, if its key holds the scope."""
    return Depends(Needs(scope))


def any_key() -> Any:
    """The call of whoever has a key, whatever it may do."""
    return Depends(Needs(None))


def presented_key(headers: Headers) -> str | None:
    """The key of `Authorization: Bearer`, else of `X-API-Key`; None when there is neither."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return headers.get("x-api-key")
