"""Pause and resume: what is in flight finishes, nothing else starts, every place is free, nothing runs twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.errors import Conflict
from penstock.executions.item import Attempt, ItemRun
from penstock.executions.model import ResumeRequest, RetryRequest, Status
from penstock.storage.store import rows_of
from penstock.testing.core import TENANT, Core, open_core, refuse
from penstock.types import Json


class Held:
    """Work whose second step waits until it is let go; counts what starts."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.begun = asyncio.Event()
        self.free = asyncio.Event()

    async def __call__(self, item: ItemRun) -> Json:
        first = await self.core.step(item, "first", lambda _: item.input)
        return await self.core.step(item, "second", lambda _: self._second(first))

    async def _second(self, value: Json) -> Json:
        self.begun.set()
        await self.free.wait()
        return value


async def paused_halfway(core: Core, items: int = 6) -> tuple[Held, str]:
    core.work = work = Held(core)
    execution = await core.submit(list(range(items)), concurrency=2)
    await work.begun.wait()
    asked = await core.service.pause(TENANT, execution.id, wait_seconds=0)
    assert asked.status == Status.RUNNING, "steps in flight are still finishing"
    work.free.set()
    paused = await core.service.wait_for(asked, 20, until_paused=True)
    assert paused.status == Status.PAUSED
    return work, execution.id


async def test_a_pause_drains_frees_every_place_and_a_resume_repeats_nothing(core: Core) -> None:
    work, execution_id = await paused_halfway(core)
    finished_before = len([call for call in core.calls if call[1] == "second"])
    assert finished_before == 2, "what was in flight has finished"
    assert core.dispatcher.places.taken == 0
    paused = await core.service.get(TENANT, execution_id)
    assert paused.lease_owner is None
    assert paused.pause_reason is not None
    assert paused.pause_reason.code == "requested"

    await core.service.resume(TENANT, execution_id, ResumeRequest())
    ended = await core.service.wait(TENANT, execution_id, 20)

    assert ended.status == Status.COMPLETED
    assert sorted(core.calls) == sorted((str(n), node) for n in range(6) for node in ("first", "second"))
    assert work.free.is_set()


async def test_a_pause_is_idempotent_and_what_is_over_cannot_be_paused(core: Core) -> None:
    _, execution_id = await paused_halfway(core)
    again = await core.service.pause(TENANT, execution_id)
    assert again.status == Status.PAUSED
    await core.service.cancel(TENANT, execution_id)
    with pytest.raises(Conflict, match="cancelled"):
        await core.service.pause(TENANT, execution_id)
    with pytest.raises(Conflict, match="only a paused one"):
        await core.service.resume(TENANT, execution_id, ResumeRequest())


async def test_one_that_waits_can_be_paused_and_resumed(tmp_path: Path) -> None:
    async with open_core(tmp_path / "p.db", works=False) as core:
        execution = await core.submit([1])
        paused = await core.service.pause(TENANT, execution.id)
        assert (paused.status, paused.lease_number) == (Status.PAUSED, 0)
        resumed = await core.service.resume(TENANT, execution.id, ResumeRequest(concurrency=3))
        assert resumed.status == Status.PENDING
        assert resumed.options.concurrency == 3


async def test_a_paused_one_can_be_cancelled_with_a_receipt(core: Core) -> None:
    _, execution_id = await paused_halfway(core)
    ended = await core.service.cancel(TENANT, execution_id)
    assert ended.status == Status.CANCELLED
    assert ended.cancel_receipt is not None
    assert ended.cancel_receipt["itemsFinished"] == 2
    assert ended.cancel_receipt["itemsDropped"] == 4


async def test_a_cancel_while_it_drains_cuts_off_what_is_in_flight(core: Core) -> None:
    core.work = work = Held(core)
    execution = await core.submit([1, 2], concurrency=2)
    await work.begun.wait()
    await core.service.pause(TENANT, execution.id, wait_seconds=0)
    ended = await core.service.cancel(TENANT, execution.id)
    assert ended.status == Status.CANCELLED


async def test_a_step_that_waits_for_its_next_attempt_does_not_hold_up_a_pause(core: Core) -> None:
    tried = asyncio.Event()

    async def work(item: ItemRun) -> Json:
        async def call(attempt: Attempt) -> Json:
            tried.set()
            return refuse(retryable=True)

        from penstock.executions.item import StepPolicy
        from penstock.executions.retries import RetryPolicy

        policy = StepPolicy(True, RetryPolicy(max_attempts=3, initial_delay_seconds=3600, max_delay_seconds=3600))
        core.calls.append((item.shown_path, "slow"))
        return await item.step("slow", call, policy, fingerprint="same")

    core.work = work
    execution = await core.submit([1])
    await tried.wait()
    paused = await core.service.pause(TENANT, execution.id, wait_seconds=10)
    assert paused.status == Status.PAUSED


