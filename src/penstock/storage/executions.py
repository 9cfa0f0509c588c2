"""Executions, their status events, and the idempotency keys that name them: every statement about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.executions.model import (
    TERMINAL,
    ErrorInfo,
    Execution,
    Options,
    Reason,
    Status,
    Submission,
    sources_of,
)
from penstock.ids import moment_of
from penstock.models.usage import Amounts
from penstock.storage.outbox import announce
from penstock.storage.store import Transaction
from penstock.types import Json, Tenant

IDEMPOTENCY_KEPT_MS = 24 * 3600 * 1000

_INSERT = """
insert into executions (
  id, organization_id, project_id, kind, subject_id, subject_name, subject_version, lane, status, spec, options,
  metadata, total_items, generation, seq, created_at, prior_elapsed_ms, deadline_at, deadline_ms, lease_number,
  created_by, webhook_url, rates_version
) values (
  $1, $2, $3, $4, $5, $6, $7, $8, 'pending', $9, $10, $11, $12, 0, 1, $13, 0, $14, $15, 0, $16, $17,
  (select coalesce(max(version), 0) from compute_unit_rates where organization_id = $2)
) returning *
"""

_INSERT_EVENT = "insert into events (execution_no, seq, type, at, data) values ($1, $2, 'status', $3, $4)"

# What an earlier owner still held when it died may have been spent.
_LOSE_WHAT_IS_HELD = """
    lost_nanos = lost_nanos + held_nanos, lost_tokens = lost_tokens + held_tokens,
    lost_ecu_micros = lost_ecu_micros + held_ecu_micros, held_nanos = 0, held_tokens = 0, held_ecu_micros = 0
"""

_START = f"""
update executions
set {_LOSE_WHAT_IS_HELD}, status = 'running', lease_owner = $2, lease_number = lease_number + 1, seq = seq + 1,
    started_at = coalesce(started_at, $3), period_started_at = $3
where no = $1 and lease_number = $4 and status = 'pending'
returning *
"""

_TAKE_OVER = f"""
update executions
set {_LOSE_WHAT_IS_HELD}, lease_owner = $2, lease_number = lease_number + 1
where no = $1 and lease_number = $3 and status = 'running'
returning *
"""

# The condition of the index `executions_by_deadline`, word for word: without it every execution there ever was is read.
_OPEN = "status in ('pending', 'running', 'paused')"

_END = f"""
update executions
set {_LOSE_WHAT_IS_HELD}, status = $2, finished_at = $3, summary = $4, error = $5, results = $6,
    cancel_receipt = $7, total_items = $8,
    seq = seq + 1, lease_owner = null, pause_requested_at = null, paused_at = null, pause_reason = null
where no = $1 and lease_number = $9 and status in ({{sources}})
returning *
"""

_PAUSE = f"""
update executions
set {_LOSE_WHAT_IS_HELD}, status = 'paused', paused_at = $3, pause_reason = $4, pause_requested_at = null,
    lease_owner = null, prior_elapsed_ms = $5, period_started_at = null, seq = seq + 1
where no = $1 and lease_number = $2 and status in ('pending', 'running') and cancel_requested_at is null
returning *
"""

_RESUME = """
update executions
set status = 'pending', deadline_at = deadline_at + $2 - paused_at, paused_at = null, pause_reason = null,
    options = $3, lane = 'batch', seq = seq + 1
where no = $1 and status = 'paused'
returning *
"""

_HOLD = """
update executions set seq = seq + $3 where no = $1 and lease_number = $2 and status = 'running' returning seq
"""

_HOLD_UNDER_BUDGET = """
update executions
set seq = seq + $3, held_nanos = $4, held_tokens = $5, held_ecu_micros = $6,
    lost_nanos = lost_nanos + $7, lost_tokens = lost_tokens + $8, lost_ecu_micros = lost_ecu_micros + $9
