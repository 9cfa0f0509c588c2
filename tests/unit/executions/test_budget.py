"""A budget is never passed, whatever calls cost, fail, hang, or lose; and running out is a pause, not a death."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from penstock.errors import Conflict
from penstock.executions.item import Attempt, ItemRun
from penstock.executions.model import Budget, Execution, ResumeRequest, Status
from penstock.models.usage import Amounts, Usage
from penstock.testing.core import TENANT, Core, open_core
from penstock.types import Json

WORST = Amounts(nanos=100, tokens=50, ecu_micros=10)


class Provider:
    """Bills what it answers, as a real one does: also when nobody reads the answer."""

    def __init__(self, core: Core, cost: int = 60) -> None:
        self.core = core
        self.cost = cost
        self.billed = 0
        self.calls = 0
        self.seconds = 0.0
        self.answered = asyncio.Event()

    async def __call__(self, item: ItemRun) -> Json:
        return await self.core.step(item, "ask", self._ask)

    async def _ask(self, attempt: Attempt) -> Json:
        meter = attempt.meter
        reservation = await meter.reserve(WORST)
        try:
            await meter.begin(reservation)
            self.calls += 1
            self.billed += self.cost
            await asyncio.sleep(self.seconds)
            self.answered.set()
        except BaseException:
            meter.give_up(reservation, may_be_billed=True)
            raise
        meter.settle(
            reservation, Usage(model_calls=1, input_tokens=10, output_tokens=5, cost_nanos=self.cost, ecu_micros=5)
        )
        return "answer"


async def submit(core: Core, items: int, limit: Budget, concurrency: int = 50) -> Execution:
    return await core.submit(list(range(items)), concurrency=concurrency, budget=limit)


async def paused(core: Core, execution: Execution) -> Execution:
    found = await core.service.wait_for(execution, 30, until_paused=True)
    assert found.status == Status.PAUSED, found
    return found


@pytest.mark.parametrize("concurrency", [1, 7, 500])
async def test_spend_never_passes_the_budget_and_running_out_is_a_pause(core: Core, concurrency: int) -> None:
    core.work = provider = Provider(core)
    execution = await submit(core, 600, Budget(nanos=6_000), concurrency)
    found = await paused(core, execution)
    assert found.pause_reason is not None
    assert found.pause_reason.code == "budget_exhausted"
    assert "$0.000006" in found.pause_reason.message
    assert 6_000 - WORST.nanos < provider.billed <= 6_000, "it stops within one worst case of the budget"
    assert (found.held, found.lost) == (Amounts(), Amounts())

    with pytest.raises(Conflict, match="larger budget"):
        await core.service.resume(TENANT, execution.id, ResumeRequest())
    await core.service.resume(TENANT, execution.id, ResumeRequest(budget=Budget(nanos=100_000)))
    ended = await core.finished(execution)
    assert ended.status == Status.COMPLETED
    assert provider.calls == 600, "nothing was paid for twice"
    assert provider.billed == 36_000


@pytest.mark.parametrize("limit", [Budget(tokens=100), Budget(ecu_micros=25), Budget(nanos=250, tokens=10_000)])
async def test_each_measure_limits(core: Core, limit: Budget) -> None:
    core.work = provider = Provider(core)
    await paused(core, await submit(core, 50, limit, 10))
    assert 1 <= provider.calls <= 5


async def test_a_call_that_nobody_saw_the_end_of_counts_at_its_worst(core: Core) -> None:
    core.work = provider = Provider(core)
    provider.seconds = 3600
    execution = await submit(core, 4, Budget(nanos=1_000), 4)
    while provider.calls < 4:
        await asyncio.sleep(0)
    ended = await core.service.cancel(TENANT, execution.id)
    assert ended.status == Status.CANCELLED
    assert ended.held == Amounts()
    assert ended.lost.nanos == 4 * WORST.nanos
    _, body = await core.service.progress(TENANT, execution.id)
    assert body["budget"]["unaccounted"]["usd"] == "0.000000400"


async def test_what_is_held_when_the_process_dies_is_lost_and_never_spent_again(tmp_path: Path) -> None:
    path, billed = tmp_path / "p.db", 0
    limit = Budget(nanos=1_000)
    async with open_core(path) as core:
        core.work = provider = Provider(core)
        provider.seconds = 3600
        execution = await submit(core, 30, limit, 3)
        while provider.calls < 3:
            await asyncio.sleep(0)
        billed += provider.billed
        held = (await core.service.get(TENANT, execution.id)).held
        assert held.nanos == 3 * WORST.nanos, "the worst case is on disk before the call leaves"
        # The process dies here: its store is closed under it, so nothing more is written.
        await core.store.close()
    async with open_core(path) as core:
        core.work = provider = Provider(core)
        found = await paused(core, await core.service.get(TENANT, execution.id))
        billed += provider.billed
        assert found.lost.nanos == 3 * WORST.nanos
        assert billed <= 1_000
        assert provider.calls >= 10


async def test_a_random_life_never_overspends(core: Core) -> None:
    draw = random.Random(5)
    core.work = provider = Provider(core)

    async def erratic(attempt: Attempt) -> Json:
        meter = attempt.meter
        reservation = await meter.reserve(WORST)
        try:
            await meter.begin(reservation)
            provider.calls += 1
            cost = draw.choice([0, 1, 99, 100])
            provider.billed += cost
            await asyncio.sleep(draw.random() / 200)
            if draw.random() < 0.1:
                raise TimeoutError
        except BaseException:
            meter.give_up(reservation, may_be_billed=True)
            raise
        meter.settle(reservation, Usage(model_calls=1, cost_nanos=cost))
        return cost

    provider._ask = erratic  # type: ignore[method-assign]
    execution = await submit(core, 400, Budget(nanos=2_000), 100)
    limit = 2_000
    while True:
        found = await core.service.wait_for(execution, 30, until_paused=True)
        assert provider.billed <= limit
        if found.status != Status.PAUSED:
            break
        limit += 5_000
        await core.service.resume(TENANT, execution.id, ResumeRequest(budget=Budget(nanos=limit)))
        execution = await core.service.get(TENANT, execution.id)
    assert found.status == Status.COMPLETED
    assert found.held == Amounts()
