"""Whole lives at random: run, pause, cancel, stop, start again, retry; after each step the books must balance."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from penstock.errors import Conflict
from penstock.executions.item import ItemRun
from penstock.executions.model import Execution, ResumeRequest, RetryRequest, Status
from penstock.models.usage import Usage
from penstock.storage.store import Transaction
from penstock.testing.core import TENANT, Core, open_core, refuse
from penstock.types import Json


class World:
    """What the steps do, and how often each was paid for."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.paid: Counter[tuple[str, str]] = Counter()
        self.failing = 0.2

    async def pay(self, item: ItemRun, node: str, usage: Usage) -> Json:
        usage.add(Usage(model_calls=1, cost_nanos=1))
        for _ in range(self.draw.randint(0, 3)):
            await asyncio.sleep(0)
        if self.draw.random() < self.failing:
            refuse()
        self.paid[item.shown_path, node] += 1
        return item.ordinal

    def work(self, core: Core) -> object:
        async def leaf(item: ItemRun) -> Json:
            await core.step(item, "leaf", lambda attempt: self.pay(item, "leaf", attempt.usage))
            return item.input

        async def work(item: ItemRun) -> Json:
            await core.step(item, "first", lambda attempt: self.pay(item, "first", attempt.usage))
            if item.ordinal % 3 == 0:
                await item.fan_out([1, 2, 3], leaf, label=None, limit=2)
            return await core.step(item, "last", lambda attempt: self.pay(item, "last", attempt.usage))

        return work


async def check_books(core: Core, no: int) -> None:
    running = core.dispatcher.end_of(no)
    if running is not None:  # the end is on disk, and this process is about to hear of it
        await asyncio.wait((running,))
    execution = await core.service.get(TENANT, await _id_of(core, no))
    _, body = await core.service.progress(TENANT, execution.id)

    def read() -> Transaction[tuple[list[int], int, int, int]]:
        numbers = yield (
            "select seq from items where execution_no = $1 and seq is not null"
            " union all select seq from events where execution_no = $1 order by 1",
            no,
        )
        calls = yield "select sum(model_calls) as n, sum(cost_nanos) as c from steps where execution_no = $1", no
        twice = yield "select count(*) - count(distinct path) as n from items where execution_no = $1", no
        return [row["seq"] for row in numbers], calls[0]["n"] or 0, calls[0]["c"] or 0, twice[0]["n"]

    numbers, calls, _, twice = await core.store.read(read())
    assert numbers == list(range(1, execution.seq + 1))
    assert twice == 0
    assert body["usage"]["modelCalls"] == calls
    assert sum(body["counts"].values()) == body["totalItems"]
    assert body["counts"]["pending"] == body["counts"]["running"] == 0
    assert core.dispatcher.places.taken == 0
    assert (core.dispatcher.gate.inside, core.dispatcher.gate.waiting) == (0, 0)
    if execution.status == Status.COMPLETED:
        assert body["progress"] == 100


async def _id_of(core: Core, no: int) -> str:
    def read() -> Transaction[str]:
        rows = yield "select id from executions where no = $1", no
        return str(rows[0]["id"])

    return await core.store.read(read())


async def disturb(core: Core, world: World, execution: Execution) -> None:
    """Let it run a while, then leave it, cancel it, set it aside for a moment, or wait for its end."""
    choice = world.draw.choice(["leave", "cancel", "pause", "end"])
    for _ in range(world.draw.randint(0, 30)):
        await core.store.read(_nothing())
    if choice == "cancel":
        try:
            await core.service.cancel(TENANT, execution.id)
        except Conflict:
            pass
    if choice == "pause":
        try:
            await core.service.pause(TENANT, execution.id, wait_seconds=20)
            await core.service.resume(TENANT, execution.id, ResumeRequest())
        except Conflict:
            pass
    if choice != "leave":
        await core.finished(execution)


def _nothing() -> Transaction[None]:
    yield ("select 1",)


@pytest.mark.parametrize("seed", range(4))
async def test_the_books_balance_after_every_turn_of_a_life(tmp_path: Path, seed: int) -> None:
    world = World(seed)
    execution: Execution | None = None
    for turn in range(6):
        async with open_core(tmp_path / "store.db") as core:
            core.work = world.work(core)  # type: ignore[assignment]
            if execution is None:
                execution = await core.submit(list(range(15)), concurrency=4)
            elif (await core.service.get(TENANT, execution.id)).status.terminal:
                try:
                    wanted = world.draw.choice(["failed", "unfinished"])
                    await core.service.retry(TENANT, execution.id, RetryRequest(items=wanted))
                except Conflict:
                    pass
            await disturb(core, world, execution)
            if (await core.service.get(TENANT, execution.id)).status.terminal:
                await check_books(core, execution.no)
        world.failing = 0.2 if turn < 4 else 0.0
    assert execution is not None
    async with open_core(tmp_path / "store.db") as core:
        core.work = world.work(core)  # type: ignore[assignment]
        ended = await core.finished(execution)
        while ended.status != Status.COMPLETED or await _left(core, ended):
            await core.service.retry(TENANT, execution.id, RetryRequest(items="unfinished"))
            ended = await core.finished(execution)
        assert await core.counts(ended) == {"succeeded": 15 + 5 * 3}
        assert set(world.paid.values()) == {1}, "what was paid for is recorded, and not run again"
        await check_books(core, execution.no)


async def _left(core: Core, execution: Execution) -> bool:
    return set(await core.counts(execution)) != {"succeeded"}
