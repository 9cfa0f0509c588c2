"""Schedules of judges: each new trace once, none lost, none before it is at rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.clock import now_ms
from penstock.errors import Invalid, NotFound
from penstock.judges.choosing import Chosen, sampled
from penstock.judges.definition import JudgeChange
from penstock.judges.requests import Sampling
from penstock.judges.watching import LONGEST_WAIT_MS, REST_MS, NewTraces, NothingNew
from penstock.schedules.scheduler import Scheduler
from penstock.schedules.service import ScheduleChange, Schedules
from penstock.schedules.work import Work
from penstock.storage.store import rows_of
from penstock.storage.trace_pages import TraceFilter
from penstock.testing.engine import TestEngine, open_engine
from penstock.traces.model import ReceivedSpan, Span

JUDGING = {"judges": ["kind"]}


class Clock:
    """Time as the schedules see it."""

    def __init__(self) -> None:
        self.now = now_ms()

    def __call__(self) -> int:
        return self.now


class Bench:
    """An engine with a judge, and schedules by a clock of their own."""

    def __init__(self, test: TestEngine) -> None:
        self.engine, self.tenant, self.clock = test.engine, test.tenant, Clock()
        engine = test.engine
        new_traces = NewTraces(engine.store, engine.traces, engine.trace_evaluations, self.clock)
        work = Work(engine.flows, new_traces)
        self.scheduler = Scheduler(engine.store, work, engine.executions, self.clock)
        self.schedules = Schedules(
            engine.store, engine.library, work, engine.executions, now=self.clock, changed=lambda: None
        )

    async def send(self, *names: str) -> None:
        spans = [ReceivedSpan(name, Span(span_id="01", name=name, started_ns=1, output=name)) for name in names]
        await self.engine.ingestion.accept(self.tenant, spans, source="sdk")

    async def add(self, **judging: Any) -> None:
        wanted = ScheduleChange(name="watch", cron="0 0 1 1 *", judging={**JUDGING, **judging})
        await self.schedules.create(self.tenant, wanted, None)

    async def judged(self) -> list[str]:
        """Run it now; the names of the traces that are judged."""
        schedule = await self.schedules.get(self.tenant, "watch")
        started = await self.schedules.run(schedule, key=None, request_hash="", asked_by=None)
        sql = "select trace_name from trace_evaluations where execution_id = $1 order by ordinal"
        return [row["trace_name"] for row in await self.engine.store.read(rows_of(sql, started.execution.id))]

    def later(self, milliseconds: int) -> None:
        self.clock.now = now_ms() + milliseconds


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_engine(tmp_path) as test:
        wanted = JudgeChange(name="kind", goal="Is it kind?", model="scripted/judge")
        await test.engine.judges.create(test.tenant, wanted)
        yield Bench(test)


async def test_each_new_trace_is_judged_once(bench: Bench) -> None:
    await bench.add()
    await bench.send("a", "b")
    bench.later(REST_MS + 1_000)
    assert await bench.judged() == ["a", "b"]
    with pytest.raises(NothingNew):
        await bench.judged()
    await bench.send("c")
    bench.later(REST_MS + 1_000)
    assert await bench.judged() == ["c"]


async def test_what_still_comes_in_is_left_for_next_time_but_not_for_ever(bench: Bench) -> None:
    await bench.add()
    await bench.send("a")
    bench.later(REST_MS // 2)
    with pytest.raises(NothingNew):
        await bench.judged()
    sql = "update traces set updated_at = $1"
    await bench.engine.store.write(rows_of(sql, now_ms() + LONGEST_WAIT_MS))
    bench.later(LONGEST_WAIT_MS + 1_000)
    assert await bench.judged() == ["a"]


async def test_what_a_filter_passes_over_is_not_looked_at_again(bench: Bench) -> None:
    await bench.add(filter={"name": "b"})
    await bench.send("a")
    bench.later(REST_MS + 1_000)
    with pytest.raises(NothingNew, match="None of the 1 new traces"):
        await bench.judged()
    await bench.send("b", "c")
    bench.later(REST_MS + 1_000)
    assert await bench.judged() == ["b"]


async def test_two_that_run_at_once_and_a_restart_judge_each_trace_once(tmp_path: Path) -> None:
    names = [f"t{n}" for n in range(40)]
    wanted = JudgeChange(name="kind", goal="Is it kind?", model="scripted/judge")
    judged: list[str] = []
    async with open_engine(tmp_path) as test:
        await test.engine.judges.create(test.tenant, wanted)
        bench = Bench(test)
        await bench.add(sample={"rate": 0.5, "seed": 3})
        await bench.send(*names[:20])
        bench.later(REST_MS + 1_000)
        both = await asyncio.gather(bench.judged(), bench.judged(), return_exceptions=True)
        assert len([one for one in both if isinstance(one, NothingNew)]) == 1
        judged += [name for one in both if isinstance(one, list) for name in one]
    async with open_engine(tmp_path) as test:
        bench = Bench(test)
        bench.later(REST_MS + 1_000)
        with pytest.raises(NothingNew):
            await bench.judged()
        await bench.send(*names[20:])
        bench.later(REST_MS + 1_000)
        judged += await bench.judged()
        found = [Chosen(one.id, one.name) for page in await pages(test) for one in page]
    # Whenever they came: the same half of them as if all had been there at once.
    assert sorted(judged) == sorted(one.name for one in sampled(found, Sampling(rate=0.5, seed=3)))
    assert 10 < len(judged) < 30


async def pages(test: TestEngine) -> list[Any]:
    return [page async for page in test.engine.traces.every(test.tenant, TraceFilter())]


async def test_a_firing_without_new_traces_is_skipped(bench: Bench) -> None:
    await bench.add()
    schedule = await bench.schedules.get(bench.tenant, "watch")
    assert schedule.next_at is not None
    bench.clock.now = schedule.next_at
    await bench.scheduler.look()
    (firing,) = await bench.schedules.firings(bench.tenant, "watch", before=2**62, limit=10)
    assert (firing.outcome, (firing.reason or {}).get("code")) == ("skipped", "nothing_new")


async def test_what_could_never_run_is_refused_when_it_is_made(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no judge 'nobody'"):
        await bench.add(judges=["nobody"])
    await bench.add()
    with pytest.raises(Invalid, match="either a flow or judges"):
        await bench.schedules.update(bench.tenant, "watch", ScheduleChange(flow="report"), None)
