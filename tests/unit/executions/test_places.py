"""Places are shared: neither lane can shut the other out, and who waits longer goes first."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.errors import LimitReached
from penstock.executions.item import ItemRun
from penstock.executions.model import Status
from penstock.executions.service import ExecutionService
from penstock.queue.local import Places
from penstock.testing.core import TENANT, open_core
from penstock.types import Json


def test_neither_lane_takes_the_last_places_from_the_other() -> None:
    places = Places(8, 2)
    assert [places.take("interactive") for _ in range(7)] == [True] * 6 + [False]
    assert [places.take("batch") for _ in range(3)] == [True, True, False]
    places.give_back("interactive")
    assert places.take("interactive")
    assert places.free("batch") == 0


def test_one_place_serves_both_lanes() -> None:
    places = Places(1, 1)
    assert places.take("batch")
    assert not places.take("interactive")
    places.give_back("batch")
    assert places.take("interactive")


async def test_a_new_execution_does_not_pass_those_that_wait(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", places=2) as core:
        order: list[Json] = []
        gate = asyncio.Event()

        async def work(item: ItemRun) -> Json:
            order.append(item.input)
            if item.input == 0:
                await gate.wait()
            return item.input

        core.work = work
        executions = [await core.submit([n]) for n in range(6)]
        while not order:
            await asyncio.sleep(0)
        gate.set()
        for execution in executions:
            assert (await core.service.wait(TENANT, execution.id, 20)).status == Status.COMPLETED
        assert order == list(range(6))


async def test_a_full_queue_refuses_new_work_but_answers_a_repeated_request(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", works=False) as core:
        first = await core.submit([1], idempotency_key="k", request_hash="h")
        core.service = ExecutionService(core.store, core.dispatcher, max_queued=1)
        again = await core.submit([1], idempotency_key="k", request_hash="h")
        assert again.id == first.id
        with pytest.raises(LimitReached):
            await core.submit([2])
