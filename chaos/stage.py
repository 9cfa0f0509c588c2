"""What actors work with: a client that outlives kills, the ledger, and what is known of a tenant's executions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx2

from chaos.ledger import Ledger

PATIENCE_SECONDS = 90.0
TERMINAL = frozenset({"completed", "failed", "cancelled", "timeout"})


@dataclass
class Stage:
    """One user of one tenant. `executions` are those it has been told of, newest last."""

    name: str
    client: httpx2.AsyncClient
    ledger: Ledger
    draw: Random
    receiver: str
    executions: list[str] = field(default_factory=list)
    watchers: set[asyncio.Task[None]] = field(default_factory=set)
    _tokens: int = 0

    def token(self) -> str:
        """A name for one intention: used as its idempotency key, and kept with the execution."""
        self._tokens += 1
        return f"{self.name}-{self._tokens}"

    def some_execution(self) -> str | None:
        """One of the latest, since the older ones are mostly over."""
        return self.draw.choice(self.executions[-6:]) if self.executions else None

    async def ask(self, method: str, path: str, **request: Any) -> httpx2.Response | None:
        """One request; None when the server went away before it answered."""
        try:
            return await self.client.request(method, path, **request)
        except httpx2.TransportError:
            return None

    async def insist(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """The same request until it is answered. Raises TimeoutError when that takes longer than any outage may."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await self.ask(method, path, **request)
                if answer is not None and answer.status_code not in (429, 503):
                    return answer
                await asyncio.sleep(0.1)

    async def progress(self, execution: str) -> dict[str, Any]:
        """The progress body of an execution."""
        body: dict[str, Any] = (await self.insist("GET", f"/executions/{execution}")).json()
        return body

    def acknowledged(self, execution: str, token: str, **facts: Any) -> None:
        """A 2xx has said that the execution exists: it may never be lost."""
        if execution not in self.executions:
            self.executions.append(execution)
        self.ledger.note("acknowledged", execution=execution, tenant=self.name, token=token, **facts)
