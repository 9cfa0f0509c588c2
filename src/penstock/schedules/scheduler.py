"""The loop that fires schedules. A due time is claimed first and started after; what lies between survives a kill.

    claim   one transaction: the schedule moves to its next due time, the due times it passes become firings without
            an outcome. Whoever read the same state later claims nothing, so two processes never fire one twice.
    start   one transaction: the execution is accepted and the firing gets its id. A kill before it leaves the firing
            without an outcome, and the next look starts it; after it there is nothing left to do.

Firings of one schedule are decided in order, different schedules side by side.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from pydantic import ValidationError

from penstock.errors import LimitReached, Problem, StepError, Unavailable
from penstock.executions.service import ExecutionService
from penstock.failpoints import reached
from penstock.judges.watching import NothingNew
from penstock.schedules.catching_up import Claim, claim_of
from penstock.schedules.work import Work, with_firing
from penstock.storage import firings as firing_rows
from penstock.storage import schedules as schedule_rows
from penstock.storage.firings import AlreadyDecided, FiringRecord, Overlapping
from penstock.storage.schedules import ScheduleRecord
from penstock.storage.store import Store, Transaction
from penstock.types import JsonObject

logger = logging.getLogger(__name__)

LONGEST_REST_SECONDS = 10.0
"""How long a change that another process made to the schedules may go unseen."""
QUEUE_LOOK_SECONDS = 1.0
"""How often it is looked whether a queued firing's turn has come, while there is one."""
REFUSED_REST_SECONDS = 5.0
"""How long a project that may not start anything more is left alone, and a store that does not answer."""
MAX_QUEUED = 100
"""Firings of one schedule that wait for their turn; the next ones are skipped."""
KEPT_FIRINGS = 1000
_PAGE = 100
_SIDE_BY_SIDE = 16