where no = $1 and lease_number = $2 and status = 'running' returning seq
"""


def dumps(value: Any) -> str:
    """JSON text of a value, as it is stored."""
    return msgspec.json.encode(value).decode()


def loads(text: str | None) -> Any:
    """The value of stored JSON text; None for an empty column."""
    return None if text is None else msgspec.json.decode(text)


def execution_of(row: Any) -> Execution:
    """An execution from its row."""
    error, reason = row["error"], row["pause_reason"]
    return Execution(
        no=row["no"],
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        kind=row["kind"],
        subject_id=row["subject_id"],
        subject_name=row["subject_name"],
        subject_version=row["subject_version"],
        lane=row["lane"],
        status=Status(row["status"]),
        spec=loads(row["spec"]),
        options=msgspec.json.decode(row["options"], type=Options),
        metadata=loads(row["metadata"]),
        total_items=row["total_items"],
        generation=row["generation"],
        seq=row["seq"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        period_started_at=row["period_started_at"],
        prior_elapsed_ms=row["prior_elapsed_ms"],
        finished_at=row["finished_at"],
        deadline_at=row["deadline_at"],
        deadline_ms=row["deadline_ms"],
        cancel_requested_at=row["cancel_requested_at"],
        cancel_receipt=loads(row["cancel_receipt"]),
        summary=loads(row["summary"]),
        results=loads(row["results"]),
        error=None if error is None else msgspec.json.decode(error, type=ErrorInfo),
        lease_owner=row["lease_owner"],
        lease_number=row["lease_number"],
        webhook_url=row["webhook_url"],
        pause_requested_at=row["pause_requested_at"],
        paused_at=row["paused_at"],
        pause_reason=None if reason is None else msgspec.json.decode(reason, type=Reason),
        held=Amounts(row["held_nanos"], row["held_tokens"], row["held_ecu_micros"]),
        lost=Amounts(row["lost_nanos"], row["lost_tokens"], row["lost_ecu_micros"]),
        created_by=row["created_by"],
        rates_version=row["rates_version"],
        reserved_micros=row["reserved_micros"],
    )


def insert(execution_id: str, submission: Submission, now: int) -> Transaction[Execution]:
    """Write a new pending execution and its first event. It is created in the millisecond that its id tells."""
    tenant = submission.tenant
    rows = yield (
        _INSERT,
        execution_id,
        tenant.organization_id,
        tenant.project_id,
        submission.kind,
        submission.subject_id,
        submission.subject_name,
        submission.subject_version,
        submission.lane,
        dumps(submission.spec),
        dumps(submission.options),
        None if submission.metadata is None else dumps(submission.metadata),
        submission.total_items,
        moment_of(execution_id),
        now + submission.deadline_ms,
        submission.deadline_ms,
        submission.created_by,
        submission.webhook_url,
    )
    execution = execution_of(rows[0])
    yield _INSERT_EVENT, execution.no, 1, now, '{"status":"pending"}'
    return execution


def find_idempotent(project_id: str, key: str, now: int) -> Transaction[tuple[str, str] | None]:
    """(execution id, request hash) that a live idempotency key stands for; none when the execution was deleted."""
    rows = yield (
        "select k.execution_id, k.request_hash from idempotency_keys k"
        " join executions e on e.id = k.execution_id and e.project_id = k.project_id"
        " where k.project_id = $1 and k.key = $2 and k.expires_at > $3",
        project_id,
        key,
        now,
    )
    return (rows[0]["execution_id"], rows[0]["request_hash"]) if rows else None


def remember_idempotent(project_id: str, key: str, request_hash: str, execution_id: str, now: int) -> Transaction[None]:
    """Bind an idempotency key to the execution it started, or had retried, for 24 hours."""
    yield (
        "insert into idempotency_keys (project_id, key, request_hash, execution_id, expires_at)"
        " values ($1, $2, $3, $4, $5) on conflict (project_id, key) do update set"
        " request_hash = excluded.request_hash, execution_id = excluded.execution_id, expires_at = excluded.expires_at",
        project_id,
        key,
        request_hash,
        execution_id,
        now + IDEMPOTENCY_KEPT_MS,
    )


def get(tenant: Tenant, execution_id: str) -> Transaction[Execution | None]:
    rows = yield (
        "select * from executions where id = $1 and project_id = $2",
        execution_id,
        tenant.project_id,
    )
    return execution_of(rows[0]) if rows else None


def get_by_number(no: int) -> Transaction[Execution | None]:
    """For the engine itself, which serves every tenant."""
    rows = yield "select * from executions where no = $1", no
    return execution_of(rows[0]) if rows else None


def claim(no: int, lease_number: int, owner: str) -> Transaction[Execution | None]:
    """Become the owner: the lease number goes up, so that whatever an earlier owner still writes is refused."""
    now = now_ms()
    rows = yield _START, no, owner, now, lease_number
    if rows:
        execution = execution_of(rows[0])
        yield _INSERT_EVENT, no, execution.seq, now, '{"status":"running"}'
        return execution
    rows = yield _TAKE_OVER, no, owner, lease_number
    return execution_of(rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class BudgetChange:
    """What a flush says about an execution's budget: what is held by calls in flight, and what is lost anew."""

    held: Amounts
    lost: Amounts


def hold(no: int, lease_number: int, events: int, budget: BudgetChange | None = None) -> Transaction[int | None]:
    """Take the next `events` sequence numbers for a write of the lease's holder.

    Returns the number before the first of them, or None when the lease has been given away or the execution
    is over.
    """
    if budget is None:
        rows = yield _HOLD, no, lease_number, events
    else:
        held, lost = budget.held, budget.lost
        rows = yield (
            _HOLD_UNDER_BUDGET,
            no,
            lease_number,
            events,
            held.nanos,
            held.tokens,
            held.ecu_micros,
            lost.nanos,
            lost.tokens,
            lost.ecu_micros,
        )
    return rows[0]["seq"] - events if rows else None


def set_options(no: int, options: Options) -> Transaction[None]:
    """How it is to be run from now on; for whoever holds it."""
    yield "update executions set options = $2 where no = $1", no, dumps(options)


def release(no: int, lease_number: int) -> Transaction[None]:
    """Let go of an execution that is not over: whoever comes next goes on with it."""
    yield "update executions set lease_owner = null where no = $1 and lease_number = $2", no, lease_number