async def test_what_comes_to_its_end_while_it_drains_is_over(core: Core) -> None:
    core.work = work = Held(core)
    execution = await core.submit([1], concurrency=1)
    await work.begun.wait()
    await core.service.pause(TENANT, execution.id, wait_seconds=0)
    work.free.set()
    ended = await core.service.wait(TENANT, execution.id, 20)
    assert ended.status == Status.COMPLETED


async def test_the_deadline_and_the_duration_stand_still_while_it_is_paused(core: Core) -> None:
    _, execution_id = await paused_halfway(core)
    paused = await core.service.get(TENANT, execution_id)
    assert paused.paused_at is not None
    later = paused.paused_at + 3_600_000
    assert paused.elapsed_ms(later) == paused.elapsed_ms(paused.paused_at)
    await asyncio.sleep(0.05)
    resumed = await core.service.resume(TENANT, execution_id, ResumeRequest())
    assert resumed.deadline_at >= paused.deadline_at + 50


async def test_a_pause_survives_the_end_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    async with open_core(path) as core:
        _, execution_id = await paused_halfway(core)
    async with open_core(path) as core:
        core.work = Held(core)
        core.work.free.set()
        assert (await core.service.get(TENANT, execution_id)).status == Status.PAUSED
        await core.service.resume(TENANT, execution_id, ResumeRequest())
        ended = await core.service.wait(TENANT, execution_id, 20)
        assert ended.status == Status.COMPLETED
        assert len(core.calls) == 8, "four items were left, with two steps each"


async def test_a_splitter_stops_between_its_elements(core: Core) -> None:
    begun, free = asyncio.Event(), asyncio.Event()

    async def element(item: ItemRun) -> Json:
        async def wait() -> Json:
            begun.set()
            await free.wait()
            return item.input

        return await core.step(item, "element", lambda _: wait())

    async def work(item: ItemRun) -> Json:
        outcomes = await item.fan_out(list(range(500)), element, label=None, limit=3)
        return len(outcomes)

    core.work = work
    execution = await core.submit([1], concurrency=3)
    await begun.wait()
    await core.service.pause(TENANT, execution.id, wait_seconds=0)
    free.set()
    paused = await core.service.wait_for(await core.service.get(TENANT, execution.id), 20, until_paused=True)
    assert paused.status == Status.PAUSED
    assert len(core.calls) == 3, "only the elements in flight ran"
    await core.service.resume(TENANT, execution.id, ResumeRequest(concurrency=100))
    ended = await core.service.wait(TENANT, execution.id, 20)
    assert ended.status == Status.COMPLETED
    assert len(core.calls) == 500


async def test_the_same_retry_key_reopens_once(core: Core) -> None:
    async def fails(item: ItemRun) -> Json:
        return await core.step(item, "fails", lambda _: refuse())

    execution = await core.run([1, 2], fails)
    wanted = RetryRequest(idempotency_key="k", request_hash="h")
    first = await core.service.retry(TENANT, execution.id, wanted)
    await core.finished(execution)
    second = await core.service.retry(TENANT, execution.id, wanted)
    assert first.generation == second.generation == 1
    assert second.status == Status.FAILED


@pytest.mark.parametrize("cancel", [False, True])
async def test_what_was_asked_of_it_before_is_not_done_to_it_after_a_resume(
    core: Core, monkeypatch: pytest.MonkeyPatch, cancel: bool
) -> None:
    asked = "select no, 1 as lease_number, $1 as cancel from executions"
    work, execution_id = await paused_halfway(core)
    work.free.clear()
    work.begun.clear()
    # As a look at the store that was under way all the while saw it.
    monkeypatch.setattr("penstock.storage.executions.to_stop", lambda owner: rows_of(asked, cancel))
    await core.service.resume(TENANT, execution_id, ResumeRequest())
    await work.begun.wait()
    await core.dispatcher._look()
    work.free.set()
    ended = await core.service.wait_for(await core.service.get(TENANT, execution_id), 20, until_paused=True)
    assert ended.status == Status.COMPLETED
