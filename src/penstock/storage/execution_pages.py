"""Lists of executions, newest first: a page costs the same however far down it is and however many there are.

A question is taken apart into ways, each of which one index answers in the order of the list: one for each status that
is asked for, for each subject, and for ids that begin with a text. Of each way the newest ids are read, and of all
these the newest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from penstock.executions.model import Execution, ExecutionFilter, Status
from penstock.ids import EXECUTION_PREFIX, first_execution_id_at
from penstock.storage.executions import execution_of
from penstock.storage.store import Transaction, chunked, placeholders
from penstock.types import Tenant

_WAYS_AT_ONCE = 100
_BEHIND_DIGITS = "g"
"""An id is hexadecimal digits behind its prefix, and this comes after all of them."""
_BEHIND_ALL = EXECUTION_PREFIX + _BEHIND_DIGITS
_ID = re.compile(EXECUTION_PREFIX + "[0-9a-f]{12,24}")
"""What is at least the moment of an id is looked for in no name."""

# The condition of the index `executions_unusual`, word for word.
_UNUSUAL = "status <> 'completed'"

# From one subject to the next by index: what is read are subjects, not executions.
_SUBJECTS = """
with recursive subjects (subject_id) as (
  select min(subject_id) from executions where project_id = $1
  union all
  select (select min(e.subject_id) from executions e where e.project_id = $1 and e.subject_id > subjects.subject_id)
  from subjects where subjects.subject_id is not null
)
select subject_id from subjects
where subject_id is not null and (
  select lower(e.subject_name) from executions e
  where e.project_id = $1 and e.subject_id = subjects.subject_id order by e.id desc limit 1
) like $2 escape '\\'
"""


@dataclass(frozen=True, slots=True)
class _Way:
    """Columns with their values, and ids from `low` up to, and without, `high`.

    One bound on either side: with two, the database may begin to read at the wrong one.
    """

    columns: tuple[tuple[str, Any], ...]
    low: str
    high: str

    @property
    def unusual(self) -> bool:
        return any(column == "status" and value != Status.COMPLETED for column, value in self.columns)

    def also(self, column: str, value: Any) -> _Way:
        return replace(self, columns=(*self.columns, (column, value)))

    def between(self, low: str, high: str) -> _Way:
        return replace(self, low=max(low, self.low), high=min(high, self.high))


def page(tenant: Tenant, wanted: ExecutionFilter, before_id: str | None, limit: int) -> Transaction[list[Execution]]:
    """The newest executions that are wanted, from before an id."""
    ways = yield from _ways(tenant, wanted, before_id)
    found: set[str] = set()
    for chunk in chunked(ways, _WAYS_AT_ONCE):
        rows = yield _newest(chunk, limit)
        found.update(row["id"] for row in rows)
    return (yield from _read(tenant, sorted(found, reverse=True)[:limit]))


def _read(tenant: Tenant, ids: list[str]) -> Transaction[list[Execution]]:
    executions: list[Execution] = []
    for chunk in chunked(ids, 500):
        rows = yield (
            f"select * from executions where id in ({placeholders(len(chunk), 2)}) and project_id = $1"
            " order by id desc",
            tenant.project_id,
            *chunk,
        )
        executions += [execution_of(row) for row in rows]
    return executions


def _newest(ways: list[_Way], limit: int) -> tuple[Any, ...]:
    """A statement for the newest ids of several ways."""
    args: list[Any] = [limit]
    selects = []
    for way in ways:
        conditions = []
        for condition, value in (*((f"{name} =", value) for name, value in way.columns), *_bounds(way)):
            args.append(value)
            conditions.append(f"{condition} ${len(args)}")
        if way.unusual:
            conditions.append(_UNUSUAL)
        chosen = f"select id from executions where {' and '.join(conditions)} order by id desc limit $1"
        selects.append(f"select * from ({chosen}) way")
    return (f"{' union all '.join(selects)} order by id desc limit $1", *args)


def _bounds(way: _Way) -> tuple[tuple[str, str], ...]:
    return ("id >=", way.low), ("id <", way.high)


def _ways(tenant: Tenant, wanted: ExecutionFilter, before_id: str | None) -> Transaction[list[_Way]]:
    way = _Way((("project_id", tenant.project_id),), EXECUTION_PREFIX, before_id or _BEHIND_ALL)
    if wanted.created_after is not None:
        way = way.between(first_execution_id_at(wanted.created_after + 1), way.high)
    if wanted.created_before is not None:
        way = way.between(way.low, first_execution_id_at(wanted.created_before))
    if wanted.kind is not None:
        way = way.also("kind", wanted.kind)
    if wanted.subject_id is not None:
        way = way.also("subject_id", wanted.subject_id)
    ways = [way] if wanted.text is None else (yield from _with_text(tenant, way, wanted.text))
    statuses = tuple(dict.fromkeys(wanted.statuses))
    return [one.also("status", status) for one in ways for status in statuses] if statuses else ways


def _with_text(tenant: Tenant, way: _Way, text: str) -> Transaction[list[_Way]]:
    """Of subjects whose name, by their last execution, holds the text; and those whose ids begin with it."""
    first = EXECUTION_PREFIX + text.lower().removeprefix(EXECUTION_PREFIX)
    by_id = way.between(first, first + _BEHIND_DIGITS)
    if _ID.fullmatch(first):
        return [by_id]
    rows = yield _SUBJECTS, tenant.project_id, _like(text)
    return [*(way.also("subject_id", row["subject_id"]) for row in rows), by_id]


def _like(text: str) -> str:
    escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
