"""What the receipt of a cancel tells: calls that were cut off, and what was spent after it was asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from penstock.executions.item import Attempt, ItemRun
from penstock.executions.model import Status
from penstock.models.usage import NOTHING, Usage
from penstock.testing.core import TENANT, open_core, refuse
from penstock.types import Json

DOLLAR = Usage(model_calls=1, cost_nanos=10**9)


async def test_calls_that_were_cut_off_and_none_that_rest_or_wait_for_a_place(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        calling, never = asyncio.Semaphore(0), asyncio.Event()

        async def call(attempt: Attempt) -> Json:
            reservation = await attempt.meter.reserve(NOTHING)
            if attempt.detail.get("waits"):
                calling.release()
                await never.wait()
            await attempt.meter.begin(reservation)
            calling.release()
            try:
                await never.wait()
            except BaseException:
                attempt.meter.give_up(reservation, may_be_billed=True)
                raise
            return None

        async def wait(attempt: Attempt) -> Json:
            attempt.detail["waits"] = True
            return await call(attempt)

        async def work(item: ItemRun) -> Json:
            return await core.step(item, "ask", wait if item.ordinal == 0 else call)

        core.work = work
        execution = await core.submit([0, 1, 2, 3])
        for _ in range(4):
            await calling.acquire()
        cancelled = await core.service.cancel(TENANT, execution.id)
    assert cancelled.status == Status.CANCELLED
    assert cancelled.cancel_receipt is not None
    assert cancelled.cancel_receipt["callsAborted"] == 3
    assert cancelled.cancel_receipt["itemsDropped"] == 4


async def test_answers_that_were_on_their_way_are_kept_and_counted(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        calling, answer = asyncio.Semaphore(0), asyncio.Event()

        async def call(attempt: Attempt) -> Json:
            reservation = await attempt.meter.reserve(NOTHING)
            await attempt.meter.begin(reservation)
            calling.release()
            await answer.wait()
            attempt.meter.settle(reservation, DOLLAR)
            return "answered"

        async def work(item: ItemRun) -> Json:
            await core.step(item, "first", call, final=True)
            if item.ordinal == 0:
                await core.step(item, "second", lambda attempt: refuse("nothing starts any more"))
            return "answered"

        core.work = work
        execution = await core.submit([0, 1, 2])
        for _ in range(3):
            await calling.acquire()
        run = core.dispatcher.run_of(execution.no)
        assert run is not None
        cancelling = asyncio.create_task(core.service.cancel(TENANT, execution.id))
        while run.stopping is None:
            await asyncio.sleep(0)
        answer.set()
        cancelled = await cancelling
        counts = await core.counts(execution)
    assert cancelled.cancel_receipt is not None
    assert cancelled.cancel_receipt["callsAborted"] == 0
    assert float(str(cancelled.cancel_receipt["costAfterRequestUsd"])) == 3
    assert counts == {"succeeded": 2, "cancelled": 1}
    assert core.calls == [("0", "first"), ("1", "first"), ("2", "first")]