class Scheduler:
    """Fires the schedules of every project. `now` gives milliseconds since 1970."""

    def __init__(self, store: Store, work: Work, executions: ExecutionService, now: Callable[[], int]) -> None:
        self._store = store
        self._work = work
        self._executions = executions
        self._now = now
        self._changed = asyncio.Event()
        self._refused: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; what an earlier process claimed and did not start comes first."""
        self._task = asyncio.create_task(self._run(), name="penstock-schedules")

    async def stop(self) -> None:
        """Fire nothing any more. What is claimed by then is started by the next process."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def look_soon(self) -> None:
        """A schedule was made or changed."""
        self._changed.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            try:
                rest = await self.look()
            except Unavailable as error:
                logger.error("schedules wait for the store: %s", error.detail)
                rest = REFUSED_REST_SECONDS
            except Exception:
                # The boundary of the loop: nothing would ever be fired again without it.
                logger.exception("looking at the schedules broke; looking again in a moment")
                rest = REFUSED_REST_SECONDS
            try:
                async with asyncio.timeout(rest):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def look(self) -> float:
        """Claim and start everything that is due; returns how many seconds may pass until the next look."""
        now = asyncio.get_running_loop().time()
        self._refused = {project: until for project, until in self._refused.items() if until > now}
        last = await self._start_undecided(0)
        while await self._claim_some():
            last = await self._start_undecided(last)
        await self._start_in_turn()
        return await self._rest()

    async def _rest(self) -> float:
        first = await self._store.read(schedule_rows.first_due())
        rest = LONGEST_REST_SECONDS
        if first is not None:
            rest = min(rest, max(0.0, (first - self._now()) / 1000))
        if await self._store.read(firing_rows.any_queued()):
            rest = min(rest, QUEUE_LOOK_SECONDS)
        if self._refused:
            rest = min(rest, REFUSED_REST_SECONDS)
        return rest

    # Claiming

    async def _claim_some(self) -> bool:
        """Claim what is due, of a bounded number of schedules; False when nothing was."""
        now = self._now()
        due = await self._store.read(schedule_rows.due(now, _PAGE))
        if not due:
            return False
        claims = await asyncio.to_thread(lambda: [(schedule, _claim(schedule, now)) for schedule in due])
        await self._store.write(self._claim_all(claims, now))
        reached("schedule.claimed")
        return True

    def _claim_all(self, claims: Iterable[tuple[ScheduleRecord, Claim]], now: int) -> Transaction[None]:
        for schedule, claim in claims:
            if (yield from schedule_rows.advance(schedule, claim.last_due_at, claim.next_at)):
                yield from firing_rows.claim(schedule, claim.due, claim.missed, now)
                yield from firing_rows.tidy(schedule, KEPT_FIRINGS)

    # Starting

    async def _start_undecided(self, after: int) -> int:
        """Start what was claimed after that firing; returns the last one that was looked at."""
        while found := await self._store.read(firing_rows.undecided(after, _PAGE)):
            after = found[-1].no
            await self._fire_all(found)
        return after

    async def _start_in_turn(self) -> None:
        await self._fire_all(await self._store.read(firing_rows.next_in_turn(_PAGE)))

    async def _fire_all(self, firings: Iterable[FiringRecord]) -> None:
        by_schedule: defaultdict[str, list[FiringRecord]] = defaultdict(list)
        for firing in firings:
            by_schedule[firing.schedule_id].append(firing)
        gate = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def fire(own: list[FiringRecord]) -> None:
            async with gate:
                await self._fire_in_order(own)

        for result in await asyncio.gather(*map(fire, by_schedule.values()), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def _fire_in_order(self, firings: list[FiringRecord]) -> None:
        schedule = await self._store.read(schedule_rows.by_id(firings[0].schedule_id))
        if schedule is None:
            return
        for firing in firings:
            if schedule.tenant.project_id in self._refused:
                return
            await self._fire(schedule, firing)

    async def _fire(self, schedule: ScheduleRecord, firing: FiringRecord) -> None:
        try:
            await self._submit(schedule, firing)
        except AlreadyDecided:
            return
        except Overlapping as overlap:
            await self._hold(schedule, firing, overlap)
        except LimitReached as error:
            await self._put_off(schedule, firing, error)
        except Unavailable:
            raise
        except NothingNew as nothing:
            reason: JsonObject = {"code": nothing.code, "message": nothing.detail}
            await self._store.write(firing_rows.decide(firing, "skipped", reason, self._now()))
        except Problem as error:
            await self._failed(firing, error.code, error.detail)
        except StepError as error:
            await self._failed(firing, error.code, error.message)
        except ValidationError as error:
            await self._failed(firing, "run_invalid", f"What it runs is not understood any more: {error}"[:500])
        except Exception as error:
            # The boundary of one firing: it is recorded as failed, and the others go on.
            logger.exception("schedule %s broke when it fired", schedule.id)
            await self._failed(firing, "internal_error", f"{type(error).__name__}: {error}"[:500])

    async def _submit(self, schedule: ScheduleRecord, firing: FiringRecord) -> None:
        def alongside(execution_id: str) -> Transaction[None]:
            start = firing_rows.start(schedule, firing, execution_id, self._now())
            yield from with_firing(submission, start, execution_id)
            reached("schedule.in_transaction")

        submission = await self._work.submission(schedule, schedule.created_by)
        await self._executions.submit(replace(submission, alongside=alongside))
        reached("schedule.started")

    async def _hold(self, schedule: ScheduleRecord, firing: FiringRecord, overlap: Overlapping) -> None:
        """The firing's turn has not come: skip it or let it wait, as the schedule says."""
        if firing.outcome is not None:
            return
        earlier = "an earlier firing" if overlap.execution_id is None else f"execution {overlap.execution_id}"
        reason: JsonObject | None = None
        if schedule.overlap == "skip":
            reason = {"code": "overlap", "message": f"When it was due, {earlier} of this schedule was not over."}
        elif await self._store.read(firing_rows.count_queued(firing)) >= MAX_QUEUED:
            reason = {"code": "queue_full", "message": f"{MAX_QUEUED} firings of this schedule wait for their turn."}
        outcome: firing_rows.Outcome = "queued" if reason is None else "skipped"
        await self._store.write(firing_rows.decide(firing, outcome, reason, self._now()))

    async def _put_off(self, schedule: ScheduleRecord, firing: FiringRecord, error: LimitReached) -> None:
        """The project is full: try again in a moment, for as long as the schedule catches up at all."""
        if self._now() - firing.due_at > schedule.catch_up_seconds * 1000:
            await self._failed(firing, error.code, error.detail)
        else:
            self._refused[schedule.tenant.project_id] = asyncio.get_running_loop().time() + REFUSED_REST_SECONDS

    async def _failed(self, firing: FiringRecord, code: str, message: str) -> None:
        reason: JsonObject = {"code": code, "message": message}
        await self._store.write(firing_rows.decide(firing, "failed", reason, self._now()))


def _claim(schedule: ScheduleRecord, now: int) -> Claim:
    try:
        return claim_of(schedule, now)
    except Problem as error:
        # A zone that the machine does not know any more: said where people look, and the schedule rests.
        return _rest_of(schedule, now, error.code, error.detail)
    except Exception as error:
        # The boundary of one schedule: the others are claimed with it in one go.
        logger.exception("the due times of schedule %s cannot be reckoned; it rests", schedule.id)
        return _rest_of(schedule, now, "internal_error", f"{type(error).__name__}: {error}"[:500])


def _rest_of(schedule: ScheduleRecord, now: int, code: str, message: str) -> Claim:
    at = schedule.next_at or now
    return Claim((), ((at, {"code": code, "message": message}),), at, None)
