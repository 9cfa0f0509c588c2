"""Keeping schedules: make, change, look, run now, delete. Firing them is the scheduler's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice

from penstock.errors import Conflict, FieldError, Invalid, NotFound, TooLarge
from penstock.executions.model import Submitted
from penstock.executions.service import ExecutionService
from penstock.flows.library import FlowLibrary
from penstock.ids import new_id
from penstock.schedules.cron import timetable
from penstock.schedules.work import JUDGING, Work, judging_of, with_firing
from penstock.storage import firings as firing_rows
from penstock.storage import schedules as rows
from penstock.storage.executions import dumps
from penstock.storage.firings import FiringRecord
from penstock.storage.schedules import Missed, Overlap, ScheduleRecord
from penstock.storage.store import Store, Transaction
from penstock.types import JsonObject, Tenant

MAX_SCHEDULES = 10_000
"""In one project."""
MAX_NAME_LENGTH = 200
MAX_CATCH_UP_SECONDS = 7 * 86400
MAX_RUN_BYTES = 256 * 1024
"""Of what a schedule runs, as JSON: it is read at each due time, and shown in lists."""
_TRIES = 20


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """What a schedule is to be; None leaves a part as it is. A new one needs `name`, `cron`, and `flow` or `judging`:
    which judges are to judge new traces, and how."""

    name: str | None = None
    flow: str | None = None
    run: JsonObject | None = None
    judging: JsonObject | None = None
    cron: str | None = None
    timezone: str | None = None
    overlap: Overlap | None = None
    missed: Missed | None = None
    catch_up_seconds: int | None = None
    enabled: bool | None = None


class Schedules:
    """The schedules of every project; each call names the tenant it is for.

    `changed` is called when a due time may have come nearer; `now` gives milliseconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        library: FlowLibrary,
        work: Work,
        executions: ExecutionService,
        *,
        now: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._library = library
        self._work = work
        self._executions = executions
        self._now = now
        self._changed = changed

    async def create(self, tenant: Tenant, wanted: ScheduleChange, created_by: str | None) -> ScheduleRecord:
        """Make a schedule; its first due time is the next one from now.

        Raises `Invalid` for a wrong part or a run that the flow would refuse, `NotFound` for an unknown flow,
        `Conflict` when the name is taken.
        """
        now = self._now()
        blank = ScheduleRecord(
            id=new_id(),
            tenant=tenant,
            name="",
            flow_id="",
            run={},
            cron="",
            timezone="UTC",
            overlap="skip",
            missed="once",
            catch_up_seconds=86400,
            next_at=now,
            created_by=created_by,
            created_at=now,
            updated_at=now,
        )
        schedule = await self._changed_to(blank, wanted)
        await self._store.write(rows.insert(schedule, MAX_SCHEDULES))
        self._changed()
        return schedule

    async def update(
        self, tenant: Tenant, id_or_name: str, wanted: ScheduleChange, changed_by: str | None
    ) -> ScheduleRecord:
        """Change parts of a schedule. Due times that are claimed already are fired as they are; what passed while it
        was disabled is not missed. Raises as `create` does."""
        for _ in range(_TRIES):
            current = await self.get(tenant, id_or_name)
            schedule = replace(await self._changed_to(current, wanted), updated_at=self._now(), created_by=changed_by)
            if await self._store.write(rows.update(schedule, current.revision)):
                self._changed()
                return schedule
        raise Conflict(
            "schedule_busy", f"Schedule {id_or_name!r} fires faster than it can be changed; disable it first."
        )

    async def _changed_to(self, current: ScheduleRecord, wanted: ScheduleChange) -> ScheduleRecord:
        flow_id, flow_name = current.flow_id, current.flow_name
        run = _run_of(current, wanted)
        if wanted.flow is not None or (not flow_id and judging_of(run) is None):
            found = await self._library.get(current.tenant, wanted.flow or "")
            flow_id, flow_name = found.id, found.name
        changed = replace(
            current,
            name=current.name if wanted.name is None else _checked_name(wanted.name),
            flow_id=flow_id,
            flow_name=flow_name,
            run=run,
            cron=wanted.cron or current.cron,
            timezone=wanted.timezone or current.timezone,
            overlap=wanted.overlap or current.overlap,
            missed=wanted.missed or current.missed,
            catch_up_seconds=current.catch_up_seconds if wanted.catch_up_seconds is None else wanted.catch_up_seconds,
        )
        if wanted.run is not None or wanted.flow is not None or wanted.judging is not None:
            _check_size(changed.run)
            # What would be refused at three in the morning is refused now.
            await self._work.check(changed)
        return await self._rescheduled(current, changed, wanted)

    async def _rescheduled(
        self, current: ScheduleRecord, changed: ScheduleRecord, wanted: ScheduleChange
    ) -> ScheduleRecord:
        enabled = current.enabled if wanted.enabled is None else wanted.enabled
        if not enabled:
            await asyncio.to_thread(timetable, changed.cron, changed.timezone)
            return replace(changed, next_at=None)
        if current.cron and current.enabled and (changed.cron, changed.timezone) == (current.cron, current.timezone):
            return changed
        # Never before what was claimed, also when the clock was set back.
        after = max(self._now(), changed.last_due_at or 0)
        return replace(changed, next_at=await asyncio.to_thread(_next_due, changed.cron, changed.timezone, after))

    async def get(self, tenant: Tenant, id_or_name: str) -> ScheduleRecord:
        """Raises `NotFound`."""
        found = await self._store.read(rows.find(tenant, id_or_name))
        if found is None:
            raise NotFound("schedule_unknown", f"There is no schedule {id_or_name!r} in this project.")
        return found

    async def page(self, tenant: Tenant, *, after_name: str, limit: int) -> list[ScheduleRecord]:
        """In the order of their names."""
        return await self._store.read(rows.page(tenant, after_name, limit))

    async def delete(self, tenant: Tenant, id_or_name: str) -> None:
        """Delete a schedule with the record of its firings; executions are kept. Raises `NotFound`."""
        schedule = await self.get(tenant, id_or_name)
        await self._store.write(rows.delete(schedule))

    async def firings(self, tenant: Tenant, id_or_name: str, *, before: int, limit: int) -> list[FiringRecord]:
        """What came of due times before a moment, newest first. Raises `NotFound`."""
        schedule = await self.get(tenant, id_or_name)
        return await self._store.read(firing_rows.page(tenant, schedule.id, before, limit))

    async def run(
        self, schedule: ScheduleRecord, *, key: str | None, request_hash: str, asked_by: str | None
    ) -> Submitted:
        """Start what a schedule runs now, whatever its overlap policy says, also while it is disabled.

        The same idempotency key and hash are the same execution. Raises what `Work.submission` does.
        """

        def alongside(execution_id: str) -> Transaction[None]:
            started = firing_rows.insert_started(schedule, execution_id, self._now())
            return with_firing(submission, started, execution_id)

        submission = await self._work.submission(schedule, asked_by)
        keyed = replace(submission, alongside=alongside, idempotency_key=key, request_hash=request_hash)
        return await self._executions.submit(keyed)

    async def preview(self, cron: str, timezone: str, count: int) -> list[tuple[int, str]]:
        """The next due times of an expression: each in milliseconds since 1970, and as the zone's clock shows it.

        Raises `Invalid` naming what is wrong.
        """

        def following() -> list[tuple[int, str]]:
            times = timetable(cron, timezone)
            return [(due, times.local(due)) for due in islice(times.after(self._now()), count)]

        return await asyncio.to_thread(following)


