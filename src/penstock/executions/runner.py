"""Runs one execution: plans its items lazily, keeps a bounded number under way, ends or parks it.

Recovery enters here with the same arguments as a first run: items that are recorded are not planned again, and an
unfinished item goes on from its last recorded step.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from penstock.clock import iso, now_ms
from penstock.errors import Problem, StepError, Unavailable
from penstock.executions import paths
from penstock.executions.budget import BudgetMeter, Ledger, StepMeter
from penstock.executions.calls import Calls
from penstock.executions.charging import Charging
from penstock.executions.ending import Ending, Sums, cancel_unfinished, conclude, sums_of
from penstock.executions.flights import Flights
from penstock.executions.item import ItemRun, Outcome, Stopping, outcome_of
from penstock.executions.job import Job
from penstock.executions.journal import Holder, ItemRecord, Journal, LeaseLost, StepRecord
from penstock.executions.limits import Window
from penstock.executions.model import ErrorInfo, Execution, ItemStatus, Planned, Reason, Status
from penstock.executions.patience import patiently
from penstock.executions.progress import Tally
from penstock.executions.reopening import reopen_rest
from penstock.executions.signals import Signals
from penstock.failpoints import reached
from penstock.models.compute_units import SHIPPED
from penstock.models.usage import usd_from_nanos
from penstock.storage import events as event_rows
from penstock.storage import executions as execution_rows
from penstock.storage import items as item_rows
from penstock.storage import steps as step_rows
from penstock.storage.executions import dumps, loads
from penstock.storage.steps import RecordedStep
from penstock.storage.store import Store, Transaction
from penstock.types import Json, JsonObject

logger = logging.getLogger(__name__)

ABORT_SECONDS = 5.0
ANSWERS_SECONDS = 0.1
MOST_ANSWERS_SECONDS = 0.5
MANY_ITEMS = 10_000
JITTER = random.Random()  # noqa: S311 - spreads retries, guards nothing


class StopReason(StrEnum):
    CANCEL = "cancel"
    TIMEOUT = "timeout"
    FAILURES = "failures"
    BROKEN = "broken"
    PAUSE = "pause"
    PARK = "park"
    LOST = "lost"


_DRAINS = frozenset({StopReason.PAUSE, StopReason.PARK})
"""Reasons for which steps in flight may finish."""

ASKED_FOR = Reason("requested", "Somebody paused it.")


@dataclass(frozen=True, slots=True)
class Host:
    """What runs need of the process they are in."""

    store: Store
    journal: Journal
    signals: Signals
    flights: Flights
    charging: Charging


class Run:
    """One execution in the process that owns it."""

    def __init__(self, execution: Execution, job: Job, host: Host, window: Window) -> None:
        self.execution = execution
        self.job = job
        self.journal = host.journal
        self.flights = host.flights
        self.window = window
        self.random = JITTER
        self.resumed = execution.lease_number > 1
        self.tally = Tally(planned=execution.total_items or 0, seq=execution.seq)
        budget = execution.options.budget
        self.ledger = None if budget is None else Ledger(budget, execution.lost)
        self.holder = Holder(execution.no, execution.lease_number, self._committed, self.ledger)
        self.calls = Calls()
        self.stopping: StopReason | None = None
        self._stopped = asyncio.Event()
        self._pause_reason = ASKED_FOR
        self._parked = False
        self._store = host.store
        self._signals = host.signals
        self._charging = host.charging
        self._rates = SHIPPED
        self._tasks: set[asyncio.Task[Outcome | None]] = set()
        self._planner: asyncio.Task[None] | None = None
        self._stop_note: dict[str, Any] = {}
        self._cut_off_at: float | None = None
        self._calls_aborted = 0
        self._failures_allowed = execution.options.failures_allowed(execution.total_items)
        self._planned_all = False
        self._error: ErrorInfo | None = None
        self.output: str | None = None
        self._trouble: Unavailable | None = None

    async def run(self) -> Execution | None:
        """Run to the end and return the execution as it ended; None when it was parked or its lease was lost.

        Raises `Unavailable` when the store did not answer: it is to be let go of, and taken up again later.
        """
        overdue = asyncio.get_running_loop().call_later(
            max(0.0, (self.execution.deadline_at - now_ms()) / 1000), self.stop, StopReason.TIMEOUT
        )
        try:
            self._rates = await self._charging.rates(self.execution)
            if self.resumed:
                reached("recovery.claimed")
                await self._seed()
                reached("recovery.seeded")
            self._planner = asyncio.create_task(self._plan_and_run(), name=f"plan {self.execution.id}")
            if self.stopping not in (None, StopReason.PARK):
                self._planner.cancel()
            await self._settled(self._planner)
            return await self._end()
        finally:
            overdue.cancel()

    def stop(self, reason: StopReason) -> None:
        """Start no step any more. All but `PAUSE` and `PARK` cut off what is in flight.

        The first reason stands, but that one that ends the execution takes the place of `PAUSE`. Once work is parked, a
        further call with `PARK` cuts it off too.
        """
        before = self.stopping
        if before is None or (before == StopReason.PAUSE and reason not in _DRAINS):
            self.stopping = reason
            self._stop_note = {
                "requestedAt": iso(self.execution.cancel_requested_at or now_ms()),
                "nanos": self.calls.spent_nanos,
            }
        self._stopped.set()
        parked_before, self._parked = self._parked, self._parked or reason == StopReason.PARK
        if reason == StopReason.PAUSE or (reason == StopReason.PARK and not parked_before):
            self._window_closed()
        elif reason == StopReason.CANCEL and self._cut_off_at is None and self.calls.under_way:
            self._window_closed()
            loop = asyncio.get_running_loop()
            loop.call_later(ANSWERS_SECONDS, self._let_answers_in, self.calls.under_way, loop.time())
        else:
            self._cut_off()

    def _let_answers_in(self, before: int, since: float) -> None:
        """Cut off what is in flight when no answer has come in for a moment.

        Those that were on their way are paid for, so they are kept; what takes longer is not waited for.
        """
        loop = asyncio.get_running_loop()
        left = self.calls.under_way
        if 0 < left < before and loop.time() < since + MOST_ANSWERS_SECONDS:
            loop.call_later(ANSWERS_SECONDS, self._let_answers_in, left, since)
        else:
            self._cut_off()

    def _cut_off(self) -> None:
        if self._cut_off_at is None:
            self._cut_off_at = asyncio.get_running_loop().time()
            self._calls_aborted = self.calls.under_way
        for task in (*self._tasks, *([self._planner] if self._planner else [])):
            task.cancel()

    def pause(self, reason: Reason = ASKED_FOR) -> None:
        """Let steps in flight finish, then set the execution aside until it is resumed."""
        if self.stopping is None:
            self._pause_reason = reason
        self.stop(StopReason.PAUSE)

    def lose(self) -> None:
        """Another process owns the execution now: stop, and write nothing more."""
        logger.error("execution %s: its lease was lost; another process goes on with it", self.execution.id)
        self.stop(StopReason.LOST)

    # What items need

    def may_start(self) -> None:
        """Raises `Stopping` when no step may start any more."""
        if self.stopping is not None:
            raise Stopping

    async def rest(self, seconds: float) -> None:
        """Sleep before another attempt; a stop ends it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    def meter(self) -> StepMeter:
        """What counts the calls of one step, and keeps them inside the budget."""
        claim = self.window.claim
        if self.ledger is None:
            meter = StepMeter(claim, self.may_start, self.calls.answered)
        else:
            meter = BudgetMeter(claim, self.may_start, self.ledger, self._write_budget, self.pause, self.calls.answered)
        meter.rates = self._rates
        return meter

    async def _write_budget(self) -> None:
        await self.journal.commit(self.holder, [])

    @contextmanager
    def inside(self, node: str) -> Iterator[None]:
        """Count an item as being in a node."""
        self.tally.enter(node)
        try:
            yield
        finally:
            self.tally.leave(node)

    async def recorded_steps(self, path: str) -> list[RecordedStep]:
        return await self._store.read(step_rows.of_item(self.execution.no, path))

    async def recorded_elements(self, elements: Sequence[tuple[str, Json]]) -> dict[str, Outcome]:
        """Those of one item's elements (path and value) that are recorded; none when it has never run before.

        What is recorded for another value is forgotten: a retry with another version may split into other elements.
        """
        if not self.resumed or not elements:
            return {}
        rows = await self._store.read(item_rows.elements(self.execution.no, elements[0][0], elements[-1][0]))
        recorded = {row["path"]: row for row in rows}
        for path, value in elements:
            if path in recorded and not _same(recorded[path]["input"], value):
                await self.forget(path, path + "/")
                del recorded[path]
        return {path: outcome_of(row) for path, row in recorded.items()}

    async def forget(self, low: str, high: str) -> None:
        """Drop the recorded elements from a path up to another. Raises `LeaseLost`."""

        def drop() -> Transaction[list[str] | None]:
            held = yield from execution_rows.hold(self.execution.no, self.execution.lease_number, 0)
            return None if held is None else (yield from item_rows.drop(self.execution.no, low, high))

        dropped = await self._store.write(drop())
        if dropped is None:
            raise LeaseLost
        self.tally.nested -= len(dropped)
        done = [status for status in dropped if status != ItemStatus.PENDING]
        self.tally.recorded.subtract(done)
        self.tally.elements_done -= len(done)

    async def tell(self, kind: str, body: JsonObject, alongside: Callable[[], Transaction[bool]]) -> None:
        """Write what `alongside` makes, and with it an event; none when it answers that nothing is new.

        Raises `LeaseLost`.
        """

        def write() -> Transaction[int | None]:
            if not (yield from alongside()):
                return None
            before = yield from execution_rows.hold(self.execution.no, self.execution.lease_number, 1)
            if before is None:
                raise LeaseLost
            yield from event_rows.note(self.execution.no, before + 1, kind, now_ms(), body)
            return before + 1

        seq = await patiently(self._store, write)
        if seq is not None:
            self.tally.seq = max(self.tally.seq, seq)
            self._signals.changed(self.execution.no)

    # Planning

    async def _seed(self) -> None:
        await self.flights.refresh(self._store, self.execution.no)
        await reopen_rest(self._store, self.execution, lambda: self.stopping is not None)
        sums = await self._store.read(sums_of(self.execution.no))
        recorded = {status: n for status, n in sums.recorded.items() if status != ItemStatus.PENDING}
        self.tally.recorded.update(recorded)
        self.tally.nested, self.tally.usage = sums.nested, sums.usage
        self.tally.elements_done = min(sums.nested, sum(recorded.values()))
        if self.ledger is not None:
            self.ledger.spent = sums.usage.amounts

    async def _plan_and_run(self) -> None:
        known_total = self.execution.total_items is not None
        async for page in self.job.plan():
            waiting = await self._unfinished(page)
            if not known_total:
                self.tally.planned += len(page)
            for planned in waiting:
                await self.window.acquire(0)
                if self.stopping is not None:
                    self.window.release()
                    return
                self._start(planned)
        self._planned_all = True

    async def _unfinished(self, page: list[Planned]) -> list[Planned]:
        if not self.resumed or not page:
            return page
        low, high = page[0].ordinal, page[-1].ordinal
        recorded = await self._store.read(item_rows.between(self.execution.no, low, high))
        unrecorded = None if self.execution.options.chosen_only else ItemStatus.PENDING
        return [planned for planned in page if recorded.get(planned.ordinal, unrecorded) == ItemStatus.PENDING]

    def _start(self, planned: Planned) -> None:
        item = ItemRun(self, paths.top(planned.ordinal), planned.input, input_is_stored=planned.stored)
        task = asyncio.create_task(item.attend(self.job.run_item))
        self._tasks.add(task)
        task.add_done_callback(item.left)
        task.add_done_callback(self._item_left)

    def _item_left(self, task: asyncio.Task[Outcome | None]) -> None:
        """An item that could not even record how it failed must not be missing from the result unnoticed."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None and self.stopping is None and (task.cancelled() or task.result() is None):
            error = RuntimeError("something inside it cancelled it")
        if isinstance(error, Exception):
            self._broke(error, "an item")

    def _committed(self, steps: list[StepRecord], items: list[ItemRecord], seq: int) -> None:
        self.tally.committed(steps, items, seq)
        if items and self._too_many_failed(self._failures_allowed):
            self.stop(StopReason.FAILURES)
        self._signals.changed(self.execution.no)

    def _too_many_failed(self, allowed: int | None) -> bool:
        return allowed is not None and self.tally.recorded["failed"] > allowed

    # Ending

    def _window_closed(self) -> None:
        """Wake the planner where it waits for a place, so that it sees the stop."""
        if self._planner is not None:
            self._planner.cancel()

    async def _settled(self, planner: asyncio.Task[None]) -> None:
        """Wait until the plan is at its end and no item is under way."""
        try:
            await planner
        except asyncio.CancelledError:
            if self.stopping is None:
                raise
        except Exception as error:  # noqa: BLE001 - logged where it is told apart
            # A plan that breaks must end its execution with a reason rather than leave it running for ever.
            self._broke(error, "the plan")
        while self._tasks:
            _, late = await asyncio.wait(tuple(self._tasks), timeout=ABORT_SECONDS)
            if late and self._cut_off_for() >= ABORT_SECONDS:
                logger.error("execution %s: %d items did not stop in time", self.execution.id, len(late))
                return

    def _cut_off_for(self) -> float:
        """Seconds since everything in flight was told to stop."""
        return 0.0 if self._cut_off_at is None else asyncio.get_running_loop().time() - self._cut_off_at

    def _broke(self, error: Exception, what: str) -> None:
        """Stop because of a fault outside the steps of items: with its reason, or to go on when the store does."""
        match error:
            case Unavailable():
                self._trouble = error
                self.stop(StopReason.PARK)
                return
            case StepError():
                info = ErrorInfo(code=error.code, message=error.message, retryable=error.retryable, cause=error.cause)
            case Problem():
                info = ErrorInfo(code=error.code, message=error.detail)
            case _:
                logger.error("execution %s: %s broke", self.execution.id, what, exc_info=error)
                text = f"{what.capitalize()} broke: {type(error).__name__}: {error}"[:500]
                info = ErrorInfo(code="internal_error", message=text)
        self._error = self._error or info
        self.stop(StopReason.BROKEN)

    async def _end(self) -> Execution | None:
        if self.stopping not in (None, StopReason.LOST):
            # Items that were cut off may have handed something in that they no longer wait for. The journal writes in
            # order: when this is through, so is that.
            await self.journal.commit(self.holder, [])
        if self.stopping == StopReason.PAUSE and self._nothing_left():
            # It came to its end while it drained: there is nothing left to resume.
            self.stopping = None
        results = None if self.stopping else await self.job.finish(self.execution)
        reason = self.stopping
        if self._trouble is not None:
            raise self._trouble
        if reason == StopReason.LOST:
            return None
        if reason == StopReason.PARK:
            no, lease_number = self.execution.no, self.execution.lease_number
            await patiently(self._store, lambda: execution_rows.release(no, lease_number))
            return None
        if reason == StopReason.PAUSE:
            if await patiently(self._store, lambda: execution_rows.pause(self.execution, self._pause_reason)):
                return None
            # Somebody asked for its end while it drained; a lease that was lost shows in what follows.
            reason = StopReason.CANCEL
        if reason is not None and self.tally.total >= MANY_ITEMS:
            await cancel_unfinished(self._store, self.execution)
        ending = Ending(
            status=self._status(reason),
            total=self.tally.total,
            top_level=self.tally.planned if self._planned_all else self.execution.total_items,
            results=results,
            receipt=self._receipt() if reason == StopReason.CANCEL else None,
            error=self._error,
            sums=await self._sums(),
        )
        ended = await patiently(self._store, lambda: conclude(self.execution, ending, self._charging))
        if ended is None:
            raise LeaseLost
        reached("end.after_commit")
        return dataclasses.replace(ended, output=self.output) if self.job.single else ended

    def _nothing_left(self) -> bool:
        """Whether every item there is has been recorded."""
        known = self._planned_all or self.execution.total_items is not None
        done = sum(self.tally.recorded.values())
        return known and not self._tasks and self.tally.total > 0 and done >= self.tally.total

    async def _sums(self) -> Sums | None:
        """Of many items, added up before the transaction that ends the execution, which would hold up everybody."""
        if self._tasks or self.tally.total < MANY_ITEMS:
            return None
        return await self._store.read(sums_of(self.execution.no))

    def _status(self, reason: StopReason | None) -> Status:
        if reason is not None:
            return _STATUS_OF[reason]
        # A share of a total that the plan did not know is counted at the end.
        allowed = self.execution.options.failures_allowed(self.tally.planned)
        return Status.FAILED if self._too_many_failed(allowed) else Status.COMPLETED

    def _receipt(self) -> JsonObject:
        """What a cancel did: until when calls ran, what was kept, what was spent after it was asked for."""
        tally, note = self.tally, self._stop_note
        finished = sum(tally.recorded[status] for status in ("succeeded", "failed", "skipped"))
        return {
            "requestedAt": note["requestedAt"],
            "stoppedAt": iso(now_ms()),
            "itemsFinished": finished,
            "itemsDropped": max(0, tally.total - finished),
            "callsAborted": self._calls_aborted,
            "costAfterRequestUsd": usd_from_nanos(self.calls.spent_nanos - note["nanos"]),
        }


def _same(recorded: str | None, value: Json) -> bool:
    """A value that came back from its JSON text may differ from the one it was made of (a tuple is a list)."""
    return loads(recorded) == value or recorded == dumps(value)


_STATUS_OF = {
    StopReason.CANCEL: Status.CANCELLED,
    StopReason.TIMEOUT: Status.TIMEOUT,
    StopReason.FAILURES: Status.FAILED,
    StopReason.BROKEN: Status.FAILED,
}
