"""The one sequence of events of an execution: rows of `events`, and finished items by the number they took.

Both are numbered by the same counter, without a gap. An item that was dropped or reopened has left its number, and
what was told of it, in `events`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from penstock.executions.model import TERMINAL, Execution, Status
from penstock.storage import steps as step_rows
from penstock.storage.executions import dumps, execution_of
from penstock.storage.store import Transaction
from penstock.types import JsonObject

_PAGE = """
select seq, type, at, data, path, status, error, started_at from (
  select * from (
    select e.seq, e.type, e.at, e.data, null as path, null as status, null as error, null as started_at
    from events e where e.execution_no = $1 and e.seq > $2 order by e.seq limit $3
  ) noted
  union all
  select * from (
    select i.seq, 'item' as type, i.finished_at as at, null as data, i.path, i.status, i.error, i.started_at
    from items i where i.execution_no = $1 and i.seq > $2 and i.seq is not null order by i.seq limit $3
  ) finished
) both
where exists (select 1 from executions x where x.no = $1 and x.id = $4 and x.project_id = $5)
order by seq limit $3
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody who follows an execution has not seen: events behind `seq`, log lines behind `log`, None: none."""

    execution: Execution
    seq: int
    log: int | None = None


@dataclass(frozen=True, slots=True)
class News:
    """How an execution stands, and the next rows of what was wanted. `ended` is the execution, when it is over."""

    seq: int
    ended: Execution | None = None
    events: list[Any] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)


def page(execution: Execution, after: int, limit: int) -> Transaction[list[Any]]:
    """The next events behind a number: seq, type, at, and `data` of a noted one or the columns of an item."""
    return (yield (_PAGE, execution.no, after, limit, execution.id, execution.tenant.project_id))


def note(execution_no: int, seq: int, kind: str, at: int, body: JsonObject) -> Transaction[None]:
    """An event of a job's own, under a number that was taken for it; `at` in milliseconds since 1970."""
    yield (
        "insert into events (execution_no, seq, type, at, data) values ($1, $2, $3, $4, $5)",
        execution_no,
        seq,
        kind,
        at,
        dumps(body),
    )


def log_page(execution: Execution, after: int, limit: int) -> Transaction[list[Any]]:
    """The next lines of the log behind a number."""
    return (yield from step_rows.log_page(execution.tenant, execution.no, after=after, limit=limit))


def last_log(execution: Execution) -> Transaction[int]:
    """The number of the last line of the log; 0 when there is none."""
    rows = yield (
        "select coalesce(max(s.no), 0) as no from steps s"
        " where s.execution_no = $1 and exists (select 1 from executions x where x.no = $1 and x.project_id = $2)",
        execution.no,
        execution.tenant.project_id,
    )
    return int(rows[0]["no"])


def news(wanted: list[Wanted], limit: int) -> Transaction[list[News | None]]:
    """For each, what is new, up to so many rows, on one snapshot of the store; None for an execution that is gone."""
    found: list[News | None] = []
    for one in wanted:
        found.append((yield from _news_of(one, limit)))
    return found


def _news_of(wanted: Wanted, limit: int) -> Transaction[News | None]:
    execution = wanted.execution
    of_it = "from executions where id = $1 and project_id = $2"
    names = execution.id, execution.tenant.project_id
    heads = yield f"select seq, status {of_it}", *names
    if not heads:
        return None
    seq, status = heads[0]["seq"], Status(heads[0]["status"])
    events = (yield from page(execution, wanted.seq, limit)) if seq > wanted.seq else []
    logs = [] if wanted.log is None else (yield from log_page(execution, wanted.log, limit))
    ended = None
    if status in TERMINAL:
        ended = execution_of((yield f"select * {of_it}", *names)[0])
    return News(seq, ended, events, logs)