def _next_due(cron: str, timezone: str, after: int) -> int:
    following = timetable(cron, timezone).next_after(after)
    if following is None:
        raise Invalid("cron_invalid", f"{cron!r} does not come within fifty years.", errors=(FieldError("cron", cron),))
    return following


def _run_of(current: ScheduleRecord, wanted: ScheduleChange) -> JsonObject:
    """What it is to run. Raises `Invalid` for a flow and judges at once: a schedule stays what it was made as."""
    judges = judging_of(current.run) is not None or (wanted.judging is not None and not current.flow_id)
    if judges and (wanted.flow is not None or wanted.run is not None):
        detail = "A schedule runs either a flow or judges; make another one."
        raise Invalid("schedule_invalid", detail, errors=(FieldError("judging", detail),))
    if wanted.judging is not None:
        if not judges:
            detail = "This schedule runs a flow; make another one that runs judges."
            raise Invalid("schedule_invalid", detail, errors=(FieldError("judging", detail),))
        return {JUDGING: wanted.judging}
    return current.run if wanted.run is None else wanted.run


def _check_size(run: JsonObject) -> None:
    size = len(dumps(run).encode())
    if size > MAX_RUN_BYTES:
        raise TooLarge(
            "run_too_large",
            f"`run` has {size:,} bytes; a schedule keeps at most {MAX_RUN_BYTES:,}. Put the inputs into a data set.",
        )


def _checked_name(name: str) -> str:
    if not name.strip() or len(name) > MAX_NAME_LENGTH:
        detail = f"A name has 1 to {MAX_NAME_LENGTH} characters, not only white space."
        raise Invalid("name_invalid", detail, errors=(FieldError("name", detail),))
    return name
