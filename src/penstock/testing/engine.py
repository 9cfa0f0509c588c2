"""A whole engine in a folder, without a server: for tests of flows and of packages that add nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from penstock.accounts.keys import Accounts
from penstock.engine import Engine
from penstock.executions.model import Execution
from penstock.flows.service import RunRequest
from penstock.settings import Settings
from penstock.testing.stores import prepare_store
from penstock.types import Json, Tenant


class TestEngine:
    """An engine and the tenant that tests act for."""

    __test__ = False

    def __init__(self, engine: Engine, tenant: Tenant) -> None:
        self.engine = engine
        self.tenant = tenant

    async def save(self, document: Any) -> str:
        """Create a flow and return its id."""
        return (await self.engine.library.create(self.tenant, document)).id

    async def run(self, document: Any, inputs: list[Json] | None = None, **request: Any) -> Execution:
        """Save a flow, run it, and wait for its end."""
        flow = await self.save(document)
        return await self.run_saved(flow, inputs, **request)

    async def run_saved(self, flow: str, inputs: list[Json] | None = None, **request: Any) -> Execution:
        submitted = await self.engine.flows.start(self.tenant, flow, RunRequest(inputs=inputs, **request))
        return await self.engine.executions.wait(self.tenant, submitted.execution.id, 60)

    async def rows(self, execution: Execution) -> list[Any]:
        """Every item: path, status, output, error."""
        return [row async for page in self.engine.executions.outputs(self.tenant, execution) for row in page]


@asynccontextmanager
async def open_engine(folder: Path, **settings: Any) -> AsyncIterator[TestEngine]:
    """An engine over a folder, started, with one organization and project."""
    wanted = Settings(data_dir=folder, **{"synchronous": "NORMAL", **settings})
    await asyncio.to_thread(prepare_store, wanted.database_path)
    engine = await Engine.open(wanted)
    try:
        accounts = Accounts(engine.store)
        first = await accounts.first_start(None)
        await engine.start()
        try:
            yield TestEngine(engine, first.tenant)
        finally:
            await accounts.close()
    finally:
        await engine.stop()
