"""Items that were under way when a process died: see `executions.flights`."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.storage.store import Transaction

_NOTE = """
insert into suspects (execution_no, path, crashes, guilty, steps)
select e.no, $2, 1, false, (
  select count(*) from steps s where s.execution_no = $1 and s.path = $2 and s.status <> 'aborted'
) from executions e
where e.no = $1 and e.status in ('pending', 'running', 'paused')
  and not exists (select 1 from items i where i.execution_no = $1 and i.path = $2 and i.status <> 'pending')
on conflict (execution_no, path) do update
set crashes = case when excluded.steps > suspects.steps then 1 else suspects.crashes + 1 end, steps = excluded.steps
returning crashes
"""


@dataclass(frozen=True, slots=True)
class Suspect:
    """An item that was under way in so many crashes; `guilty` when it was the only suspect at the last one."""

    crashes: int
    guilty: bool


def note(items: list[tuple[int, str]], most: int) -> Transaction[None]:
    """One more crash for each of these items (execution number, path) that is not over; `most` is too many.

    One that had recorded more steps than at the crash before begins anew: what kills a process does so each time.
    """
    found = []
    for execution_no, path in items:
        rows = yield _NOTE, execution_no, path
        if rows and rows[0]["crashes"] >= most:
            found.append((execution_no, path))
    if len(found) == 1:
        yield "update suspects set guilty = true where execution_no = $1 and path = $2", *found[0]


def known(crashes: int, execution_no: int | None = None) -> Transaction[dict[tuple[int, str], Suspect]]:
    """Items with so many crashes or more, of one execution or of all that are not over."""
    one = "" if execution_no is None else " and s.execution_no = $2"
    args = () if execution_no is None else (execution_no,)
    rows = yield (
        "select s.execution_no, s.path, s.crashes, s.guilty from suspects s join executions e on e.no = s.execution_no"
        f" where s.crashes >= $1 and e.status in ('pending', 'running', 'paused'){one}",
        crashes,
        *args,
    )
    return {(row["execution_no"], row["path"]): Suspect(row["crashes"], bool(row["guilty"])) for row in rows}


def forgive(execution_no: int) -> Transaction[None]:
    """Forget what items of an execution did."""
    yield "delete from suspects where execution_no = $1", execution_no
