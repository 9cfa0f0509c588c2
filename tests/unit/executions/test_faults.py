"""What must hold when something goes wrong: nothing stuck, nothing lost unseen, nobody else harmed."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import NotFound, StepError, Unavailable
from penstock.executions.item import ItemRun
from penstock.executions.model import (
    Execution,
    ExecutionFilter,
    ItemFilter,
    ItemStatus,
    MaxFailed,
    Options,
    Planned,
    RetryRequest,
    Status,
    Submission,
)
from penstock.models.usage import Usage
from penstock.storage.store import Transaction
from penstock.testing.core import TENANT, Core, FunctionJob, open_core, refuse
from penstock.types import Json


class CountingJob(FunctionJob):
    """Items it finds itself, as many as `rows`; so the total is not known and rows are recorded when they finish."""

    rows = 10
    page = 5

    async def plan(self) -> AsyncIterator[list[Planned]]:
        for first in range(0, self.rows, self.page):
            yield [Planned(n, n) for n in range(first, first + self.page)]


def use_job(core: Core, made: Callable[[Execution], Any]) -> None:
    async def open_job(execution: Execution) -> Any:
        return made(execution)

    core.dispatcher.jobs["test"] = open_job  # type: ignore[index]


async def submit_unplanned(core: Core, **options: Any) -> Execution:
    use_job(core, lambda execution: CountingJob(core, execution))
    given = {"concurrency": options.pop("concurrency", 10), **options}
    submission = Submission(TENANT, "test", "s", "s", 1, "batch", {}, Options(**given), deadline_ms=60_000)
    return (await core.service.submit(submission)).execution


async def ok(item: ItemRun) -> Json:
    return item.input


# The store


class Faulty:
    """Makes chosen reads of a store fail, as a disk or a lack of file handles does."""

    def __init__(self, core: Core, times: int) -> None:
        self.left = times
        self.read = core.store.read
        core.store.read = self._read  # type: ignore[method-assign]
        self.wanted: str | None = None

    async def _read(self, transaction: Transaction[Any]) -> Any:
        if self.wanted in (None, transaction.__name__) and self.left > 0:
            self.left -= 1
            transaction.close()
            raise Unavailable("store_error", "a read failed")
        return await self.read(transaction)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("dispatch", "patience", "journal"):
        monkeypatch.setattr(f"penstock.executions.{module}.RETRY_SECONDS", 0.01)


@pytest.mark.usefixtures("impatient")
async def test_reads_that_fail_while_a_run_is_opened_do_not_leave_it_running_for_ever(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", works=False) as core:
        execution = await core.submit([1, 2])
    async with open_core(tmp_path / "store.db") as core:
        core.work = ok

        class Broken(FunctionJob):
            failures = 2

            async def plan(self) -> AsyncIterator[list[Planned]]:
                if Broken.failures:
                    Broken.failures -= 1
                    raise Unavailable("store_error", "a read failed")
                async for page in super().plan():
                    yield page

        use_job(core, lambda found: Broken(core, found))
        assert (await core.finished(execution)).status == Status.COMPLETED
        assert await core.counts(execution) == {"succeeded": 2}


@pytest.mark.usefixtures("impatient")
async def test_an_item_whose_record_cannot_be_read_is_run_later_and_not_left_out(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        reached = asyncio.Event()

        async def hang(item: ItemRun) -> Json:
            reached.set()
            return await core.step(item, "hang", lambda _: asyncio.Event().wait())

        core.work = hang
        execution = await core.submit([1, 2, 3])
        await reached.wait()
    async with open_core(tmp_path / "store.db", works=False) as core:
        faulty = Faulty(core, 2)
        faulty.wanted = "of_item"
        core.work = ok
        core.dispatcher.works = True
        core.dispatcher.start()
        ended = await core.finished(execution)
        assert faulty.left == 0
        assert ended.status == Status.COMPLETED
        assert await core.counts(execution) == {"succeeded": 3}


@pytest.mark.usefixtures("impatient")
async def test_the_look_for_work_goes_on_after_a_fault(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = asyncio.Event()

    def overdue(*_: Any) -> Transaction[list[Any]]:
        monkeypatch.undo()
        broken.set()
        raise RuntimeError("a fault of its own")
        yield

    monkeypatch.setattr("penstock.executions.dispatch.execution_rows.overdue", overdue)
    core.dispatcher.look_soon("batch", TENANT.project_id)
    await broken.wait()
    core.work = ok
    core.dispatcher.works = False
    execution = await core.submit([1])
    core.dispatcher.works = True
    assert (await core.finished(execution)).status == Status.COMPLETED


async def test_a_record_that_cannot_be_stored_fails_its_item_and_nobody_else(core: Core) -> None:
    def huge(usage: Usage) -> Json:
        usage.add(Usage(model_calls=1, input_tokens=10**30))
        return 1

    async def work(item: ItemRun) -> Json:
        return await core.step(item, "call", lambda attempt: huge(attempt.usage) if item.input == "huge" else 1)

    core.work = work
    sick = await core.submit(["fine", "huge", "fine"])
    well = await core.submit(["fine"] * 5)

    assert (await core.finished(well)).status == Status.COMPLETED
    assert (await core.finished(sick)).status == Status.COMPLETED
    assert await core.counts(sick) == {"succeeded": 2, "failed": 1}


# Callers and processes


async def test_a_caller_who_goes_away_while_submitting_leaves_an_execution_that_runs(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, write = asyncio.Event(), core.store.write
    submitted: list[Any] = []

    async def watched(transaction: Transaction[Any]) -> Any:
        writing.set()
        result = await write(transaction)
        submitted.append(result)
        return result

    core.work = ok
    monkeypatch.setattr(core.store, "write", watched)
    submitting = asyncio.create_task(core.submit([1, 2]))
    await writing.wait()
    submitting.cancel()
    await asyncio.gather(submitting, return_exceptions=True)
    assert submitting.cancelled()
    monkeypatch.undo()
    bodies: list[Any] = []
    async with asyncio.timeout(5):
        while not bodies:
            bodies, _ = await core.service.page(TENANT, ExecutionFilter(), None, 10)
    ended = await core.service.wait(TENANT, bodies[0]["executionId"], 5)
    assert ended.status == Status.COMPLETED
    assert core.dispatcher.places.taken == 0


async def test_waiters_that_give_up_leave_nothing_behind(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", works=False) as core:
        for _ in range(3):
            execution = await core.submit([1])
            await core.service.wait_for(execution, 0.01)
        await asyncio.sleep(0)
        gc.collect()
        assert len(core.dispatcher.signals._waiting) == 0


async def test_an_answer_after_the_end_is_the_same_as_what_is_stored(core: Core) -> None:
    execution = await core.run([1], ok)
    assert execution == await core.service.get(TENANT, execution.id)


async def test_a_cancelled_execution_says_when_it_was_asked_to(core: Core) -> None:
    started = asyncio.Event()

    async def hang(_: object) -> Json:
        started.set()
        await asyncio.Event().wait()
        return None

    async def work(item: ItemRun) -> Json:
        return await core.step(item, "hang", hang)

    core.work = work
    execution = await core.submit([1])
    await started.wait()
    ended = await core.service.cancel(TENANT, execution.id)
    assert ended.cancel_requested_at is not None


async def test_an_item_that_will_not_stop_does_not_hold_its_execution(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.executions.runner.ABORT_SECONDS", 0.01)
    started, release = asyncio.Event(), asyncio.Event()

    async def work(item: ItemRun) -> Json:
        started.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return None

    core.work = work
    execution = await core.submit([1])
    await started.wait()
    try:
        assert (await core.service.cancel(TENANT, execution.id, wait_seconds=10)).status == Status.CANCELLED
    finally:
        release.set()


async def test_a_key_error_of_a_job_is_no_unknown_kind(core: Core) -> None:
    def lost(_: Execution) -> Any:
        raise KeyError("rows")

    use_job(core, lost)
    execution = await core.finished(await core.submit([1]))
    assert execution.error is not None
    assert execution.error.code == "internal_error"


async def test_an_unknown_kind_fails_with_its_name(core: Core) -> None:
    core.dispatcher.jobs.clear()  # type: ignore[attr-defined]
    execution = await core.finished(await core.submit([1]))
    assert execution.error is not None
    assert (execution.error.code, "'test'" in execution.error.message) == ("job_unavailable", True)


async def test_a_refusal_of_the_plan_keeps_its_code(core: Core) -> None:
    class Refused(FunctionJob):
        async def plan(self) -> AsyncIterator[list[Planned]]:
            raise StepError("dataset_gone", "The data set is gone.")
            yield []

    use_job(core, lambda execution: Refused(core, execution))
    execution = await core.finished(await core.submit([1]))
    assert execution.error is not None
    assert execution.error.code == "dataset_gone"


# Totals, policies, retries


async def test_a_share_of_failures_counts_where_the_total_was_not_known(core: Core) -> None:
    async def work(item: ItemRun) -> Json:
        return await core.step(item, "check", lambda _: refuse() if item.ordinal < 3 else 1)

    core.work = work
    execution = await core.finished(await submit_unplanned(core, on_item_error=MaxFailed("20%")))
    assert execution.status == Status.FAILED
    execution = await core.finished(await submit_unplanned(core, on_item_error=MaxFailed("30%")))
    assert execution.status == Status.COMPLETED


async def half_done(core: Core) -> Execution:
    """Cancelled in the middle: 0 failed, 1 succeeded, the others never begun; the total never known."""
    hanging = asyncio.Event()

    async def hang(_: object) -> Json:
        hanging.set()
        await asyncio.Event().wait()
        return None

    async def work(item: ItemRun) -> Json:
        if item.ordinal == 0:
            return await core.step(item, "check", lambda _: refuse())
        if item.ordinal == 1:
            return 1
        return await core.step(item, "hang", hang)

    core.work = work
    execution = await submit_unplanned(core, concurrency=1)
    await hanging.wait()
    return await core.service.cancel(TENANT, execution.id)


async def test_what_was_never_planned_is_not_taken_for_the_total(core: Core) -> None:
    execution = await half_done(core)
    assert execution.total_items is None
    core.work = ok
    await core.service.retry(TENANT, execution.id, RetryRequest(items="unfinished"))
    execution = await core.finished(execution)
    assert (execution.status, execution.total_items) == (Status.COMPLETED, 10)
    assert await core.counts(execution) == {"succeeded": 10}
    _, body = await core.service.progress(TENANT, execution.id)
    assert (body["totalItems"], body["progress"], body["partial"]) == (10, 100, False)


async def test_a_retry_of_what_failed_begins_nothing_else(core: Core) -> None:
    execution = await half_done(core)
    began: list[int] = []

    async def work(item: ItemRun) -> Json:
        began.append(item.ordinal)
        return item.ordinal

    core.work = work
    await core.service.retry(TENANT, execution.id, RetryRequest())
    execution = await core.finished(execution)
    assert began == [0]
    assert await core.counts(execution) == {"succeeded": 2, "cancelled": 8}
    _, body = await core.service.progress(TENANT, execution.id)
    assert body["partial"], "completed, and yet not everything was run"


async def numbers(core: Core, execution: Execution) -> list[int]:
    def read() -> Transaction[list[int]]:
        rows = yield (
            "select seq from items where execution_no = $1 and seq is not null"
            " union all select seq from events where execution_no = $1",
            execution.no,
        )
        return sorted(row["seq"] for row in rows)

    return await core.store.read(read())


async def test_events_have_no_gap_after_a_retry(core: Core) -> None:
    broken = True

    async def work(item: ItemRun) -> Json:
        return await core.step(item, "check", lambda _: refuse() if broken and item.ordinal % 2 else 1)

    execution = await core.run(list(range(6)), work)
    broken = False
    await core.service.retry(TENANT, execution.id, RetryRequest())
    execution = await core.finished(execution)
    assert await numbers(core, execution) == list(range(1, execution.seq + 1))


async def test_a_retry_that_splits_into_other_elements_runs_those(core: Core) -> None:
    parts: list[Any] = [1, 2, 3]
    ran: list[Any] = []

    async def leaf(item: ItemRun) -> Json:
        ran.append(item.input)
        return item.input

    async def work(item: ItemRun) -> Json:
        await item.elements_end(None, len(parts))
        ended = await item.fan_out(parts, leaf, label=None, limit=2)
        await core.step(item, "check", lambda _: refuse() if len(parts) == 3 else 1)
        return [outcome.output for outcome in ended]

    execution = await core.run([0], work)
    parts[:] = [1, 20]
    ran.clear()
    await core.service.retry(TENANT, execution.id, RetryRequest())
    execution = await core.finished(execution)

    assert ran == [20], "the element that stayed the same is not run again"
    rows, _ = await core.service.items(TENANT, execution.id, ItemFilter(), None, 10)
    assert [(row["path"][9:], row["input"]) for row in rows] == [("", "0"), (".000000000", "1"), (".000000001", "20")]
    assert rows[0]["output"] == "[1,20]"
    assert await core.counts(execution) == {"succeeded": 3}
    assert await numbers(core, execution) == list(range(1, execution.seq + 1))


async def test_an_execution_that_waits_for_its_retry_is_cancelled_with_a_true_receipt(core: Core) -> None:
    async def leaf(item: ItemRun) -> Json:
        return item.input

    async def work(item: ItemRun) -> Json:
        await item.fan_out([1, 2], leaf, label=None, limit=2)
        return await core.step(item, "check", lambda _: refuse() if item.ordinal else 1)

    execution = await core.run([0, 1], work)
    await core.dispatcher.stop(0)
    await core.service.retry(TENANT, execution.id, RetryRequest())
    ended = await core.service.cancel(TENANT, execution.id)

    assert ended.cancel_receipt is not None
    assert (ended.cancel_receipt["itemsFinished"], ended.cancel_receipt["itemsDropped"]) == (5, 1)
    assert await core.counts(execution) == {"succeeded": 5, "cancelled": 1}
    _, body = await core.service.progress(TENANT, execution.id)
    assert body["totalItems"] == 6


async def test_an_element_can_be_chosen_whose_item_was_never_recorded(core: Core) -> None:
    hanging = asyncio.Event()
    broken = True

    async def hang(_: object) -> Json:
        hanging.set()
        await asyncio.Event().wait()
        return None

    async def leaf(item: ItemRun) -> Json:
        if broken and item.input == "hang":
            return await core.step(item, "hang", hang)
        return await core.step(item, "check", lambda _: refuse() if broken else item.input)

    async def work(item: ItemRun) -> Json:
        ended = await item.fan_out(["bad", "hang"], leaf, label=None, limit=2)
        return [outcome.output for outcome in ended]

    core.work = work
    execution = await submit_unplanned(core, concurrency=1)
    await hanging.wait()
    await core.service.cancel(TENANT, execution.id)
    broken = False
    await core.service.retry(TENANT, execution.id, RetryRequest())
    execution = await core.finished(execution)
    rows, _ = await core.service.items(TENANT, execution.id, ItemFilter((ItemStatus.SUCCEEDED,)), None, 10)
    assert [(row["path"], row["input"], row["output"]) for row in rows[:3]] == [
        ("000000000", "0", '["bad","hang"]'),
        ("000000000.000000000", '"bad"', '"bad"'),
        ("000000000.000000001", '"hang"', '"hang"'),
    ]


async def test_deleting_goes_in_pieces_and_leaves_nothing(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.executions.service.DELETED_AT_ONCE", 10)
    kept = await core.run([1], ok)
    execution = await core.run(list(range(35)), lambda item: core.step(item, "one", lambda _: 1), idempotency_key="k")
    writes: list[Any] = []
    write = core.store.write

    async def counted(transaction: Transaction[Any]) -> Any:
        writes.append(transaction)
        return await write(transaction)

    monkeypatch.setattr(core.store, "write", counted)
    await core.service.delete(TENANT, execution.id)

    def left() -> Transaction[list[int]]:
        found = []
        for table in ("items", "steps", "events", "executions"):
            column = "no" if table == "executions" else "execution_no"
            rows = yield (f"select count(*) as n from {table} where {column} = $1", execution.no)
            found.append(rows[0]["n"])
        return found

    assert await core.store.read(left()) == [0, 0, 0, 0]
    assert len(writes) >= 7
    assert await core.counts(kept) == {"succeeded": 1}
    with pytest.raises(NotFound):
        await core.service.delete(TENANT, execution.id)


async def test_when_every_item_fails_its_elements_do_not_make_it_a_success(core: Core) -> None:
    async def work(item: ItemRun) -> Json:
        await item.fan_out([1, 2], ok, label=None, limit=2)
        return await core.step(item, "last", lambda _: refuse())

    execution = await core.run([0], work)
    assert execution.status == Status.FAILED
    assert execution.error is not None
    assert execution.error.code == "refused"


@pytest.mark.parametrize("many", [1, 10**9])
async def test_sums_are_the_same_however_many_items_there_are(
    core: Core, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr("penstock.executions.runner.MANY_ITEMS", many)

    def spend(usage: Usage) -> Json:
        usage.add(Usage(model_calls=1, cost_nanos=1_000_000))
        return 1

    async def work(item: ItemRun) -> Json:
        await item.fan_out([1, 2], ok, label=None, limit=2)
        return await core.step(item, "paid", lambda attempt: spend(attempt.usage) if item.ordinal else refuse())

    execution = await core.run([0, 1, 2], work)
    _, body = await core.service.progress(TENANT, execution.id)
    assert (body["counts"]["succeeded"], body["counts"]["failed"], body["totalItems"]) == (8, 1, 9)
    assert body["usage"]["costUsd"] == "0.0020"
