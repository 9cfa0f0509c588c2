"""Deleting what is over, in small pieces, so that everybody else's writes come in between.

An execution that is deleted belongs to nobody from the first transaction on: its row stays, without a project, until
everything else of it is gone. So it is never seen in part, its number is not given away too early, and whoever comes
after a crash finds what is still to be removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.executions.model import TERMINAL
from penstock.ids import first_execution_id_at
from penstock.storage.store import Many, Transaction

_ENDED = ", ".join(f"'{status}'" for status in sorted(TERMINAL))

_DISOWN_EXPIRED = f"""
update executions set organization_id = '', project_id = ''
where status in ({_ENDED}) and no in (
  select no from executions
  where project_id = $1 and kind = $2 and id < $3 and status in ({_ENDED}) and finished_at < $4
  order by id limit $5)
returning no
"""

# One step through the index for each kind, however many executions there are of it.
_KINDS = """
with recursive kinds (kind) as (
  select min(kind) from executions where project_id = $1
  union all
  select (select min(e.kind) from executions e where e.project_id = $1 and e.kind > kinds.kind)
  from kinds where kinds.kind is not null
)
select kind from kinds where kind is not null
"""

_FIRINGS = """
delete from schedule_firings where no in (
  select no from (select no, outcome, live, claimed_at from schedule_firings order by no limit $2) oldest
  where claimed_at < $1 and not live and outcome is not null and outcome <> 'queued')
returning no
"""

_PARTS = (
    ("items", "path"),
    ("steps", "no"),
    ("events", "seq"),
    ("suspects", "path"),
    ("tallies", "lease_number"),
    ("compute_unit_settled", "model"),
)


def projects(after: str, limit: int) -> Transaction[list[Any]]:
    """Projects behind an id, with their settings; for the process's own keeping of house, which serves every tenant."""
    return (
        yield ("select id, organization_id, settings from projects where id > $1 order by id limit $2", after, limit)
    )


def kinds(project_id: str) -> Transaction[list[str]]:
    """The kinds of executions that a project has."""
    rows = yield _KINDS, project_id
    return [row["kind"] for row in rows]


def disown(no: int) -> Transaction[bool]:
    """Hide an execution that is over from everybody; `sweep` then takes it away. False when it is not over."""
    rows = yield (
        f"update executions set organization_id = '', project_id = '' where no = $1 and status in ({_ENDED})"
        " returning no",
        no,
    )
    return bool(rows)


def disown_expired(project_id: str, kind: str, before: int, limit: int) -> Transaction[int]:
    """The same for so many of one kind that were over before a moment, oldest first; returns how many."""
    # Nothing ends before it was created, and an id tells when that was: the scan ends there.
    rows = yield _DISOWN_EXPIRED, project_id, kind, first_execution_id_at(before), before, limit
    return len(rows)


def disowned(limit: int) -> Transaction[list[int]]:
    """Numbers of executions that were deleted, and of which something is left."""
    rows = yield "select no from executions where project_id = '' order by kind, id limit $1", limit
    return [row["no"] for row in rows]


def sweep(numbers: Sequence[int], limit: int) -> Transaction[int]:
    """Remove so many rows of deleted executions, and at last themselves; returns how many rows that were.

    Fewer than `limit`: nothing is left of them. One that belongs to somebody is left alone.
    """
    removed = 0
    for no in numbers:
        if removed < limit:
            removed += yield from _sweep(no, limit - removed)
    return removed


def _sweep(no: int, limit: int) -> Transaction[int]:
    found = yield "select 1 as one from executions where no = $1 and project_id = ''", no
    if not found:
        return 0
    removed = 0
    for table, key in _PARTS:
        rows = yield (
            f"delete from {table} where execution_no = $1"
            f" and {key} in (select {key} from {table} where execution_no = $1 limit $2) returning {key}",
            no,
            limit - removed,
        )
        removed += len(rows)
        if removed >= limit:
            return removed
    yield "delete from executions where no = $1", no
    return removed + 1


def forget_keys(before: int, limit: int) -> Transaction[bool]:
    """Drop so many idempotency keys that expired before a moment; True while there may be more."""
    found = yield (
        "select project_id, key from idempotency_keys where expires_at < $1 order by expires_at limit $2",
        before,
        limit,
    )
    yield Many(
        "delete from idempotency_keys where project_id = $1 and key = $2",
        [(row["project_id"], row["key"]) for row in found],
    )
    return len(found) == limit


def forget_firings(before: int, limit: int) -> Transaction[bool]:
    """Drop those of so many oldest firings of schedules that were over before a moment; True while there are more."""
    rows = yield _FIRINGS, before, limit
    return len(rows) == limit
