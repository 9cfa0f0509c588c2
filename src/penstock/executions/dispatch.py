"""Brings executions to life in this process: new ones, ones that waited, and ones whose owner has gone.

The store is the queue: what cannot start at once simply waits there as `pending`, so ten thousand waiting executions
cost no memory. An execution that finds a place when it is submitted starts at once, without a look at the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.clock import now_ms
from penstock.errors import Problem, StepError, Unavailable
from penstock.executions.ending import Ending, conclude
from penstock.executions.job import OpenJob
from penstock.executions.journal import Journal, LeaseLost
from penstock.executions.model import ErrorInfo, Execution, Status
from penstock.executions.patience import RETRY_SECONDS, patiently
from penstock.executions.runner import Run, StopReason
from penstock.executions.signals import Signals
from penstock.ids import new_id
from penstock.queue.local import Lane, Places
from penstock.storage import executions as execution_rows
from penstock.storage.store import Store

logger = logging.getLogger(__name__)

LANES: tuple[Lane, ...] = ("interactive", "batch")
LOOK_SECONDS = 0.25
"""How often requests of other processes on the same store (submit, cancel) are looked for."""


@dataclass(slots=True)
class _Slot:
    """One execution that has a place here; `run` is None until it is claimed and its job is open."""

    lane: Lane
    ended: asyncio.Future[Execution | None]
    task: asyncio.Task[None] | None = None
    run: Run | None = None
    cancel: bool = False
    pause: bool = False


@dataclass(slots=True)
class Dispatcher:
    """Owns the runs of this process. `works` is False in a server that leaves running to workers."""

    store: Store
    journal: Journal
    signals: Signals
    jobs: Mapping[str, OpenJob]
    places: Places
    works: bool = True
    owner: str = field(default_factory=new_id)
    _slots: dict[int, _Slot] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: Counter[Lane] = field(default_factory=Counter)
    _loop_task: asyncio.Task[None] | None = None
    _stopping: bool = False
    _crowded: set[Lane] = field(default_factory=lambda: set(LANES))
    """Lanes in which something may be waiting for a place. In the others, one that falls free is no reason to look at
    the store, and what is submitted may start at once: it passes nobody."""

    def start(self) -> None:
        """Begin to look for work; what an earlier process left unfinished is taken up first."""
        if self.works:
            self._loop_task = asyncio.create_task(self._look_forever(), name="penstock-dispatch")

    async def stop(self, grace_seconds: float) -> None:
        """Park everything: steps in flight may finish within the grace, then they are cut off."""
        self._stopping = True
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.wait((self._loop_task,))
        tasks = [slot.task for slot in self._slots.values() if slot.task is not None]
        self._park()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_seconds)
            if late:
                self._park()
                await asyncio.wait(late, timeout=2.0)

    def _park(self) -> None:
        for slot in self._slots.values():
            if slot.run is not None:
                slot.run.stop(StopReason.PARK)

    def reserve(self, lane: Lane) -> str | None:
        """Take a place for an execution that is about to be submitted, if there is one.

        Returns the owner to claim it for in the same transaction, so that it starts without another look at the
        store. `begin` or `give_back` must follow.
        """
        if not self.works or self._stopping or lane in self._crowded:
            return None
        return self.owner if self.places.take(lane) else None

    def begin(self, execution: Execution) -> None:
        """Run an execution that was claimed with a reserved place."""
        self._begin(execution.no, execution.lane, execution.lease_number, execution)

    def give_back(self, lane: Lane) -> None:
        """Give up a place."""
        self.places.give_back(lane)
        self._place_is_free()

    def look_soon(self, lane: Lane) -> None:
        """There is something to run that has no place yet."""
        self._crowded.add(lane)
        self._asked[lane] += 1
        self._wake.set()

    def _place_is_free(self) -> None:
        if self._crowded:
            self._wake.set()

    def end_of(self, execution_no: int) -> asyncio.Future[Execution | None] | None:
        """Becomes the execution as it ended; None when this process does not run it, or stops running it."""
        slot = self._slots.get(execution_no)
        return slot.ended if slot is not None else None

    def run_of(self, execution_no: int) -> Run | None:
        """The live run of an execution, when this process owns it."""
        slot = self._slots.get(execution_no)
        return slot.run if slot is not None else None

    def cancel(self, execution_no: int) -> None:
        """Stop an execution that this process owns or is about to start; without effect for others."""
        slot = self._slots.get(execution_no)
        if slot is None:
            return
        slot.cancel = True
        if slot.run is not None:
            slot.run.stop(StopReason.CANCEL)

    def pause(self, execution_no: int) -> None:
        """Set an execution aside that this process owns or is about to start; without effect for others."""
        slot = self._slots.get(execution_no)
        if slot is None:
            return
        slot.pause = True
        if slot.run is not None and slot.run.stopping is None:
            slot.run.pause()

    # Starting and ending one

    def _begin(self, no: int, lane: Lane, lease_number: int, claimed: Execution | None = None) -> None:
        slot = self._slots[no] = _Slot(lane, asyncio.get_running_loop().create_future())
        slot.task = asyncio.create_task(self._attend(no, lease_number, slot, claimed), name=f"execution {no}")

    async def _attend(self, no: int, lease_number: int, slot: _Slot, claimed: Execution | None) -> None:
        ended = None
        try:
            execution = claimed or await patiently(
                self.store, lambda: execution_rows.claim(no, lease_number, self.owner)
            )
            if execution is not None:
                self.signals.changed(no)
                ended = await self._run(execution, slot)
        except LeaseLost:
            logger.exception("execution number %d: another process took it over", no)
        except Unavailable as error:
            logger.error("execution number %d stays where it is: %s", no, error.detail)
        finally:
            del self._slots[no]
            slot.ended.set_result(ended)
            self.signals.changed(no)
            self.give_back(slot.lane)

    async def _run(self, execution: Execution, slot: _Slot) -> Execution | None:
        try:
            open_job = self.jobs.get(execution.kind)
            if open_job is None:
                unknown = f"There is no kind {execution.kind!r} in this Penstock."
                return await self._fail(execution, "job_unavailable", unknown)
            job = await open_job(execution)
            slot.run = Run(execution, job, self.store, self.journal, self.signals)
            if slot.cancel or execution.cancel_requested_at is not None:
                slot.run.stop(StopReason.CANCEL)
            elif slot.pause or execution.pause_requested_at is not None:
                slot.run.pause()
            elif self._stopping:
                slot.run.stop(StopReason.PARK)
            return await slot.run.run()
        except Unavailable as error:
            await self._let_go(execution, error)
            return None
        except (Problem, StepError) as error:
            return await self._fail(execution, "job_unavailable", str(error))
        except LeaseLost:
            raise
        except Exception as error:
            # The boundary of one execution: it ends with a reason, and the others go on.
            logger.exception("execution %s broke outside its items", execution.id)
            return await self._fail(execution, "internal_error", f"{type(error).__name__}: {error}"[:500])

    async def _let_go(self, execution: Execution, error: Unavailable) -> None:
        """The store did not answer: after a moment whoever is free takes the execution up again."""
        if error.code == "store_closed":
            raise error
        logger.error("execution %s goes on when the store does: %s", execution.id, error.detail)
        await asyncio.sleep(RETRY_SECONDS)
        await patiently(self.store, lambda: execution_rows.release(execution.no, execution.lease_number))

    async def _fail(self, execution: Execution, code: str, message: str) -> Execution | None:
        ending = Ending(Status.FAILED, None, execution.total_items, error=ErrorInfo(code=code, message=message))
        return await patiently(self.store, lambda: conclude(execution, ending))

    # Looking for work

    async def _look_forever(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                # The boundary of the process's own loop: nothing would ever start again without it.
                logger.exception("looking for work broke; looking again in a moment")
                await asyncio.sleep(RETRY_SECONDS)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    async def _look(self) -> None:
        for row in await self.store.read(execution_rows.to_stop(self.owner)):
            (self.cancel if row["cancel"] else self.pause)(row["no"])
        for execution in await self.store.read(execution_rows.overdue(now_ms(), 100)):
            ending = Ending(Status.TIMEOUT, None, execution.total_items)
            await self.store.write(conclude(execution, ending))
            self.signals.changed(execution.no)
        for lane in LANES:
            await self._fill(lane)

    async def _fill(self, lane: Lane) -> None:
        after = 0
        while free := self.places.free(lane):
            asked = self._asked[lane]
            rows: list[Any] = await self.store.read(
                execution_rows.next_waiting(lane, after, self.owner, free + len(self._slots))
            )
            for row in rows:
                after = row["no"]
                if after not in self._slots and self.places.take(lane):
                    self._begin(after, lane, row["lease_number"])
            if not rows:
                # What was submitted while the store was read may be missing from the rows, and still waits.
                if self._asked[lane] == asked:
                    self._crowded.discard(lane)
                return
        self._crowded.add(lane)
