"""Schedules: every statement about them. What came of their due times is in `storage.firings`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from penstock.errors import Conflict
from penstock.storage.executions import dumps, loads
from penstock.storage.store import Transaction, UniqueViolation
from penstock.types import JsonObject, Tenant

Overlap = Literal["skip", "queue", "parallel"]
Missed = Literal["skip", "once", "all"]


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """One schedule as it is stored. Times in milliseconds since 1970; `next_at` is None while it is disabled."""

    id: str
    tenant: Tenant
    name: str
    flow_id: str
    run: JsonObject
    cron: str
    timezone: str
    overlap: Overlap
    missed: Missed
    catch_up_seconds: int
    next_at: int | None
    created_by: str | None
    created_at: int
    updated_at: int
    last_due_at: int | None = None
    last_fired_at: int | None = None
    revision: int = 1
    flow_name: str | None = None
    """None when the flow is gone."""

    @property
    def enabled(self) -> bool:
        return self.next_at is not None


_SELECT = """
select s.*, f.name as flow_name from schedules s
left join flows f on f.id = s.flow_id and f.project_id = s.project_id
"""

_INSERT = """
insert into schedules (id, organization_id, project_id, name, flow_id, run, cron, timezone, overlap, missed,
 catch_up_seconds, next_at, revision, created_by, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $14)
"""

_UPDATE = """
update schedules set name = $3, flow_id = $4, run = $5, cron = $6, timezone = $7, overlap = $8, missed = $9,
 catch_up_seconds = $10, next_at = $11, created_by = $12, updated_at = $13, revision = revision + 1
where id = $1 and project_id = $2 and revision = $14 returning id
"""


def schedule_of(row: Any) -> ScheduleRecord:
    """The record of a row that has the flow's name."""
    run: Any = loads(row["run"])
    return ScheduleRecord(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        name=row["name"],
        flow_id=row["flow_id"],
        run=run,
        cron=row["cron"],
        timezone=row["timezone"],
        overlap=row["overlap"],
        missed=row["missed"],
        catch_up_seconds=row["catch_up_seconds"],
        next_at=row["next_at"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        last_due_at=row["last_due_at"],
        last_fired_at=row["last_fired_at"],
        revision=row["revision"],
        flow_name=row["flow_name"],
    )


def insert(schedule: ScheduleRecord, most: int) -> Transaction[None]:
    """Write a new schedule. Raises `Conflict` when its name is taken, or when the project has `most` already."""
    tenant = schedule.tenant
    rows = yield "select count(*) as n from schedules where project_id = $1", tenant.project_id
    if rows[0]["n"] >= most:
        raise Conflict("too_many_schedules", f"This project has {most:,} schedules, the most it may have.")
    try:
        yield (
            _INSERT,
            schedule.id,
            tenant.organization_id,
            tenant.project_id,
            schedule.name,
            schedule.flow_id,
            dumps(schedule.run),
            schedule.cron,
            schedule.timezone,
            schedule.overlap,
            schedule.missed,
            schedule.catch_up_seconds,
            schedule.next_at,
            schedule.created_by,
            schedule.created_at,
        )
    except UniqueViolation:
        raise _name_taken(schedule.name) from None


def update(schedule: ScheduleRecord, revision: int) -> Transaction[bool]:
    """Write a changed schedule; False when it has moved on since it was read at `revision`: nothing is written then.

    Raises `Conflict` when its new name is taken.
    """
    try:
        rows = yield (
            _UPDATE,
            schedule.id,
            schedule.tenant.project_id,
            schedule.name,
            schedule.flow_id,
            dumps(schedule.run),
            schedule.cron,
            schedule.timezone,
            schedule.overlap,
            schedule.missed,
            schedule.catch_up_seconds,
            schedule.next_at,
            schedule.created_by,
            schedule.updated_at,
            revision,
        )
    except UniqueViolation:
        raise _name_taken(schedule.name) from None
    return bool(rows)


def find(tenant: Tenant, id_or_name: str) -> Transaction[ScheduleRecord | None]:
    """By id, else by name: an id wins over another schedule that has it as its name."""
    rows = yield (
        _SELECT + "where s.project_id = $1 and (s.id = $2 or s.name = $2)"
        " order by case when s.id = $2 then 0 else 1 end limit 1",
        tenant.project_id,
        id_or_name,
    )
    return schedule_of(rows[0]) if rows else None


def page(tenant: Tenant, after_name: str, limit: int) -> Transaction[list[ScheduleRecord]]:
    """In the order of their names."""
    sql = _SELECT + "where s.project_id = $1 and s.name > $2 order by s.name limit $3"
    rows = yield sql, tenant.project_id, after_name, limit
    return [schedule_of(row) for row in rows]


def delete(schedule: ScheduleRecord) -> Transaction[None]:
    """Delete a schedule and the record of its firings. Executions are kept."""
    project_id = schedule.tenant.project_id
    yield "delete from schedule_firings where schedule_id = $1 and project_id = $2", schedule.id, project_id
    yield "delete from schedules where id = $1 and project_id = $2", schedule.id, project_id


# For the scheduler, which serves every tenant


def due(now: int, limit: int) -> Transaction[list[ScheduleRecord]]:
    """Schedules whose next due time has come, the longest due first."""
    rows = yield _SELECT + "where s.next_at <= $1 order by s.next_at limit $2", now, limit
    return [schedule_of(row) for row in rows]


def by_id(schedule_id: str) -> Transaction[ScheduleRecord | None]:
    """The schedule of a firing; None when it was deleted meanwhile."""
    rows = yield _SELECT + "where s.id = $1", schedule_id
    return schedule_of(rows[0]) if rows else None


def first_due() -> Transaction[int | None]:
    """The earliest due time of all schedules that are enabled."""
    rows = yield ("select min(next_at) as first from schedules where next_at is not null",)
    first: int | None = rows[0]["first"]
    return first


def advance(schedule: ScheduleRecord, last_due_at: int, next_at: int | None) -> Transaction[bool]:
    """Claim every due time up to `last_due_at`: one process gets True, whoever read the same state later False."""
    rows = yield (
        "update schedules set next_at = $3, last_due_at = $4, revision = revision + 1"
        " where id = $1 and project_id = $2 and revision = $5 returning id",
        schedule.id,
        schedule.tenant.project_id,
        next_at,
        last_due_at,
        schedule.revision,
    )
    return bool(rows)


def _name_taken(name: str) -> Conflict:
    return Conflict(
        "schedule_exists", f"There is a schedule named {name!r} already. Change it, or choose another name."
    )
