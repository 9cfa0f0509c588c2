"""Items that were under way when a process died: see `executions.flights`."""

from __future__ import annotations

from penstock.storage.store import Transaction

_NOTE = """
insert into suspects (execution_no, path, crashes)
select e.no, $2, 1 from executions e
where e.no = $1 and e.status in ('pending', 'running', 'paused')
  and not exists (select 1 from items i where i.execution_no = $1 and i.path = $2 and i.status <> 'pending')
on conflict (execution_no, path) do update set crashes = suspects.crashes + 1
"""


def note(items: list[tuple[int, str]]) -> Transaction[None]:
    """One more crash for each of these items (execution number, path) that is not over."""
    for execution_no, path in items:
        yield _NOTE, execution_no, path


def known(crashes: int) -> Transaction[dict[tuple[int, str], int]]:
    """Items of executions that are not over, with so many crashes or more."""
    rows = yield (
        "select s.execution_no, s.path, s.crashes from suspects s join executions e on e.no = s.execution_no"
        " where s.crashes >= $1 and e.status in ('pending', 'running', 'paused')",
        crashes,
    )
    return {(row["execution_no"], row["path"]): row["crashes"] for row in rows}


def forgive(execution_no: int) -> Transaction[None]:
    """Forget what items of an execution did."""
    yield "delete from suspects where execution_no = $1", execution_no
