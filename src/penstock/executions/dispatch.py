"""Brings executions to life in this process: new ones, ones that waited, and ones whose owner has gone.

The store is the queue: what cannot start at once simply waits there as `pending`, so ten thousand waiting executions
cost no memory. An execution that finds a place when it is submitted starts at once, without a look at the store.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from penstock.clock import now_ms
from penstock.errors import Problem, StepError, Unavailable
from penstock.executions.charging import UNCHARGED, Charging
from penstock.executions.ending import Ending, conclude
from penstock.executions.flights import Flights
from penstock.executions.job import OpenJob
from penstock.executions.journal import Journal, LeaseLost
from penstock.executions.limits import Window
from penstock.executions.line import Line
from penstock.executions.model import ErrorInfo, Execution, Status
from penstock.executions.noting import Notes
from penstock.executions.patience import RETRY_SECONDS, patiently
from penstock.executions.runner import Host, Run, StopReason
from penstock.executions.signals import Signals
from penstock.ids import new_id
from penstock.queue.fairness import Claim
from penstock.queue.gate import Gate
from penstock.queue.limits import LimitsOf, TenantLimits, no_limits
from penstock.queue.local import Lane, Places
from penstock.storage import executions as execution_rows
from penstock.storage import waiting as waiting_rows
from penstock.storage.store import Store

logger = logging.getLogger(__name__)

LANES: tuple[Lane, ...] = ("interactive", "batch")
LOOK_SECONDS = 0.25
"""How often requests of other processes on the same store (submit, cancel) are looked for."""
ORPHANS_AT_ONCE = 100
ITEMS_IN_FLIGHT = 5000


@dataclass(frozen=True, slots=True)
class Reserved:
    """A place that was taken for an execution that is about to be submitted; `owner` is to claim it."""

    owner: str
    lane: Lane
    project_id: str
    limits: TenantLimits


@dataclass(slots=True)
class _Slot:
    """One execution that has a place here; `run` is None until it is claimed and its job is open."""

    lane: Lane
    project_id: str
    limits: TenantLimits
    expected_seconds: float | None
    ended: asyncio.Future[Execution | None]
    begun: float = field(default_factory=time.monotonic)
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
    limits_of: LimitsOf = no_limits
    gate: Gate = field(default_factory=lambda: Gate(ITEMS_IN_FLIGHT))
    flights: Flights = field(default_factory=Flights)
    charging: Charging = UNCHARGED
    owner: str = field(default_factory=new_id)
    _slots: dict[int, _Slot] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _lines: dict[Lane, Line] = field(default_factory=lambda: {lane: Line(lane) for lane in LANES})
    _orphans: bool = True
    """Executions that an earlier process left running may be waiting for a place; they come before any other."""
    _look_at: float = 0.0
    _notes: Notes = field(default_factory=Notes)
    _loop_task: asyncio.Task[None] | None = None
    _stopping: bool = False

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

    async def reserve(self, lane: Lane, project_id: str) -> Reserved | None:
        """Take a place for an execution that is about to be submitted, if there is one.

        It is to be claimed for `owner` in the same transaction, so that it starts without another look at the
        store. `begin` or `give_back` must follow.
        """
        limits = await self.limits_of(project_id)
        if not self.works or self._stopping or self._orphans or self._lines[lane].crowded:
            return None
        if not self.places.take(lane, project_id, limits.max_running_executions):
            return None
        return Reserved(self.owner, lane, project_id, limits)

    def begin(self, execution: Execution, reserved: Reserved) -> None:
        """Run an execution that was claimed with a reserved place."""
        slot = self._slot(reserved.lane, reserved.project_id, reserved.limits, None)
        self._begin(execution.no, execution.lease_number, slot, execution)

    def give_back(self, lane: Lane, project_id: str) -> None:
        """Give up a place."""
        self.places.give_back(lane, project_id)
        if self._orphans or any(line.crowded for line in self._lines.values()):
            self._wake.set()

    def look_soon(self, lane: Lane, project_id: str) -> None:
        """There is something to run that has no place yet."""
        self._lines[lane].join(project_id)
        self._wake.set()

    def end_of(self, execution_no: int) -> asyncio.Future[Execution | None] | None:
        """Becomes the execution as it ended; None when this process does not run it, or stops running it."""
        slot = self._slots.get(execution_no)
        return slot.ended if slot is not None else None

    def run_of(self, execution_no: int) -> Run | None:
        """The live run of an execution, when this process owns it."""
        slot = self._slots.get(execution_no)
        return slot.run if slot is not None else None

    def wait_seconds(self, lane: Lane, ahead: int) -> float | None:
        """How long until a place falls free for whoever has so many before it; None when nothing tells.

        By the rate at which places have been falling free; before two have, by what the executions that run say.
        """
        known = self._lines[lane].wait_seconds(ahead, time.monotonic())
        if known is not None:
            return known
        now = now_ms()
        runs = [slot.run for slot in self._slots.values() if slot.run is not None]
        left = sorted(eta[0] for run in runs if (eta := run.tally.eta_seconds(now)) is not None)
        if not left:
            return None
        return left[ahead] if ahead < len(left) else left[-1] * (ahead + 1) / len(left)

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

    def _slot(self, lane: Lane, project_id: str, limits: TenantLimits, expected_seconds: float | None) -> _Slot:
        return _Slot(lane, project_id, limits, expected_seconds, asyncio.get_running_loop().create_future())

    def _begin(self, no: int, lease_number: int, slot: _Slot, claimed: Execution | None = None) -> None:
        self._slots[no] = slot
        slot.task = asyncio.create_task(self._attend(no, lease_number, slot, claimed), name=f"execution {no}")

    async def _attend(self, no: int, lease_number: int, slot: _Slot, claimed: Execution | None) -> None:
        ended, execution = None, claimed
        try:
            execution = execution or await patiently(
                self.store, lambda: execution_rows.claim(no, lease_number, self.owner)
            )
            if execution is not None:
                self.signals.changed(no)
                ended = await self._run(execution, slot)
        except LeaseLost:
            logger.exception("execution number %d: another process took it over", no)
        except Unavailable as error:
            logger.error("execution number %d stays where it is: %s", no, error.detail)
        except Exception:
            # Not even its failure could be written. Nobody else would ever look at what this process says it runs.
            logger.exception("execution number %d could not be ended; it is taken up again in a moment", no)
            if execution is not None:
                await self._let_go(execution)
        finally:
            del self._slots[no]
            slot.ended.set_result(ended)
            self.signals.changed(no)
            seconds = time.monotonic() - slot.begun
            self._lines[slot.lane].ended(slot.project_id, seconds, slot.expected_seconds, slot.limits.weight)
            self.give_back(slot.lane, slot.project_id)

    async def _run(self, execution: Execution, slot: _Slot) -> Execution | None:
        try:
            open_job = self.jobs.get(execution.kind)
            if open_job is None:
                unknown = f"There is no kind {execution.kind!r} in this Penstock."
                return await self._fail(execution, "job_unavailable", unknown)
            job = await open_job(execution)
            claim = Claim(slot.project_id, slot.lane, slot.limits.weight)
            door = self.gate.door(claim, slot.limits.max_items_in_flight)
            window = Window(execution.options.concurrency, door)
            host = Host(self.store, self.journal, self.signals, self.flights, self.charging)
            slot.run = Run(execution, job, host, window)
            if slot.cancel or execution.cancel_requested_at is not None:
                slot.run.stop(StopReason.CANCEL)
            elif slot.pause or execution.pause_requested_at is not None:
                slot.run.pause()
            elif self._stopping:
                slot.run.stop(StopReason.PARK)
            return await slot.run.run()
        except Unavailable as error:
            if error.code == "store_closed":
                raise
            logger.error("execution %s goes on when the store does: %s", execution.id, error.detail)
            await self._let_go(execution)
            return None
        except (Problem, StepError) as error:
            return await self._fail(execution, "job_unavailable", str(error))
        except LeaseLost:
            raise
        except Exception as error:
            # The boundary of one execution: it ends with a reason, and the others go on.
            logger.exception("execution %s broke outside its items", execution.id)
            return await self._fail(execution, "internal_error", f"{type(error).__name__}: {error}"[:500])

    async def _let_go(self, execution: Execution) -> None:
        """After a moment whoever is free takes the execution up again."""
        await asyncio.sleep(RETRY_SECONDS)
        await patiently(self.store, lambda: execution_rows.release(execution.no, execution.lease_number))

    async def _fail(self, execution: Execution, code: str, message: str) -> Execution | None:
        ending = Ending(Status.FAILED, None, execution.total_items, error=ErrorInfo(code=code, message=message))
        return await patiently(self.store, lambda: conclude(execution, ending, self.charging))

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
            run = self.run_of(row["no"])
            # What was asked of it before it ended or was paused is not asked of it now that it was begun again.
            if run is not None and run.execution.lease_number == row["lease_number"]:
                (self.cancel if row["cancel"] else self.pause)(row["no"])
        for execution in await self.store.read(execution_rows.overdue(now_ms(), 100)):
            ending = Ending(Status.TIMEOUT, None, execution.total_items)
            await self.store.write(conclude(execution, ending, self.charging))
            self.signals.changed(execution.no)
        due = time.monotonic() >= self._look_at
        if due or self._orphans:
            await self._adopt()
        for line in self._lines.values():
            if due:
                await line.look(self.store)
            await self._fill(line)
        if due:
            self._look_at = time.monotonic() + LOOK_SECONDS
        await self._notes.write(self.store, [slot.run for slot in self._slots.values() if slot.run is not None])

    async def _adopt(self) -> None:
        """Take up what was running elsewhere, before anything that has not begun, whatever its project may have."""
        rows = await self.store.read(waiting_rows.orphans(self.owner, ORPHANS_AT_ONCE))
        left = len(rows) == ORPHANS_AT_ONCE
        for row in rows:
            project_id = row["project_id"]
            limits = await self.limits_of(project_id)
            if row["no"] in self._slots:
                continue
            if self.places.take(row["lane"], project_id):
                slot = self._slot(row["lane"], project_id, limits, None)
                self._begin(row["no"], row["lease_number"], slot)
            else:
                left = True
        self._orphans = left

    async def _fill(self, line: Line) -> None:
        """Begin what waits while there are places, each time of the project whose turn it is."""
        while self.places.free(line.lane):
            if not await self._begin_next(line, line.in_turn()):
                line.close_if_empty()
                return
        line.crowded = True

    async def _begin_next(self, line: Line, projects: Iterable[str]) -> bool:
        """Begin the next execution; False when none of these projects has one that may."""
        for project_id in projects:
            limits = await self.limits_of(project_id)
            if not self.places.may_take(line.lane, project_id, limits.max_running_executions):
                continue
            begun = {no for no, slot in self._slots.items() if slot.project_id == project_id}
            head = await line.head(self.store, project_id, begun, len(begun))
            if head is not None and self.places.take(line.lane, project_id, limits.max_running_executions):
                slot = self._slot(line.lane, project_id, limits, line.served(head, limits.weight))
                self._begin(head.no, head.lease_number, slot)
                return True
        return False