def end(
    execution: Execution,
    status: Status,
    *,
    summary: Json,
    error: ErrorInfo | None,
    results: Json,
    receipt: Json,
    total_items: int | None,
) -> Transaction[Execution | None]:
    """Give an execution its terminal status and return it as it is stored.

    None when that is no longer allowed (lease lost, already over).
    """
    now = now_ms()
    sources = ", ".join(f"'{source}'" for source in sources_of(status))
    rows = yield (
        _END.format(sources=sources),
        execution.no,
        status,
        now,
        dumps(summary),
        None if error is None else dumps(error),
        None if results is None else dumps(results),
        None if receipt is None else dumps(receipt),
        total_items,
        execution.lease_number,
    )
    if not rows:
        return None
    ended = execution_of(rows[0])
    reason = None if error is None else {"code": error.code, "message": error.message}
    yield _INSERT_EVENT, execution.no, ended.seq, now, dumps({"status": status, "reason": reason})
    yield from announce(ended, now)
    return ended


def pause(execution: Execution, reason: Reason) -> Transaction[Execution | None]:
    """Set an execution aside until somebody resumes it; its owner, if it has one, lets go of it.

    None when that is not allowed: its lease was lost, it is over, or somebody has asked for its end.
    """
    now = now_ms()
    elapsed = execution.elapsed_ms(now)
    rows = yield _PAUSE, execution.no, execution.lease_number, now, dumps(reason), elapsed
    if not rows:
        return None
    paused = execution_of(rows[0])
    yield _INSERT_EVENT, execution.no, paused.seq, now, dumps({"status": Status.PAUSED, "reason": reason})
    yield from announce(paused, now)
    return paused


def resume(execution: Execution, options: Options) -> Transaction[Execution | None]:
    """Back to pending. The time it was paused does not count towards its deadline. None when it is not paused."""
    now = now_ms()
    rows = yield _RESUME, execution.no, now, dumps(options)
    if not rows:
        return None
    resumed = execution_of(rows[0])
    yield _INSERT_EVENT, execution.no, resumed.seq, now, '{"status":"pending","resumed":true}'
    return resumed


def request_pause(tenant: Tenant, execution_id: str, now: int) -> Transaction[Execution | None]:
    """Note that somebody wants it paused; the first request counts. None when there is no such execution."""
    yield (
        "update executions set pause_requested_at = coalesce(pause_requested_at, $3)"
        " where id = $1 and project_id = $2 and status = 'running'",
        execution_id,
        tenant.project_id,
        now,
    )
    return (yield from get(tenant, execution_id))


def request_cancel(tenant: Tenant, execution_id: str, now: int) -> Transaction[Execution | None]:
    """Note that somebody wants it stopped; the first request counts. None when there is no such execution."""
    yield (
        "update executions set cancel_requested_at = coalesce(cancel_requested_at, $3)"
        " where id = $1 and project_id = $2 and status in ('pending', 'running', 'paused')",
        execution_id,
        tenant.project_id,
        now,
    )
    return (yield from get(tenant, execution_id))


def to_stop(owner: str) -> Transaction[list[Any]]:
    """This owner's executions that somebody, in any process, wants cancelled or paused: `no, lease_number, cancel`."""
    return (
        yield (
            "select no, lease_number, cancel_requested_at is not null as cancel from executions"
            " where status = 'running' and lease_owner = $1"
            " and (cancel_requested_at is not null or pause_requested_at is not null)",
            owner,
        )
    )


def overdue(now: int, limit: int) -> Transaction[list[Execution]]:
    """Executions that wait, and whose deadline has passed."""
    rows = yield (
        f"select * from executions where {_OPEN} and status = 'pending' and deadline_at <= $1"
        " order by deadline_at limit $2",
        now,
        limit,
    )
    return [execution_of(row) for row in rows]


def reopen(execution: Execution, now: int) -> Transaction[Execution]:
    """Back to pending for a retry: a new generation with a new deadline, and the version, spec and options it has here.

    What was found stays.
    """
    rows = yield (
        "update executions set status = 'pending', generation = generation + 1, seq = seq + 1,"
        " prior_elapsed_ms = $2, period_started_at = null, finished_at = null, deadline_at = $3,"
        " cancel_requested_at = null, cancel_receipt = null, pause_requested_at = null, summary = null,"
        " results = null, error = null,"
        " subject_version = $4, spec = $5, options = $6, lane = 'batch' where no = $1 returning *",
        execution.no,
        execution.elapsed_ms(now),
        now + execution.deadline_ms,
        execution.subject_version,
        dumps(execution.spec),
        dumps(execution.options),
    )
    reopened = execution_of(rows[0])
    yield _INSERT_EVENT, execution.no, reopened.seq, now, '{"status":"pending","retry":true}'
    return reopened


def count_open(project_id: str) -> Transaction[int]:
    """How many executions of a project are not over."""
    rows = yield (
        "select count(*) as n from executions where project_id = $1 and status in ('pending', 'running', 'paused')",
        project_id,
    )
    return int(rows[0]["n"])


ENDED = tuple(sorted(TERMINAL))
