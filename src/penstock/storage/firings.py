"""Due times of schedules that were claimed, and what came of each. A due time is claimed once, for all processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from penstock.storage.executions import dumps, loads
from penstock.storage.schedules import Overlap, ScheduleRecord
from penstock.storage.store import Many, Transaction
from penstock.types import JsonObject, Tenant

Outcome = Literal["queued", "started", "skipped", "missed", "failed"]
Trigger = Literal["clock", "manual"]

_OPEN_EXECUTION = "('pending', 'running', 'paused')"


@dataclass(frozen=True, slots=True)
class FiringRecord:
    """One due time. `outcome` is None while nothing has come of it; `reason` says why it was not started."""

    no: int
    schedule_id: str
    tenant: Tenant
    due_at: int
    trigger: Trigger
    outcome: Outcome | None
    execution_id: str | None
    reason: JsonObject | None
    decided_at: int | None


class AlreadyDecided(Exception):
    """Another process was first: the firing has an outcome."""


class Overlapping(Exception):
    """An earlier firing of the schedule is not over. `execution_id` is None when it only waits for its turn."""

    def __init__(self, execution_id: str | None) -> None:
        super().__init__(execution_id)
        self.execution_id = execution_id


def firing_of(row: Any) -> FiringRecord:
    reason: Any = loads(row["reason"])
    return FiringRecord(
        no=row["no"],
        schedule_id=row["schedule_id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        due_at=row["due_at"],
        trigger=row["trigger_kind"],
        outcome=row["outcome"],
        execution_id=row["execution_id"],
        reason=reason,
        decided_at=row["decided_at"],
    )


_INSERT = """
insert into schedule_firings (schedule_id, organization_id, project_id, due_at, trigger_kind, outcome, execution_id,
 reason, live, claimed_at, decided_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (schedule_id, due_at) do nothing
"""


def claim(
    schedule: ScheduleRecord, due: Sequence[int], missed: Sequence[tuple[int, JsonObject]], now: int
) -> Transaction[None]:
    """Write the due times that were claimed: those to start, and those that are missed, each with its reason."""
    tenant = schedule.tenant
    key = (schedule.id, tenant.organization_id, tenant.project_id)
    rows: list[tuple[Any, ...]] = [
        (*key, at, "clock", "missed", None, dumps(reason), False, now, now) for at, reason in missed
    ]
    rows += [(*key, at, "clock", None, None, None, False, now, None) for at in due]
    if rows:
        yield Many(_INSERT, rows)


def insert_started(schedule: ScheduleRecord, execution_id: str, now: int) -> Transaction[None]:
    """Write a firing that somebody asked for now; where one has this very millisecond, the next is taken."""
    tenant = schedule.tenant
    due_at = now
    key = (schedule.id, tenant.organization_id, tenant.project_id)
    while not (
        yield (_INSERT + " returning no", *key, due_at, "manual", "started", execution_id, None, True, now, now)
    ):
        due_at += 1
    yield from _mark_fired(schedule, now)


def start(schedule: ScheduleRecord, firing: FiringRecord, execution_id: str, now: int) -> Transaction[None]:
    """Give a firing its execution, for the transaction that accepts the execution.

    Raises `AlreadyDecided` when it has an outcome, `Overlapping` when the schedule's policy does not let it begin yet.
    """
    rows = yield (
        "update schedule_firings set outcome = 'started', execution_id = $3, live = $4, decided_at = $5"
        " where no = $1 and project_id = $2 and (outcome is null or outcome = 'queued') returning no",
        firing.no,
        firing.tenant.project_id,
        execution_id,
        True,
        now,
    )
    if not rows:
        raise AlreadyDecided
    if schedule.overlap != "parallel":
        yield from _check_turn(schedule.overlap, firing)
    yield from _mark_fired(schedule, now)


def _check_turn(overlap: Overlap, firing: FiringRecord) -> Transaction[None]:
    project_id = firing.tenant.project_id
    running = yield (
        "select f.execution_id from schedule_firings f"
        " join executions e on e.id = f.execution_id and e.project_id = f.project_id"
        f" where f.schedule_id = $1 and f.project_id = $2 and f.live and f.no <> $3 and e.status in {_OPEN_EXECUTION}"
        " limit 1",
        firing.schedule_id,
        project_id,
        firing.no,
    )
    if running:
        raise Overlapping(running[0]["execution_id"])
    if overlap == "queue":
        earlier = yield (
            "select no from schedule_firings where schedule_id = $1 and project_id = $2 and due_at < $3"
            " and (outcome is null or outcome = 'queued') limit 1",
            firing.schedule_id,
            project_id,
            firing.due_at,
        )
        if earlier:
            raise Overlapping(None)


def _mark_fired(schedule: ScheduleRecord, now: int) -> Transaction[None]:
    yield (
        "update schedules set last_fired_at = $3 where id = $1 and project_id = $2",
        schedule.id,
        schedule.tenant.project_id,
        now,
    )


def decide(firing: FiringRecord, outcome: Outcome, reason: JsonObject | None, now: int) -> Transaction[None]:
    """Write what came of a firing that did not start; one that has come to something else meanwhile keeps that."""
    yield (
        "update schedule_firings set outcome = $3, reason = $4, decided_at = $5"
        " where no = $1 and project_id = $2 and (outcome is null or outcome = 'queued')",
        firing.no,
        firing.tenant.project_id,
        outcome,
        None if reason is None else dumps(reason),
        now,
    )


def count_queued(firing: FiringRecord) -> Transaction[int]:
    """How many firings of the same schedule wait for their turn."""
    rows = yield (
        "select count(*) as n from schedule_firings where schedule_id = $1 and project_id = $2 and outcome = 'queued'",
        firing.schedule_id,
        firing.tenant.project_id,
    )
    return int(rows[0]["n"])


def tidy(schedule: ScheduleRecord, keep: int) -> Transaction[None]:
    """Note which executions are over, and forget what came of all but the newest `keep` due times."""
    project_id = schedule.tenant.project_id
    yield (
        "update schedule_firings set live = $3 where schedule_id = $1 and project_id = $2 and live and not exists"
        " (select 1 from executions e where e.id = schedule_firings.execution_id"
        f" and e.project_id = $2 and e.status in {_OPEN_EXECUTION})",
        schedule.id,
        project_id,
        False,
    )
    yield (
        "delete from schedule_firings where schedule_id = $1 and project_id = $2 and not live"
        " and outcome is not null and outcome <> 'queued' and due_at <= (select due_at from schedule_firings"
        " where schedule_id = $1 order by due_at desc limit 1 offset $3)",
        schedule.id,
        project_id,
        keep,
    )


def page(tenant: Tenant, schedule_id: str, before: int, limit: int) -> Transaction[list[FiringRecord]]:
    """Firings due before a moment, newest first."""
    rows = yield (
        "select * from schedule_firings where schedule_id = $1 and project_id = $2 and due_at < $3"
        " order by due_at desc limit $4",
        schedule_id,
        tenant.project_id,
        before,
        limit,
    )
    return [firing_of(row) for row in rows]


# For the scheduler, which serves every tenant


def undecided(after: int, limit: int) -> Transaction[list[FiringRecord]]:
    """Firings that were claimed and came to nothing yet, in the order in which they were claimed."""
    rows = yield (
        "select * from schedule_firings where outcome is null and no > $1 order by no limit $2",
        after,
        limit,
    )
    return [firing_of(row) for row in rows]


def next_in_turn(limit: int) -> Transaction[list[FiringRecord]]:
    """Of each schedule whose earlier firings are over, the queued firing that is next."""
    rows = yield (
        "select q.* from schedule_firings q where q.outcome = 'queued'"
        " and not exists (select 1 from schedule_firings w where w.schedule_id = q.schedule_id"
        " and w.outcome = 'queued' and w.due_at < q.due_at)"
        " and not exists (select 1 from schedule_firings l join executions e on e.id = l.execution_id"
        f" where l.schedule_id = q.schedule_id and l.live and e.status in {_OPEN_EXECUTION})"
        " limit $1",
        limit,
    )
    return [firing_of(row) for row in rows]


def any_queued() -> Transaction[bool]:
    """Whether a firing waits for its turn."""
    return bool((yield ("select 1 from schedule_firings where outcome = 'queued' limit 1",)))
