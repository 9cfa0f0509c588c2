"""The execution core with a job whose items are plain functions: for testing the core, and jobs, without flows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.accounts.compute_units.service import ComputeUnits
from penstock.errors import StepError
from penstock.executions.dispatch import Dispatcher
from penstock.executions.item import Attempt, ItemRun, StepPolicy
from penstock.executions.job import OpenJob
from penstock.executions.journal import Journal
from penstock.executions.model import Execution, Options, Planned, Submission
from penstock.executions.retries import RetryPolicy
from penstock.executions.service import ExecutionService
from penstock.executions.signals import Signals
from penstock.queue.local import Places
from penstock.storage import items as item_rows
from penstock.storage.executions import loads
from penstock.storage.sqlite import SqliteStore
from penstock.testing.stores import open_store
from penstock.types import Json, Tenant
from penstock.webhooks.announcing import tell

TENANT = Tenant("a" * 24, "b" * 24)
QUICK = RetryPolicy(max_attempts=3, initial_delay_seconds=0.0)

Work = Callable[[ItemRun], Awaitable[Json]]


class FunctionJob:
    """Items are the submitted inputs; each is handed to one function."""

    single = False
    steps_per_item = 2

    def __init__(self, core: Core, execution: Execution) -> None:
        self.core = core
        self.execution = execution

    async def plan(self) -> AsyncIterator[list[Planned]]:
        after = -1
        while rows := await self.core.store.read(item_rows.inputs_after(self.execution.no, after, 10)):
            after = int(rows[-1]["path"])
            yield [
                Planned(int(row["path"]), loads(row["input"]), stored=True)
                for row in rows
                if row["status"] == "pending"
            ]

    async def run_item(self, item: ItemRun) -> Json:
        return await self.core.work(item)

    async def finish(self, execution: Execution) -> Json:
        return None


@dataclass
class Core:
    store: SqliteStore
    journal: Journal
    dispatcher: Dispatcher
    service: ExecutionService
    units: ComputeUnits
    calls: list[tuple[str, str]] = field(default_factory=list)
    work: Work = field(default=None)  # type: ignore[assignment]

    async def submit(self, inputs: list[Any], **options: Any) -> Execution:
        given: dict[str, Any] = {"concurrency": options.pop("concurrency", 10)}
        given |= {name: options.pop(name) for name in ("on_item_error", "budget") if name in options}
        submission = Submission(
            tenant=TENANT,
            kind="test",
            subject_id="subject",
            subject_name="subject",
            subject_version=1,
            lane=options.pop("lane", "batch"),
            spec={},
            options=Options(**given),
            deadline_ms=options.pop("deadline_ms", 60_000),
            inputs=inputs,
            total_items=len(inputs),
            **options,
        )
        return (await self.service.submit(submission)).execution

    async def finished(self, execution: Execution) -> Execution:
        return await self.service.wait(TENANT, execution.id, 20)

    async def run(self, inputs: list[Any], work: Work, **options: Any) -> Execution:
        self.work = work
        return await self.finished(await self.submit(inputs, **options))

    async def counts(self, execution: Execution) -> dict[str, int]:
        _, body = await self.service.progress(TENANT, execution.id)
        return {name: n for name, n in body["counts"].items() if n}

    async def step(
        self,
        item: ItemRun,
        node: str,
        action: Callable[[Attempt], Json | Awaitable[Json]],
        *,
        effectful: bool = True,
        final: bool = False,
        fingerprint: str = "same",
        timeout_seconds: float | None = None,
    ) -> Json:
        async def call(attempt: Attempt) -> Json:
            self.calls.append((item.shown_path, node))
            result: Any = action(attempt)
            return (await result) if asyncio.iscoroutine(result) else result  # type: ignore[no-any-return]

        policy = StepPolicy(effectful, QUICK, timeout_seconds)
        return await item.step(node, call, policy, fingerprint=fingerprint, final=final)


def refuse(message: str = "no", *, retryable: bool = False) -> Json:
    raise StepError("refused", message, retryable=retryable)


@asynccontextmanager
async def open_core(path: Path, *, places: int = 8, works: bool = True) -> AsyncIterator[Core]:
    store = await open_store(path)
    core: Core

    async def open_job(execution: Execution) -> FunctionJob:
        return FunctionJob(core, execution)

    journal = Journal(store)
    units = ComputeUnits(store, tell)
    jobs: dict[str, OpenJob] = {"test": open_job}
    dispatcher = Dispatcher(store, journal, Signals(), jobs, Places(places, 1), works=works, charging=units.ledger)
    service = ExecutionService(store, dispatcher, max_queued=1000)
    core = Core(store, journal, dispatcher, service, units)
    journal.start()
    dispatcher.start()
    try:
        yield core
    finally:
        await dispatcher.stop(1.0)
        await journal.close()
        await store.close()
