"""Runs one execution: plans its items lazily, keeps a bounded number under way, ends or parks it.

Recovery enters here with the same arguments as a first run: items that are recorded are not planned again, and an
unfinished item goes on from its last recorded step.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from penstock.clock import iso, now_ms
from penstock.errors import StepError
from penstock.executions import paths
from penstock.executions.ending import Ending, conclude
from penstock.executions.item import ItemRun, Outcome, Stopping, outcome_of
from penstock.executions.job import Job
from penstock.executions.journal import Holder, ItemRecord, Journal, LeaseLost, StepRecord
from penstock.executions.limits import Window
from penstock.executions.model import ErrorInfo, Execution, Planned, Status
from penstock.executions.patience import patiently
from penstock.executions.progress import Tally
from penstock.executions.signals import Signals
from penstock.models.usage import usd_from_nanos
from penstock.storage import executions as execution_rows
from penstock.storage import items as item_rows
from penstock.storage import steps as step_rows
from penstock.storage.steps import RecordedStep
from penstock.storage.store import Store, Transaction
from penstock.types import JsonObject

logger = logging.getLogger(__name__)

ABORT_SECONDS = 5.0
JITTER = random.Random()  # noqa: S311 - spreads retries, guards nothing


class StopReason(StrEnum):
    CANCEL = "cancel"
    TIMEOUT = "timeout"
    FAILURES = "failures"
    BROKEN = "broken"
    PARK = "park"
    LOST = "lost"


class Run:
    """One execution in the process that owns it."""

    def __init__(self, execution: Execution, job: Job, store: Store, journal: Journal, signals: Signals) -> None:
        self.execution = execution
        self.job = job
        self.journal = journal
        self.window = Window(execution.options.concurrency)
        self.random = JITTER
        self.resumed = execution.lease_number > 1
        self.tally = Tally(planned=execution.total_items or 0, seq=execution.seq)
        self.holder = Holder(execution.no, execution.lease_number, self._committed)
        self.stopping: StopReason | None = None
        self._store = store
        self._signals = signals
        self._tasks: set[asyncio.Task[Outcome | None]] = set()
        self._planner: asyncio.Task[None] | None = None
        self._stop_note: dict[str, Any] = {}
        self._error: ErrorInfo | None = None

    async def run(self) -> Execution | None:
        """Run to the end and return the execution as it ended; None when it was parked or its lease was lost."""
        overdue = asyncio.get_running_loop().call_later(
            max(0.0, (self.execution.deadline_at - now_ms()) / 1000), self.stop, StopReason.TIMEOUT
        )
        try:
            if self.resumed:
                await self._seed()
            self._planner = asyncio.create_task(self._plan_and_run(), name=f"plan {self.execution.id}")
            if self.stopping not in (None, StopReason.PARK):
                self._planner.cancel()
            await self._settled(self._planner)
            return await self._end()
        finally:
            overdue.cancel()

    def stop(self, reason: StopReason) -> None:
        """Start no step any more. All but `PARK` cut off what is in flight; the first reason stands.

        Once work is parked, a further call with `PARK` cuts it off too.
        """
        first = self.stopping is None
        if first:
            self.stopping = reason
            self._stop_note = {
                "requestedAt": iso(self.execution.cancel_requested_at or now_ms()),
                "callsAborted": self.tally.calls_in_flight,
                "nanos": self.tally.usage.cost_nanos,
            }
        if reason == StopReason.PARK and first:
            self._window_closed()
            return
        for task in (*self._tasks, *([self._planner] if self._planner else [])):
            task.cancel()

    def lose(self) -> None:
        """Another process owns the execution now: stop, and write nothing more."""
        logger.error("execution %s: its lease was lost; another process goes on with it", self.execution.id)
        self.stop(StopReason.LOST)

    # What items need

    def may_start(self) -> None:
        """Raises `Stopping` when no step may start any more."""
        if self.stopping is not None:
            raise Stopping

    @contextmanager
    def inside(self, node: str, *, effectful: bool) -> Iterator[None]:
        """Count an item as being in a node."""
        self.tally.enter(node)
        self.tally.calls_in_flight += effectful
        try:
            yield
        finally:
            self.tally.leave(node)
            self.tally.calls_in_flight -= effectful

    async def recorded_steps(self, path: str) -> list[RecordedStep]:
        return await self._store.read(step_rows.of_item(self.execution.no, path))

    async def recorded_below(self, path: str) -> dict[str, Outcome]:
        """Recorded items below one, by path; nothing when the execution has never run before."""
        if not self.resumed:
            return {}
        rows = await self._store.read(item_rows.below(self.execution.no, path))
        return {row["path"]: outcome_of(row) for row in rows}

    # Planning

    async def _seed(self) -> None:
        def sums() -> Transaction[None]:
            recorded = yield from item_rows.counts(self.execution.no)
            tally.recorded.update({status: n for status, n in recorded.items() if status != "pending"})
            tally.nested = yield from item_rows.nested(self.execution.no)
            tally.usage = yield from step_rows.usage(self.execution.no)

        tally = self.tally
        await self._store.read(sums())

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

    async def _unfinished(self, page: list[Planned]) -> list[Planned]:
        if not self.resumed or not page:
            return page
        low, high = page[0].ordinal, page[-1].ordinal
        done = await self._store.read(item_rows.finished_between(self.execution.no, low, high))
        return [planned for planned in page if planned.ordinal not in done]

    def _start(self, planned: Planned) -> None:
        item = ItemRun(self, paths.top(planned.ordinal), planned.input, input_is_stored=planned.stored)
        task = asyncio.create_task(item.attend(self.job.run_item))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _committed(self, steps: list[StepRecord], items: list[ItemRecord], seq: int) -> None:
        self.tally.committed(steps, items, seq)
        if items:
            allowed = self.execution.options.failures_allowed(self.execution.total_items)
            if allowed is not None and self.tally.recorded["failed"] > allowed:
                self.stop(StopReason.FAILURES)
        self._signals.changed(self.execution.no)

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
        except StepError as error:
            self._break(error)
        except Exception as error:
            # A plan that breaks must end its execution with a reason rather than leave it running for ever.
            logger.exception("execution %s: its plan broke", self.execution.id)
            self._break(StepError("internal_error", f"The plan broke: {type(error).__name__}: {error}"[:500]))
        while self._tasks:
            patience = None if self.stopping in (None, StopReason.PARK) else ABORT_SECONDS
            _, late = await asyncio.wait(tuple(self._tasks), timeout=patience)
            if late and self.stopping not in (None, StopReason.PARK):
                logger.error("execution %s: %d items did not stop in time", self.execution.id, len(late))
                return

    def _break(self, error: StepError) -> None:
        self._error = ErrorInfo(code=error.code, message=error.message, retryable=error.retryable, cause=error.cause)
        self.stop(StopReason.BROKEN)

    async def _end(self) -> Execution | None:
        if self.stopping not in (None, StopReason.LOST):
            # Items that were cut off may have handed something in that they no longer wait for. The journal writes in
            # order: when this is through, so is that.
            await self.journal.commit(self.holder, [])
        if self.stopping in (StopReason.PARK, StopReason.LOST):
            if self.stopping == StopReason.PARK:
                await self._store.write(execution_rows.release(self.execution.no, self.execution.lease_number))
            return None
        results = None if self.stopping else await self.job.finish(self.execution)
        ending = Ending(
            status=_STATUS_OF[self.stopping] if self.stopping else Status.COMPLETED,
            total=self.tally.total,
            top_level=self.tally.planned,
            results=results,
            receipt=self._receipt() if self.stopping == StopReason.CANCEL else None,
            error=self._error,
        )
        ended = await patiently(self._store, lambda: conclude(self.execution, ending))
        if ended is None:
            raise LeaseLost
        return ended

    def _receipt(self) -> JsonObject:
        """What a cancel did: until when calls ran, what was kept, what was spent after it was asked for."""
        tally, note = self.tally, self._stop_note
        finished = sum(tally.recorded[status] for status in ("succeeded", "failed", "skipped"))
        return {
            "requestedAt": note["requestedAt"],
            "stoppedAt": iso(now_ms()),
            "itemsFinished": finished,
            "itemsDropped": max(0, tally.total - finished),
            "callsAborted": note["callsAborted"],
            "costAfterRequestUsd": usd_from_nanos(tally.usage.cost_nanos - note["nanos"]),
        }


_STATUS_OF = {
    StopReason.CANCEL: Status.CANCELLED,
    StopReason.TIMEOUT: Status.TIMEOUT,
    StopReason.FAILURES: Status.FAILED,
    StopReason.BROKEN: Status.FAILED,
}
