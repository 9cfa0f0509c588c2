"""The journal: together, in order, once, and nobody's fault becomes somebody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Unavailable
from penstock.executions.journal import FLUSH_LIMIT, Flush, Holder, ItemRecord, Journal, LeaseLost, StepRecord
from penstock.executions.model import Options, Submission
from penstock.executions.paths import top
from penstock.ids import new_execution_id
from penstock.models.usage import Usage
from penstock.storage import executions
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import Transaction, rows_of
from penstock.testing.core import TENANT
from penstock.testing.stores import open_store


@dataclass
class Bench:
    """A journal over a real store, and what it told."""

    store: SqliteStore
    journal: Journal
    flushes: list[Flush]
    told: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(execution, steps, items, last sequence number)"""

    async def holder(self, lease_number: int | None = None) -> Holder:
        """A running execution, held; or as somebody holds it whose lease has another number."""

        def start() -> Transaction[Any]:
            submission = Submission(TENANT, "t", "s", "s", 1, "batch", {}, Options(concurrency=1), deadline_ms=60_000)
            made = yield from executions.insert(new_execution_id(), submission, 1)
            return (yield from executions.claim(made.no, made.lease_number, "me"))

        execution = await self.store.write(start())
        number = execution.lease_number if lease_number is None else lease_number

        def committed(steps: list[StepRecord], items: list[ItemRecord], seq: int) -> None:
            self.told.append((execution.no, len(steps), len(items), seq))

        return Holder(execution.no, number, committed)

    async def count(self, table: str, holder: Holder) -> int:
        rows = await self.store.read(
            rows_of(f"select count(*) as n from {table} where execution_no = $1", holder.execution_no)
        )
        return int(rows[0]["n"])


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await open_store(tmp_path / "store.db")
    flushes: list[Flush] = []
    journal = Journal(store, flushes.append)
    journal.start()
    yield Bench(store, journal, flushes)
    await journal.close()
    await store.close()


def step(n: int, **changes: Any) -> StepRecord:
    given: dict[str, Any] = {
        "path": top(n),
        "node": "node",
        "round": 0,
        "generation": 0,
        "status": "succeeded",
        "fingerprint": "f",
        "attempts": 1,
        "started_at": 1,
        "duration_ms": 1,
        "output": "1",
        "error": None,
        "usage": Usage(),
        "detail": None,
    }
    return StepRecord(**{**given, **changes})


def item(n: int) -> ItemRecord:
    return ItemRecord(top(n), "succeeded", "0", "1", None, 1, 2)


async def test_what_is_handed_in_together_shares_a_flush_and_is_on_disk_when_it_returns(bench: Bench) -> None:
    one, other = await bench.holder(), await bench.holder()
    await asyncio.gather(
        *(bench.journal.commit(holder, [step(n)], item(n)) for n in range(20) for holder in (one, other))
    )
    assert [await bench.count("items", holder) for holder in (one, other)] == [20, 20]
    assert len(bench.flushes) == 1
    assert len(bench.flushes[0].items) == 40
    assert sorted(bench.told) == [(one.execution_no, 20, 20, 22), (other.execution_no, 20, 20, 22)]


async def test_a_flush_is_bounded_and_order_is_kept_across_flushes(bench: Bench) -> None:
    holder = await bench.holder()
    count = FLUSH_LIMIT * 2 + 7
    await asyncio.gather(*(bench.journal.commit(holder, [], item(n)) for n in range(count)))
    assert max(len(flush.items) for flush in bench.flushes) <= FLUSH_LIMIT
    rows = await bench.store.read(rows_of("select path from items order by seq"))
    assert [row["path"] for row in rows] == [top(n) for n in range(count)]


async def test_whoever_lost_the_lease_is_refused_whole_and_the_others_are_kept(bench: Bench) -> None:
    mine, lost = await bench.holder(), await bench.holder(lease_number=0)
    results = await asyncio.gather(
        bench.journal.commit(lost, [step(0)], item(0)),
        bench.journal.commit(mine, [step(0)], item(0)),
        bench.journal.commit(lost, [step(1)]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [LeaseLost, type(None), LeaseLost]
    assert [await bench.count(table, lost) for table in ("steps", "items")] == [0, 0]
    assert [await bench.count(table, mine) for table in ("steps", "items")] == [1, 1]
    assert [told[0] for told in bench.told] == [mine.execution_no]


async def test_a_waiter_who_is_cancelled_does_not_take_it_back(bench: Bench) -> None:
    holder = await bench.holder()
    waiting = asyncio.create_task(bench.journal.commit(holder, [step(0)], item(0)))
    await asyncio.sleep(0)
    waiting.cancel()
    await bench.journal.commit(holder, [])
    assert waiting.cancelled()
    assert await bench.count("items", holder) == 1


async def test_a_step_recorded_twice_stays_as_it_was_first_but_for_aborted_ones(bench: Bench) -> None:
    holder = await bench.holder()
    await bench.journal.commit(holder, [step(0, output="1"), step(0, output="2")])
    await bench.journal.commit(holder, [step(0, status="aborted"), step(0, status="aborted")])
    rows = await bench.store.read(rows_of("select status, output from steps order by no"))
    assert [(row["status"], row["output"]) for row in rows] == [
        ("succeeded", "1"),
        ("aborted", "1"),
        ("aborted", "1"),
    ]


async def test_one_record_that_cannot_be_stored_fails_alone(bench: Bench) -> None:
    sick, well = await bench.holder(), await bench.holder()
    results = await asyncio.gather(
        bench.journal.commit(well, [step(0)], item(0)),
        bench.journal.commit(sick, [step(0, duration_ms=2**80)], item(0)),
        bench.journal.commit(sick, [step(1)], item(1)),
        bench.journal.commit(well, [step(1)], item(1)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), OverflowError, type(None), type(None)]
    await bench.journal.commit(well, [step(2)], item(2))
    assert await bench.count("items", well) == 3
    assert await bench.count("items", sick) == 1


async def test_what_was_handed_in_before_closing_is_written(bench: Bench) -> None:
    holder = await bench.holder()
    for n in range(FLUSH_LIMIT + 5):
        bench.journal.add(holder, step(n))
    await bench.journal.close()
    assert await bench.count("steps", holder) == FLUSH_LIMIT + 5


async def test_closing_does_not_wait_for_a_store_that_is_out_of_order(bench: Bench) -> None:
    holder = await bench.holder()
    await bench.store.write(rows_of("alter table items rename to elsewhere"))
    waiting = asyncio.create_task(bench.journal.commit(holder, [], item(0)))
    while bench.journal.trouble is None:
        await bench.store.read(rows_of("select 1"))
    await bench.journal.close()
    with pytest.raises(Unavailable):
        await waiting
