"""Whatever a stop or a caller who goes away comes in between: every place is given back, and nothing is left alone."""

from __future__ import annotations

import asyncio
import random

import pytest

from penstock.executions.item import Attempt, ItemRun
from penstock.executions.model import Budget, ResumeRequest, Status
from penstock.models.usage import Amounts, Usage
from penstock.testing.core import TENANT, Core
from penstock.types import Json


async def turns(count: int) -> None:
    """Let the event loop go round so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_stop_at_any_moment_gives_every_place_back(core: Core) -> None:
    async def element(item: ItemRun) -> Json:
        await turns(2)
        return item.input

    async def work(item: ItemRun) -> Json:
        await turns(1)
        if item.input in (1, 3, 5, 9, 11):
            await item.fan_out([1, 2, 3], element, label=None, limit=2)
        return item.input

    core.work = work
    for moment in range(60):
        execution = await core.submit(list(range(30)), concurrency=3)
        await turns(moment)
        core.dispatcher.cancel(execution.no)
        ended = await core.finished(execution)
        assert ended.status in (Status.CANCELLED, Status.COMPLETED)
        assert core.dispatcher.gate.inside == 0, f"a stop after {moment} turns"
        assert core.dispatcher.places.taken == 0


async def test_one_half_of_an_item_comes_back_while_the_other_is_split_again(core: Core) -> None:
    away = asyncio.Event()

    async def element(item: ItemRun) -> Json:
        return item.input

    async def first_half(item: ItemRun) -> None:
        await item.fan_out([1], element, label="a", limit=1)

    async def other_half(item: ItemRun) -> None:
        await away.wait()
        await item.fan_out([1, 2], element, label="b", limit=1)

    async def work(item: ItemRun) -> Json:
        if item.input == 0:
            async with asyncio.TaskGroup() as group:
                group.create_task(first_half(item))
                group.create_task(other_half(item))
        elif item.input == 2:
            # It has the only place, so the first half of item 0 waits to come back.
            away.set()
            await turns(10)
        return item.input

    core.work = work
    execution = await core.submit([0, 1, 2], concurrency=1)
    ended = await core.service.wait(TENANT, execution.id, 5)
    assert ended.status == Status.COMPLETED
    assert core.dispatcher.gate.inside == 0


@pytest.mark.parametrize("seed", range(12))
async def test_an_item_that_is_split_side_by_side_ends_and_holds_one_place(core: Core, seed: int) -> None:
    draw = random.Random(seed)

    async def element(item: ItemRun) -> Json:
        await turns(draw.randrange(4))
        return item.input

    async def branch(item: ItemRun, name: str) -> None:
        first = 0
        for _ in range(4):
            await turns(draw.randrange(6))
            size = draw.randrange(1, 4)
            await item.fan_out(list(range(size)), element, label=name, limit=1, first=first)
            first += size

    async def work(item: ItemRun) -> Json:
        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(branch(item, name))
        return "done"

    core.work = work
    execution = await core.submit(list(range(6)), concurrency=draw.randrange(1, 4))
    ended = await core.service.wait(TENANT, execution.id, 10)
    assert ended.status == Status.COMPLETED
    assert core.dispatcher.gate.inside == 0


async def test_a_resume_whose_caller_goes_away_goes_on(core: Core) -> None:
    free = asyncio.Event()

    async def work(item: ItemRun) -> Json:
        await free.wait()
        return item.input

    core.work = work
    execution = await core.submit([1, 2, 3], concurrency=1)
    asked = await core.service.pause(TENANT, execution.id, wait_seconds=0)
    free.set()
    paused = await core.service.wait_for(asked, 20, until_paused=True)
    assert paused.status == Status.PAUSED

    for moment in range(50):
        resuming = asyncio.create_task(core.service.resume(TENANT, execution.id, ResumeRequest()))
        await turns(moment)
        resuming.cancel()
        await asyncio.wait((resuming,))
        if (await core.service.get(TENANT, execution.id)).status != Status.PAUSED:
            break
    ended = await core.service.wait(TENANT, execution.id, 5)
    assert ended.status == Status.COMPLETED
    assert core.dispatcher.places.taken == 0


async def test_a_call_that_a_pause_keeps_from_leaving_costs_nothing_of_the_budget(core: Core) -> None:
    worst = Amounts(nanos=100, tokens=50, ecu_micros=10)
    begun = left = 0

    async def ask(attempt: Attempt) -> Json:
        nonlocal begun, left
        meter = attempt.meter
        reservation = await meter.reserve(worst)
        try:
            begun += 1
            if begun == 1:
                asyncio.get_running_loop().call_soon(core.dispatcher.pause, 1)
            await meter.begin(reservation)
            left += 1
        except BaseException:
            meter.give_up(reservation, may_be_billed=True)
            raise
        meter.settle(reservation, Usage(model_calls=1, cost_nanos=60))
        return None

    async def work(item: ItemRun) -> Json:
        return await core.step(item, "ask", ask)

    core.work = work
    execution = await core.submit(list(range(10)), concurrency=10, budget=Budget(nanos=10_000))
    paused = await core.service.wait_for(execution, 20, until_paused=True)
    assert paused.status == Status.PAUSED
    assert (paused.held, paused.lost) == (Amounts(), Amounts())
    assert left == 0
    await core.service.resume(TENANT, execution.id, ResumeRequest())
    ended = await core.finished(execution)
    assert ended.status == Status.COMPLETED
    assert ended.lost == Amounts()
