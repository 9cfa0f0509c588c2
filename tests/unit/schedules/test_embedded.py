"""A command that works on the data folder by itself fires nothing; a server that is up does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2

from penstock import AsyncPenstock
from penstock.server.app import create_app, embedded_key
from penstock.settings import Settings
from penstock.storage.store import rows_of

FLOW = {"name": "tick", "nodes": {"one": {"type": "transform", "expression": "1"}}, "output": {"one": "one.out"}}


@asynccontextmanager
async def started(folder: Path, *, embedded: bool) -> AsyncIterator[AsyncPenstock]:
    app = create_app(Settings(data_dir=folder), embedded=embedded)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with AsyncPenstock("http://here", embedded_key(app), transport=transport, max_retries=0) as client:
            yield client
            # Whatever comes next finds that a due time has passed.
            await app.state.running.engine.store.write(rows_of("update schedules set next_at = 1000"))


async def test_a_command_leaves_due_times_to_the_next_server(tmp_path: Path) -> None:
    async with started(tmp_path, embedded=True) as command:
        await command.flows.create(FLOW)
        await command.schedules.create("s", "tick", "@yearly")
    async with started(tmp_path, embedded=True) as command:
        assert await command.flows.execute("tick") == {"one": 1}
        assert [firing async for firing in command.schedules.firings("s")] == []
    async with started(tmp_path, embedded=False) as server:
        while not (firings := [firing async for firing in server.schedules.firings("s")]):
            await server.flows.execute("tick")
    assert firings[-1].due_at.timestamp() == 1
