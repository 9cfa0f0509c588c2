"""Deliveries of webhooks and each attempt at them, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.storage.store import Many, Transaction, placeholders
from penstock.types import Tenant

_COLUMNS = (
    "id, organization_id, project_id, endpoint_id, url, host, execution_id, event, body, status, attempts, step,"
    " next_attempt_at, created_at"
)
_INSERT = f"""
insert into webhook_deliveries ({_COLUMNS})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', 0, 0, $10, $10)
"""

_DUE = """
select id, host, project_id from webhook_deliveries
where status = 'pending' and next_attempt_at <= $1 {others}
order by next_attempt_at limit $2
"""

_RECORD = """
update webhook_deliveries
set status = $2, reason = $3, attempts = attempts + 1, step = step + 1, next_attempt_at = $4, last_status = $5,
    last_error = $6, finished_at = $7, url = $8, host = $9
where id = $1
returning attempts
"""

_REOPEN = """
update webhook_deliveries
set status = 'pending', reason = null, step = 0, next_attempt_at = $2, finished_at = null
where {which}
returning id
"""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A message and where it goes. `endpoint_id` is None when the URL came with a call."""

    id: str
    tenant: Tenant
    endpoint_id: str | None
    url: str
    host: str
    execution_id: str | None
    event: str
    body: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt went: an answer with its status and first bytes, or an error. Times in milliseconds."""

    started_at: int
    duration_ms: int
    status: int | None = None
    answer: str | None = None
    error_code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a delivery is after an attempt: pending until `next_attempt_at`, or over, with a reason where it failed."""

    status: str
    next_attempt_at: int | None = None
    reason: str | None = None


def insert(deliveries: Sequence[NewDelivery], now: int) -> Many:
    """Messages to be sent at once."""
    return Many(
        _INSERT,
        [
            (
                one.id,
                one.tenant.organization_id,
                one.tenant.project_id,
                one.endpoint_id,
                one.url,
                one.host,
                one.execution_id,
                one.event,
                one.body,
                now,
            )
            for one in deliveries
        ],
    )


def due(now: int, full_hosts: Sequence[str], full_projects: Sequence[str], limit: int) -> Transaction[list[Any]]:
    """What is to be sent by now (id, host, project_id), longest due first, but for hosts and projects that are full.

    For the engine's own sender, which serves every tenant.
    """
    others = f"and host not in ({placeholders(len(full_hosts), 3)})" if full_hosts else ""
    if full_projects:
        others += f" and project_id not in ({placeholders(len(full_projects), 3 + len(full_hosts))})"
    return (yield (_DUE.format(others=others), now, limit, *full_hosts, *full_projects))


def to_send(delivery_id: str) -> Transaction[Any | None]:
    """A pending delivery with the state of its endpoint: `endpoint_exists`, `endpoint_disabled_at`.

    `target` is where it goes now: the URL of the endpoint may have been corrected since.
    """
    rows = yield (
        "select d.*, coalesce(e.url, d.url) as target, e.id as endpoint_exists,"
        " e.disabled_at as endpoint_disabled_at from webhook_deliveries d"
        " left join webhook_endpoints e on e.id = d.endpoint_id and e.project_id = d.project_id"
        " where d.id = $1 and d.status = 'pending'",
        delivery_id,
    )
    return rows[0] if rows else None


def record(delivery_id: str, attempt: Attempt, standing: Standing, *, url: str, host: str) -> Transaction[None]:
    """Keep an attempt at a URL and what it makes of the delivery."""
    over = attempt.started_at + attempt.duration_ms if standing.status != "pending" else None
    rows = yield (
        _RECORD,
        delivery_id,
        standing.status,
        standing.reason,
        standing.next_attempt_at,
        attempt.status,
        attempt.error,
        over,
        url,
        host,
    )
    if not rows:
        return
    yield (
        "insert into webhook_attempts (delivery_id, number, started_at, duration_ms, status, error_code, error, answer)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        delivery_id,
        rows[0]["attempts"],
        attempt.started_at,
        attempt.duration_ms,
        attempt.status,
        attempt.error_code,
        attempt.error,
        attempt.answer,
    )


def give_up(delivery_id: str, reason: str, now: int) -> Transaction[None]:
    """End a delivery without an attempt."""
    yield (
        "update webhook_deliveries set status = 'failed', reason = $2, next_attempt_at = null, finished_at = $3"
        " where id = $1 and status = 'pending'",
        delivery_id,
        reason,
        now,
    )


def get(tenant: Tenant, delivery_id: str) -> Transaction[Any | None]:
    """The row, None when there is none."""
    rows = yield (
        "select * from webhook_deliveries where project_id = $1 and id = $2",
        tenant.project_id,
        delivery_id,
    )
    return rows[0] if rows else None


def attempts_of(tenant: Tenant, delivery_id: str, limit: int) -> Transaction[list[Any]]:
    """The last attempts at a delivery, newest first."""
    return (
        yield (
            "select a.* from webhook_attempts a join webhook_deliveries d on d.id = a.delivery_id"
            " where a.delivery_id = $2 and d.project_id = $1 order by a.number desc limit $3",
            tenant.project_id,
            delivery_id,
            limit,
        )
    )


def page(
    tenant: Tenant,
    *,
    endpoint_id: str | None,
    execution_id: str | None,
    status: str | None,
    before_id: str | None,
    limit: int,
) -> Transaction[list[Any]]:
    """Newest first, from before an id."""
    conditions = ["project_id = $1"]
    args: list[Any] = [tenant.project_id]
    wanted = {"endpoint_id =": endpoint_id, "execution_id =": execution_id, "status =": status, "id <": before_id}
    for condition, value in wanted.items():
        if value is not None:
            args.append(value)
            conditions.append(f"{condition} ${len(args)}")
    args.append(limit)
    sql = f"select * from webhook_deliveries where {' and '.join(conditions)} order by id desc limit ${len(args)}"
    return (yield (sql, *args))


def reopen(tenant: Tenant, delivery_id: str, now: int) -> Transaction[bool]:
    """Send a delivery again, at once and from the start of the schedule; False when there is none."""
    rows = yield _REOPEN.format(which="id = $1 and project_id = $3"), delivery_id, now, tenant.project_id
    return bool(rows)


def reopen_failed(tenant: Tenant, endpoint_id: str, since: int, now: int, limit: int) -> Transaction[int]:
    """The same for so many of an endpoint's that have failed by now, made at `since` or later; how many."""
    which = (
        "id in (select id from webhook_deliveries where project_id = $3 and endpoint_id = $1 and status = 'failed'"
        " and created_at >= $4 and finished_at <= $2 limit $5)"
    )
    rows = yield _REOPEN.format(which=which), endpoint_id, now, tenant.project_id, since, limit
    return len(rows)


def delete_some(before: int, limit: int) -> Transaction[bool]:
    """Forget so many deliveries that were over before a moment, with their attempts; True while there may be more.

    For the engine's own retention, which serves every tenant.
    """
    rows = yield (
        "delete from webhook_deliveries where id in"
        " (select id from webhook_deliveries where status <> 'pending' and finished_at < $1"
        " order by finished_at limit $2) returning id",
        before,
        limit,
    )
    if rows:
        yield Many("delete from webhook_attempts where delivery_id = $1", [(row["id"],) for row in rows])
    return len(rows) == limit
