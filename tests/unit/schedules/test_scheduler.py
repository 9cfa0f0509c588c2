"""The scheduler on a real engine and a real store; only the clock is a number that the tests move.

The engine runs nothing, so an execution is not over until a test cancels it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from penstock.accounts.keys import Accounts
from penstock.engine import Engine
from penstock.errors import Conflict, Invalid, NotFound, TooLarge
from penstock.executions.model import ExecutionFilter
from penstock.judges.watching import NewTraces
from penstock.schedules.catching_up import Claim, claim_of
from penstock.schedules.scheduler import MAX_QUEUED, Scheduler
from penstock.schedules.service import ScheduleChange, Schedules
from penstock.schedules.work import Work
from penstock.settings import Limits, Settings
from penstock.storage.firings import FiringRecord
from penstock.storage.schedules import ScheduleRecord
from penstock.storage.store import rows_of
from penstock.types import Tenant

NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000

FLOW = {
    "name": "report",
    "input": {"day": {"type": "string", "required": True}},
    "nodes": {"title": {"type": "transform", "inputs": {"day": "input.day"}, "expression": "'Report of ' ~ day"}},
    "output": {"title": "title.out"},
}


class Bench:
    """Schedules of one project, the loop that fires them, and the clock of both."""

    def __init__(self, engine: Engine, tenant: Tenant) -> None:
        self.engine = engine
        self.tenant = tenant
        self.now = NOON - 10_000
        self.work = Work(engine.flows, NewTraces(engine.store, engine.traces, engine.trace_evaluations, self.clock))
        self.scheduler = self.another()
        self.schedules = Schedules(
            engine.store, engine.library, self.work, engine.executions, now=self.clock, changed=lambda: None
        )

    def clock(self) -> int:
        return self.now

    def another(self) -> Scheduler:
        """A second loop on the same store, as a second process has it."""
        return Scheduler(self.engine.store, self.work, self.engine.executions, self.clock)

    async def add(self, name: str = "nightly", **wanted: Any) -> ScheduleRecord:
        given = {"cron": "* * * * *", "flow": "report", "run": {"inputs": [{"day": "Monday"}]}, **wanted}
        return await self.schedules.create(self.tenant, ScheduleChange(name=name, **given), None)

    async def at(self, moment: int) -> None:
        self.now = moment
        await self.scheduler.look()

    async def firings(self, name: str = "nightly") -> list[FiringRecord]:
        """Oldest first."""
        return (await self.schedules.firings(self.tenant, name, before=2**62, limit=2000))[::-1]

    async def outcomes(self, name: str = "nightly") -> list[str | None]:
        return [firing.outcome for firing in await self.firings(name)]

    async def executions(self) -> list[dict[str, Any]]:
        bodies, _ = await self.engine.executions.page(self.tenant, ExecutionFilter(), None, 1000)
        return bodies

    async def end(self, firing: FiringRecord) -> None:
        assert firing.execution_id is not None
        await self.engine.executions.cancel(self.tenant, firing.execution_id)


async def open_bench(folder: Path, limits: Limits | None = None) -> tuple[Bench, Accounts]:
    engine = await Engine.open(Settings(data_dir=folder, limits=limits or Limits()), worker=False)
    accounts = Accounts(engine.store)
    first = await accounts.first_start(None)
    await engine.library.create(first.tenant, FLOW)
    return Bench(engine, first.tenant), accounts


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench, accounts = await open_bench(tmp_path)
    yield bench
    await accounts.close()
    await bench.engine.stop()


async def test_a_due_time_starts_one_execution_of_what_the_schedule_runs(bench: Bench) -> None:
    made = await bench.add(run={"inputs": [{"day": "Monday"}], "metadata": {"why": "because"}, "concurrency": 3})
    assert made.next_at == NOON
    await bench.at(NOON - 1)
    assert await bench.firings() == []
    await bench.at(NOON + 15)
    await bench.at(NOON + 16)
    (firing,) = await bench.firings()
    assert (firing.due_at, firing.outcome, firing.trigger) == (NOON, "started", "clock")
    (body,) = await bench.executions()
    assert body["executionId"] == firing.execution_id
    assert body["metadata"] == {"why": "because"}
    after = await bench.schedules.get(bench.tenant, "nightly")
    assert (after.next_at, after.last_fired_at) == (NOON + MINUTE, NOON + 15)


async def test_two_loops_on_one_store_fire_once(bench: Bench) -> None:
    for number in range(30):
        await bench.add(f"s{number}", overlap="parallel")
    loops = [bench.another() for _ in range(4)]
    bench.now = NOON
    await asyncio.gather(*(loop.look() for loop in loops))
    bench.now = NOON + MINUTE
    await asyncio.gather(*(loop.look() for loop in loops))
    assert len(await bench.executions()) == 60
    for number in range(30):
        assert await bench.outcomes(f"s{number}") == ["started", "started"]


async def test_a_clock_that_is_set_back_fires_nothing_again(bench: Bench) -> None:
    await bench.add(overlap="parallel")
    await bench.at(NOON)
    await bench.at(NOON + MINUTE)
    await bench.at(NOON - 60 * MINUTE)
    await bench.schedules.update(bench.tenant, "nightly", ScheduleChange(enabled=False), None)
    await bench.schedules.update(bench.tenant, "nightly", ScheduleChange(enabled=True), None)
    await bench.at(NOON)
    await bench.at(NOON + MINUTE)
    assert [firing.due_at for firing in await bench.firings()] == [NOON, NOON + MINUTE]
    await bench.at(NOON + 2 * MINUTE)
    assert len(await bench.executions()) == 3


async def test_skip_leaves_out_what_is_due_while_an_earlier_one_is_not_over(bench: Bench) -> None:
    await bench.add(overlap="skip")
    await bench.at(NOON)
    await bench.at(NOON + MINUTE)
    first, second = await bench.firings()
    assert second.outcome == "skipped"
    assert second.reason is not None
    assert second.reason["code"] == "overlap"
    assert str(first.execution_id) in str(second.reason["message"])
    await bench.end(first)
    await bench.at(NOON + 2 * MINUTE)
    assert await bench.outcomes() == ["started", "skipped", "started"]


async def test_queue_runs_them_in_order_one_at_a_time(bench: Bench) -> None:
    await bench.add(overlap="queue")
    for minute in range(4):
        await bench.at(NOON + minute * MINUTE)
    assert await bench.outcomes() == ["started", "queued", "queued", "queued"]
    for turn in range(1, 4):
        await bench.end((await bench.firings())[turn - 1])
        await bench.at(bench.now + 1)
        assert await bench.outcomes() == ["started"] * (turn + 1) + ["queued"] * (3 - turn)


async def test_a_queue_has_an_end(bench: Bench) -> None:
    await bench.add(cron="*/10 * * * * *", overlap="queue")
    for number in range(MAX_QUEUED + 3):
        await bench.at(NOON + number * 10_000)
    outcomes = await bench.outcomes()
    assert outcomes == ["started", *["queued"] * MAX_QUEUED, "skipped", "skipped"]
    last = (await bench.firings())[-1]
    assert last.reason is not None
    assert last.reason["code"] == "queue_full"


async def test_parallel_starts_them_side_by_side(bench: Bench) -> None:
    await bench.add(overlap="parallel")
    for minute in range(3):
        await bench.at(NOON + minute * MINUTE)
    assert await bench.outcomes() == ["started"] * 3


async def test_missed_all_catches_up_in_order_through_the_queue(bench: Bench) -> None:
    await bench.add(overlap="queue", missed="all")
    await bench.at(NOON + 5 * MINUTE)
    assert [firing.due_at for firing in await bench.firings()] == [NOON + minute * MINUTE for minute in range(6)]
    assert await bench.outcomes() == ["started", *["queued"] * 5]


async def test_what_passes_while_a_schedule_is_disabled_is_not_missed(bench: Bench) -> None:
    await bench.add(missed="all")
    await bench.schedules.update(bench.tenant, "nightly", ScheduleChange(enabled=False), None)
    await bench.at(NOON + 10 * MINUTE)
    again = await bench.schedules.update(bench.tenant, "nightly", ScheduleChange(enabled=True), None)
    assert again.next_at == NOON + 11 * MINUTE
    await bench.at(NOON + 10 * MINUTE + 1)
    assert await bench.firings() == []


async def test_a_flow_that_is_gone_is_told_and_the_others_go_on(bench: Bench) -> None:
    await bench.engine.library.create(bench.tenant, {**FLOW, "name": "doomed"})
    await bench.add("broken", flow="doomed")
    await bench.add("sound")
    await bench.engine.library.delete(bench.tenant, "doomed")
    await bench.at(NOON)
    await bench.at(NOON + MINUTE)
    broken = await bench.firings("broken")
    assert [firing.outcome for firing in broken] == ["failed", "failed"]
    assert broken[0].reason is not None
    assert broken[0].reason["code"] == "flow_unknown"
    assert (await bench.outcomes("sound"))[0] == "started"
    assert (await bench.schedules.get(bench.tenant, "broken")).flow_name is None


async def test_an_input_that_no_longer_fits_is_told(bench: Bench) -> None:
    await bench.add()
    changed = {**FLOW, "input": {"week": {"type": "integer", "required": True}}}
    changed["nodes"] = {"title": {"type": "transform", "inputs": {"week": "input.week"}, "expression": "week"}}
    await bench.engine.library.update(bench.tenant, "report", changed)
    await bench.at(NOON)
    (firing,) = await bench.firings()
    assert firing.outcome == "failed"
    assert firing.reason is not None
    assert firing.reason["code"] == "invalid_input"
    assert "day is not a field" in str(firing.reason["message"])


async def test_a_run_this_version_does_not_understand_is_told(bench: Bench) -> None:
    made = await bench.add()
    later = rows_of("update schedules set run = '{\"fromTheFuture\": 1}' where id = $1", made.id)
    await bench.engine.store.write(later)
    await bench.at(NOON)
    (firing,) = await bench.firings()
    assert firing.reason is not None
    assert (firing.outcome, firing.reason["code"]) == ("failed", "run_invalid")


async def test_a_zone_that_is_not_known_any_more_puts_the_schedule_to_rest(bench: Bench) -> None:
    made = await bench.add()
    await bench.engine.store.write(rows_of("update schedules set timezone = 'Atlantis/Deep' where id = $1", made.id))
    await bench.add("sound")
    await bench.at(NOON)
    (firing,) = await bench.firings()
    assert firing.reason is not None
    assert firing.reason["code"] == "timezone_unknown"
    assert not (await bench.schedules.get(bench.tenant, "nightly")).enabled
    assert await bench.outcomes("sound") == ["started"]


async def test_one_whose_due_times_cannot_be_reckoned_stops_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def claim(schedule: ScheduleRecord, now: int) -> Claim:
        if schedule.name == "nightly":
            raise OverflowError("date value out of range")
        return claim_of(schedule, now)

    monkeypatch.setattr("penstock.schedules.scheduler.claim_of", claim)
    await bench.add()
    await bench.add("sound")
    await bench.at(NOON)
    (firing,) = await bench.firings()
    assert firing.reason is not None
    assert (firing.outcome, firing.reason["code"]) == ("missed", "internal_error")
    assert await bench.outcomes("sound") == ["started"]
    assert "cannot be reckoned" in caplog.text


async def test_a_full_project_is_tried_again_and_others_do_not_wait(tmp_path: Path) -> None:
    bench, accounts = await open_bench(tmp_path, Limits(max_queued_executions=1))
    try:
        await bench.add("first", overlap="parallel")
        await bench.add("second", overlap="parallel")
        await bench.at(NOON)
        # The count of what waits may be a second old, so both may have passed; the next may not.
        await asyncio.sleep(1.1)
        await bench.at(NOON + MINUTE)
        assert (await bench.outcomes("first"))[-1] is None
        for body in await bench.executions():
            await bench.engine.executions.cancel(bench.tenant, body["executionId"])
        await asyncio.sleep(1.1)
        bench.scheduler = bench.another()
        await bench.at(NOON + MINUTE + 1)
        outcomes = (await bench.outcomes("first")) + (await bench.outcomes("second"))
        assert outcomes == ["started"] * 4
    finally:
        await accounts.close()
        await bench.engine.stop()


async def test_what_was_claimed_and_not_started_is_started_by_the_next_process(bench: Bench) -> None:
    await bench.add()
    bench.now = NOON
    assert await bench.scheduler._claim_some()
    assert await bench.outcomes() == [None]
    bench.now = NOON + 40 * 3600_000
    await bench.schedules.update(bench.tenant, "nightly", ScheduleChange(enabled=False), None)
    await asyncio.gather(bench.another().look(), bench.another().look())
    assert await bench.outcomes() == ["started"]
    assert len(await bench.executions()) == 1


async def test_a_deleted_schedule_fires_no_more(bench: Bench) -> None:
    await bench.add()
    bench.now = NOON
    await bench.scheduler._claim_some()
    await bench.schedules.delete(bench.tenant, "nightly")
    await bench.at(NOON + MINUTE)
    assert await bench.executions() == []
    with pytest.raises(NotFound):
        await bench.firings()


async def test_run_now_is_once_more_whatever_overlaps(bench: Bench) -> None:
    schedule = await bench.add(overlap="skip")
    await bench.at(NOON)
    first, again = [await bench.schedules.run(schedule, key="k", request_hash="h", asked_by=None) for _ in range(2)]
    assert first.execution.id == again.execution.id
    assert [(f.trigger, f.outcome) for f in await bench.firings()] == [("clock", "started"), ("manual", "started")]
    await bench.at(NOON + MINUTE)
    assert (await bench.outcomes())[-1] == "skipped"


async def test_of_very_many_firings_the_newest_are_kept_and_what_runs_is_not_forgotten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.schedules.scheduler.KEPT_FIRINGS", 5)
    await bench.add(overlap="skip")
    for minute in range(20):
        await bench.at(NOON + minute * MINUTE)
    firings = await bench.firings()
    assert firings[0].outcome == "started"
    assert [firing.outcome for firing in firings[1:]] == ["skipped"] * 5


async def test_another_project_sees_nothing_of_it(bench: Bench) -> None:
    made = await bench.add()
    stranger = Tenant("c" * 24, "d" * 24)
    assert await bench.schedules.page(stranger, after_name="", limit=10) == []
    for name in (made.id, made.name):
        with pytest.raises(NotFound):
            await bench.schedules.get(stranger, name)


async def test_what_would_fail_at_night_is_refused_by_day(bench: Bench) -> None:
    with pytest.raises(NotFound):
        await bench.add(flow="nothing")
    with pytest.raises(Invalid, match="day"):
        await bench.add(run={"inputs": [{}]})
    with pytest.raises(Invalid):
        await bench.add(run={"inputs": [{"day": "x"}], "dataset": "y"})
    with pytest.raises(Invalid):
        await bench.add(cron="every day")
    await bench.add()
    with pytest.raises(Conflict):
        await bench.add()
    with pytest.raises(Invalid):
        await bench.schedules.update(bench.tenant, "nightly", ScheduleChange(timezone="Nowhere"), None)
    assert len(await bench.schedules.page(bench.tenant, after_name="", limit=10)) == 1


async def test_a_thousand_due_at_once_leave_the_loop_free(bench: Bench) -> None:
    """The event loop is asked for a turn all the while."""
    for number in range(1000):
        await bench.add(f"s{number:04}", overlap="skip")
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await bench.at(NOON)
    counting.cancel()
    assert len(await bench.executions()) == 1000
    assert turns > 1000


async def test_a_new_due_time_does_not_overtake_one_that_waits(bench: Bench) -> None:
    await bench.add(overlap="queue")
    await bench.at(NOON)
    await bench.at(NOON + MINUTE)
    await bench.end((await bench.firings())[0])
    await bench.at(NOON + 2 * MINUTE)
    assert await bench.outcomes() == ["started", "started", "queued"]


async def test_very_many_inputs_belong_into_a_data_set(bench: Bench) -> None:
    with pytest.raises(TooLarge, match="data set"):
        await bench.add(run={"inputs": [{"day": "Monday" * 100}] * 1000})
