"""Receivers on loopback that answer as they are told, and the core with webhooks around it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from penstock.accounts.secrets import SecretVault
from penstock.executions.item import ItemRun
from penstock.executions.model import Execution
from penstock.net.client import GuardedClient
from penstock.net.policy import EgressPolicy
from penstock.testing.core import TENANT, Core, open_core
from penstock.webhooks.deliveries import DeliveryFilter
from penstock.webhooks.policy import DeliveryPolicy
from penstock.webhooks.service import Webhooks

QUICK = DeliveryPolicy(schedule_seconds=(0.0, 0.02, 0.02), timeout_seconds=0.3, at_once=8, per_host=2)
PATIENCE_SECONDS = 20
HANG = -1


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """What it says, by the reference implementation. Raises `WebhookVerificationError`."""
        return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """`answers` are given in turn: a status, or `(status, headers, body)`, or `HANG`; then 200 for ever."""

    url: str = ""
    answers: deque[Any] = field(default_factory=deque)
    received: list[Received] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        async with self._changed:
            self.received.append(Received({name.lower(): text for name, text in request.headers.items()}, body))
            self._changed.notify_all()
        try:
            answer = self.answers.popleft() if self.answers else 200
            if answer == HANG:
                await self.let_go.wait()
                answer = 200
            status, headers, text = answer if isinstance(answer, tuple) else (answer, {}, "")
            return web.Response(status=status, headers=headers, text=text)
        finally:
            self.at_once -= 1

    async def arrived(self, count: int) -> list[Received]:
        """Once there have been so many requests: all of them."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.received) >= count)
        return self.received


@asynccontextmanager
async def serve(receiver: Receiver, port: int = 0) -> AsyncIterator[Receiver]:
    application = web.Application()
    application.router.add_post("/{name:.*}", receiver.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        receiver.let_go.set()
        await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with serve(Receiver()) as receiver:
        yield receiver


@pytest.fixture
async def another() -> AsyncIterator[Receiver]:
    async with serve(Receiver()) as receiver:
        yield receiver


async def double(item: ItemRun) -> Any:
    value: Any = item.input
    return {"double": value * 2}


@dataclass
class Told:
    """The core, and webhooks about what it does. The sender is not started."""

    core: Core
    webhooks: Webhooks

    async def run(self, work: Callable[[ItemRun], Awaitable[Any]] = double, **submission: Any) -> Execution:
        return await self.core.run([1, 2], work, **submission)

    async def endpoint(self, url: str, *events: str) -> tuple[str, str]:
        """Id and secret of a new endpoint."""
        endpoint, made = await self.webhooks.endpoints.create(TENANT, url, list(events) or None)
        return endpoint.id, made.secret

    async def deliveries(self, **wanted: Any) -> list[Any]:
        return list(await self.webhooks.deliveries.page(TENANT, DeliveryFilter(**wanted), None, 100))

    async def until(self, condition: Callable[[list[Any]], bool]) -> list[Any]:
        """Let the sender look again and again until the deliveries, newest first, are as they should be."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition(found := await self.deliveries()):
                self.webhooks.dispatcher.wake()
                await asyncio.sleep(0.01)
        return found

    async def over(self, count: int = 1) -> list[Any]:
        return await self.until(lambda found: len(found) >= count and all(d["status"] != "pending" for d in found))

    async def attempts(self, delivery: Any) -> list[Any]:
        return list((await self.webhooks.deliveries.get(TENANT, delivery["id"]))[1])


@asynccontextmanager
async def open_told(
    folder: Path, policy: DeliveryPolicy = QUICK, *, networks: tuple[str, ...] = ("127.0.0.0/8",), start: bool = True
) -> AsyncIterator[Told]:
    async with open_core(folder / "store.db") as core:
        http = GuardedClient(EgressPolicy(networks))
        webhooks = Webhooks.wire(core.store, http, SecretVault(core.store, b"k" * 32), core.service, policy)
        if start:
            webhooks.dispatcher.start()
        try:
            yield Told(core, webhooks)
        finally:
            await webhooks.dispatcher.stop()
            await http.close()


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    async with open_told(tmp_path) as told:
        yield told
