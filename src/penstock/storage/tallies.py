"""How far running executions are, as their owners note it for other processes."""

from __future__ import annotations

from typing import Any

from penstock.storage.store import Transaction

_NOTE = """
insert into tallies (execution_no, lease_number, body)
select no, lease_number, $3 from executions where no = $1 and lease_number = $2 and status = 'running'
on conflict (execution_no) do update set lease_number = excluded.lease_number, body = excluded.body
"""


def note(tallies: list[tuple[int, int, str]]) -> Transaction[None]:
    """Each is an execution's number, the lease it is held under, and a JSON text; without effect once that is lost."""
    for execution_no, lease_number, body in tallies:
        yield _NOTE, execution_no, lease_number, body


def find(execution_no: int, lease_number: int) -> Transaction[str | None]:
    """What the holder of a lease noted last; None when that is nothing."""
    rows: list[Any] = yield (
        "select body from tallies where execution_no = $1 and lease_number = $2",
        execution_no,
        lease_number,
    )
    return rows[0]["body"] if rows else None
