"""What an execution's life looks like to whoever started it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.errors import Conflict, Unprocessable
from penstock.executions.item import ItemRun
from penstock.executions.model import ItemFilter, ItemStatus, MaxFailed, RetryRequest, Status
from penstock.models.usage import Usage
from penstock.storage.store import Transaction
from penstock.testing.core import TENANT, Core, open_core, refuse
from penstock.types import Json


async def outputs(core: Core, execution_id: str) -> list[tuple[str, Json]]:
    execution = await core.service.get(TENANT, execution_id)
    rows = [row async for page in core.service.outputs(TENANT, execution) for row in page]
    return [(row["status"], row["output"]) for row in rows]


async def test_every_item_runs_once_and_results_come_in_order(core: Core) -> None:
    async def double(item: ItemRun) -> Json:
        return await core.step(item, "double", lambda _: item.input * 2)

    execution = await core.run(list(range(40)), double)

    assert execution.status == Status.COMPLETED
    assert await core.counts(execution) == {"succeeded": 40}
    assert await outputs(core, execution.id) == [("succeeded", str(n * 2)) for n in range(40)]
    assert sorted(core.calls) == sorted((str(n), "double") for n in range(40))


async def test_a_failed_item_leaves_the_others_alone(core: Core) -> None:
    async def work(item: ItemRun) -> Json:
        return await core.step(item, "check", lambda _: refuse("three is bad") if item.input == 3 else item.input)

    execution = await core.run(list(range(6)), work)

    assert execution.status == Status.COMPLETED
    assert await core.counts(execution) == {"succeeded": 5, "failed": 1}
    rows, _ = await core.service.items(TENANT, execution.id, ItemFilter((ItemStatus.FAILED,)), None, 10)
    assert [row["path"] for row in rows] == ["000000003"]
    assert '"three is bad"' in rows[0]["error"]
    assert '"node":"check"' in rows[0]["error"]


async def test_when_every_item_fails_the_execution_fails_with_the_first_error(core: Core) -> None:
    async def work(item: ItemRun) -> Json:
        return await core.step(item, "check", lambda _: refuse(f"item {item.ordinal}"))

    execution = await core.run([1, 2, 3], work)

    assert execution.status == Status.FAILED
    assert execution.error is not None
    assert (execution.error.message, execution.error.item_index) == ("item 0", 0)


@pytest.mark.parametrize("policy", ["failFast", MaxFailed(0), MaxFailed("3%")])
async def test_the_error_policy_stops_the_execution(core: Core, policy: object) -> None:
    async def work(item: ItemRun) -> Json:
        return await core.step(item, "check", lambda _: refuse() if item.ordinal == 1 else 1)

    execution = await core.run(list(range(20)), work, on_item_error=policy, concurrency=1)

    assert execution.status == Status.FAILED
    counts = await core.counts(execution)
    assert counts["failed"] == 1
    assert counts["cancelled"] >= 15


async def test_a_retryable_error_is_tried_three_times_and_the_attempts_are_told(core: Core) -> None:
    async def work(item: ItemRun) -> Json:
        return await core.step(item, "flaky", lambda _: refuse(retryable=True))

    execution = await core.run([1], work)

    assert len(core.calls) == 3
    assert execution.error is not None
    assert execution.error.attempts == 3
    assert execution.error.retryable


async def test_a_step_that_takes_too_long_fails_its_item_only(core: Core) -> None:
    async def work(item: ItemRun) -> Json:
        if item.ordinal:
            return 1
        return await core.step(item, "slow", lambda _: asyncio.sleep(60), timeout_seconds=0.01)

    execution = await core.run([1, 2], work)

    assert await core.counts(execution) == {"succeeded": 1, "failed": 1}


async def test_cancel_stops_what_is_in_flight_and_nothing_starts_after_it(core: Core) -> None:
    started, aborted = asyncio.Event(), []

    async def hang(_: object) -> Json:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            aborted.append(1)
        return None

    async def work(item: ItemRun) -> Json:
        if item.ordinal < 2:
            return item.ordinal
        return await core.step(item, "hang", hang)

    core.work = work
    execution = await core.submit(list(range(50)), concurrency=5)
    await started.wait()
    while (await core.counts(execution)).get("succeeded", 0) < 2:
        pass
    ended = await core.service.cancel(TENANT, execution.id)
    calls_at_ack = len(core.calls)

    assert ended.status == Status.CANCELLED
    assert ended.cancel_receipt is not None
    assert ended.cancel_receipt["itemsFinished"] == 2
    assert ended.cancel_receipt["itemsDropped"] == 48
    assert ended.cancel_receipt["callsAborted"] == len(aborted)
    assert await core.counts(execution) == {"succeeded": 2, "cancelled": 48}
    assert len(core.calls) == calls_at_ack
    again = await core.service.cancel(TENANT, execution.id)
    assert again.cancel_receipt == ended.cancel_receipt


async def test_an_execution_that_is_over_cannot_be_cancelled(core: Core) -> None:
    async def work(_: ItemRun) -> Json:
        return 1

    execution = await core.run([1], work)

    with pytest.raises(Conflict):
        await core.service.cancel(TENANT, execution.id)
    assert (await core.service.get(TENANT, execution.id)).status == Status.COMPLETED


async def test_one_that_waits_for_a_place_is_cancelled_before_it_runs(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", works=False) as core:
        execution = await core.submit([1, 2])
        ended = await core.service.cancel(TENANT, execution.id)
        assert ended.status == Status.CANCELLED
        assert await core.counts(execution) == {"cancelled": 2}


async def test_the_deadline_ends_it_as_timeout_and_keeps_what_is_finished(core: Core) -> None:
    async def work(item: ItemRun) -> Json:
        if item.ordinal == 0:
            return "kept"
        return await core.step(item, "hang", lambda _: asyncio.Event().wait())

    execution = await core.run([1, 2], work, deadline_ms=200)

    assert execution.status == Status.TIMEOUT
    assert await core.counts(execution) == {"succeeded": 1, "cancelled": 1}


async def test_a_pending_execution_times_out_too(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", works=False) as core:
        execution = await core.submit([1], deadline_ms=1)
    async with open_core(tmp_path / "store.db") as core:
        assert (await core.finished(execution)).status == Status.TIMEOUT


async def test_no_more_items_are_under_way_than_the_concurrency_allows(core: Core) -> None:
    running = most = 0

    async def work(item: ItemRun) -> Json:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return item.input

    await core.run(list(range(100)), work, concurrency=7)

    assert most == 7


async def test_a_fault_in_a_job_fails_its_item_and_not_the_process(
    core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(item: ItemRun) -> Json:
        return 1 // item.input

    execution = await core.run([0, 1], work)

    assert await core.counts(execution) == {"succeeded": 1, "failed": 1}
    assert execution.id in caplog.text


async def test_elements_are_items_of_their_own_and_nest(core: Core) -> None:
    async def leaf(item: ItemRun) -> Json:
        return await core.step(item, "leaf", lambda _: item.input * 10)

    async def middle(item: ItemRun) -> Json:
        ended = await item.fan_out([1, 2, 3], leaf, label=None, limit=10)
        return [outcome.output for outcome in ended]

    async def work(item: ItemRun) -> Json:
        ended = await item.fan_out(["a", "b"], middle, label="second", limit=1)
        return [outcome.output for outcome in ended]

    execution = await core.run([0, 1], work, concurrency=2)

    assert execution.status == Status.COMPLETED
    assert await core.counts(execution) == {"succeeded": 2 + 4 + 12}
    rows, _ = await core.service.items(TENANT, execution.id, ItemFilter(), None, 100)
    assert rows[0]["output"] == "[[10,20,30],[10,20,30]]"
    assert ("1.second:0.2", "leaf") in core.calls


async def test_retry_runs_failed_items_only_and_merges(core: Core) -> None:
    broken = True

    async def work(item: ItemRun) -> Json:
        first = await core.step(item, "paid", lambda attempt: spend(attempt.usage))
        await core.step(item, "check", lambda _: refuse() if broken and item.ordinal % 2 else 1)
        return first

    def spend(usage: Usage) -> Json:
        usage.add(Usage(model_calls=1, cost_nanos=1_000_000))
        return "answer"

    execution = await core.run(list(range(4)), work)
    assert await core.counts(execution) == {"succeeded": 2, "failed": 2}
    broken = False
    core.calls.clear()

    await core.service.retry(TENANT, execution.id, RetryRequest())
    execution = await core.finished(execution)

    assert execution.status == Status.COMPLETED
    assert await core.counts(execution) == {"succeeded": 4}
    assert sorted(core.calls) == [("1", "check"), ("3", "check")]
    _, body = await core.service.progress(TENANT, execution.id)
    assert body["usage"]["costUsd"] == "0.0040"
    assert body["generation"] == 1


async def test_retry_of_an_element_runs_its_parents_again_without_their_recorded_steps(core: Core) -> None:
    broken = True

    async def leaf(item: ItemRun) -> Json:
        return await core.step(item, "leaf", lambda _: refuse() if broken and item.input == 2 else item.input)

    async def work(item: ItemRun) -> Json:
        await core.step(item, "before", lambda _: 1)
        ended = await item.fan_out([1, 2, 3], leaf, label=None, limit=10)
        return [outcome.output for outcome in ended]

    execution = await core.run([0], work)
    broken = False
    core.calls.clear()
    await core.service.retry(TENANT, execution.id, RetryRequest())
    execution = await core.finished(execution)

    assert core.calls == [("0.1", "leaf")]
    assert await core.counts(execution) == {"succeeded": 4}
    assert await outputs(core, execution.id) == [
        ("succeeded", "[1,2,3]"),
        ("succeeded", "1"),
        ("succeeded", "2"),
        ("succeeded", "3"),
    ]


async def test_there_is_nothing_to_retry_when_nothing_failed(core: Core) -> None:
    async def work(_: ItemRun) -> Json:
        return 1

    execution = await core.run([1], work)

    with pytest.raises(Conflict, match="nothing"):
        await core.service.retry(TENANT, execution.id, RetryRequest())


async def test_a_cancelled_execution_goes_on_with_retry_of_unfinished(core: Core) -> None:
    hold = asyncio.Event()

    async def work(item: ItemRun) -> Json:
        if item.ordinal:
            await core.step(item, "wait", lambda _: hold.wait())
        return item.ordinal

    core.work = work
    execution = await core.submit([0, 1, 2])
    while len(core.calls) < 2:
        await core.counts(execution)
    await core.service.cancel(TENANT, execution.id)
    hold.set()
    await core.service.retry(TENANT, execution.id, RetryRequest(items="unfinished"))

    assert (await core.finished(execution)).status == Status.COMPLETED
    assert await core.counts(execution) == {"succeeded": 3}


async def test_what_was_recorded_is_not_run_again_by_the_next_process(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        reached = asyncio.Event()

        async def work(item: ItemRun) -> Json:
            await core.step(item, "first", lambda _: item.ordinal)
            if item.ordinal >= 3:
                reached.set()
                await core.step(item, "second", lambda _: asyncio.Event().wait())
            return item.ordinal

        core.work = work
        execution = await core.submit(list(range(6)), concurrency=6)
        await reached.wait()
        await core.journal.commit(core.dispatcher.run_of(execution.no).holder, [])  # type: ignore[union-attr]

    async with open_core(tmp_path / "store.db") as core:

        async def go_on(item: ItemRun) -> Json:
            await core.step(item, "first", lambda _: item.ordinal)
            await core.step(item, "second", lambda _: item.ordinal)
            return item.ordinal

        core.work = go_on
        ended = await core.finished(execution)

        assert ended.status == Status.COMPLETED
        assert ended.lease_number == 2
        assert sorted(core.calls) == [("3", "second"), ("4", "second"), ("5", "second")]
        assert await core.counts(execution) == {"succeeded": 6}


async def test_what_is_written_under_a_lease_that_was_given_away_is_refused(core: Core) -> None:
    hold, started = asyncio.Event(), asyncio.Event()
    answers = iter(["late", "again"])

    async def wait(_: object) -> Json:
        answer = next(answers)
        started.set()
        await hold.wait()
        return answer

    async def work(item: ItemRun) -> Json:
        return await core.step(item, "slow", wait)

    core.work = work
    execution = await core.submit([1])
    await started.wait()

    def steal() -> Transaction[None]:
        yield "update executions set lease_number = lease_number + 1, lease_owner = 'other' where no = $1", execution.no

    await core.store.write(steal())
    hold.set()
    ended = await core.finished(execution)

    assert ended.lease_number == 3
    assert await outputs(core, execution.id) == [("succeeded", '"again"')]


async def test_the_same_idempotency_key_is_the_same_execution(core: Core) -> None:
    async def work(_: ItemRun) -> Json:
        return 1

    core.work = work
    submitted = await asyncio.gather(*(core.submit([1], idempotency_key="k", request_hash="same") for _ in range(20)))

    assert len({execution.id for execution in submitted}) == 1
    with pytest.raises(Unprocessable):
        await core.submit([2], idempotency_key="k", request_hash="other")


async def test_events_are_numbered_without_a_gap(core: Core) -> None:
    async def work(item: ItemRun) -> Json:
        await core.step(item, "one", lambda _: 1)
        return item.ordinal

    execution = await core.run(list(range(30)), work)

    def numbers() -> Transaction[list[int]]:
        rows = yield (
            "select seq from items where execution_no = $1 union all select seq from events where execution_no = $1",
            execution.no,
        )
        return sorted(row["seq"] for row in rows)

    found = await core.store.read(numbers())
    assert found == list(range(1, execution.seq + 1))
    assert len(found) == 30 + 3


async def test_more_executions_than_places_all_run(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", places=2) as core:

        async def work(item: ItemRun) -> Json:
            return await core.step(item, "one", lambda _: asyncio.sleep(0, 1))

        core.work = work
        executions = [await core.submit([1], lane=lane) for lane in ("batch", "interactive") * 15]
        ended = [await core.finished(execution) for execution in executions]
        assert {execution.status for execution in ended} == {Status.COMPLETED}
