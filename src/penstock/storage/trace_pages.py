"""Lists of traces: a page costs the same however far down it is, whatever is asked for, and however many there are.

A list goes along one index, in its order. What no index answers is asked of each row on the way, and of so many rows
at most: a page may hold less than it could, or nothing, and still have a next one. Words lead to traces by the full
text, in the order of their coming.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from penstock.errors import FieldError, Invalid
from penstock.storage.store import Transaction, chunked
from penstock.storage.traces import COLUMNS, PARTS, matching, trace_of
from penstock.traces.model import SpanStatus, Trace
from penstock.types import Tenant

TraceSort = Literal["createdAt", "startedAt", "durationMs", "costUsd"]
Outcome = Literal["pass", "fail"]

LOOK_ROWS = 10_000
"""Rows of traces that one page reads at most."""
LOOK_MATCHES = 5_000
"""Matches of words that one page follows at most."""
_AT_ONCE = 250
_ID = re.compile("[0-9a-f]{24}")
_KEYS: dict[TraceSort, str] = {
    "createdAt": "id",
    "startedAt": "started_at",
    "durationMs": "duration_ms",
    "costUsd": "cost_nanos",
}

# From one source to the next by index: what is read are sources, not traces.
_SOURCES = """
with recursive known (source) as (
  select min(source) from traces where project_id = $1
  union all
  select (select min(t.source) from traces t where t.project_id = $1 and t.source > known.source)
  from known where known.source is not null
)
select source from known where source is not null limit $2
"""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a row of `traces`, with `?` for each argument: the way in for whoever knows more of traces."""

    sql: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces are wanted, and in which order. Times in milliseconds since 1970, money in nano-dollars.

    `started_from` is inclusive, `started_before` is not. `model`: one of its spans used it. `text`: every word of it is
    found among the trace's names, inputs, outputs and short attributes; `begin*` finds what begins so.
    `judge_id` and `outcome`: some judge, or this one, has said so of it.
    Without `sort` the last to come are first; with a range of time, the last to start.
    """

    source: str | None = None
    status: SpanStatus | None = None
    name: str | None = None
    model: str | None = None
    text: str | None = None
    started_from: int | None = None
    started_before: int | None = None
    min_duration_ms: float | None = None
    max_duration_ms: float | None = None
    min_cost_nanos: int | None = None
    max_cost_nanos: int | None = None
    judge_id: str | None = None
    outcome: Outcome | None = None
    also: tuple[Condition, ...] = ()
    sort: TraceSort | None = None
    descending: bool = True

    @property
    def order(self) -> TraceSort:
        if self.sort is not None:
            return self.sort
        timed = self.started_from is not None or self.started_before is not None
        return "startedAt" if timed and self.words is None else "createdAt"

    @property
    def words(self) -> str | None:
        """What is looked for in the full text."""
        parts = [part for part in (self.model, self.text and self.text.strip()) if part]
        return " ".join(parts) or None


class _Query:
    """Conditions with their arguments, numbered as they are added."""

    def __init__(self, tenant: Tenant) -> None:
        self.args: list[Any] = [tenant.project_id]
        self.conditions = ["project_id = $1"]

    def value(self, value: Any) -> str:
        self.args.append(value)
        return f"${len(self.args)}"

    def add(self, sql: str, *args: Any) -> None:
        head, *tail = sql.split("?")
        self.conditions.append(head + "".join(self.value(arg) + part for arg, part in zip(args, tail, strict=True)))

    @property
    def where(self) -> str:
        return " and ".join(self.conditions)


def page(
    tenant: Tenant, wanted: TraceFilter, cursor: str | None, limit: int
) -> Transaction[tuple[list[Trace], str | None]]:
    """Traces behind a cursor, and the cursor of what follows: None at the end.

    Raises `Invalid` for a cursor of another list, and for words in an order that they have not.
    """
    if wanted.words is not None:
        return (yield from _page_of_words(tenant, wanted, cursor, limit))
    query, rest = _along_index(tenant, wanted)
    key, down = _KEYS[wanted.order], wanted.descending
    order, behind = ("desc", "<") if down else ("asc", ">")
    sorting = f"id {order}" if key == "id" else f"{key} {order}, id {order}"
    if cursor is not None:
        _from(query, key, behind, cursor)
    last = None
    if rest:
        columns = "id" if key == "id" else f"{key}, id"
        sql = f"select {columns} from traces where {query.where} order by {sorting} limit 1 offset {LOOK_ROWS - 1}"
        found = yield (sql, *query.args)
        if found:
            last = _cursor(found[0], key)
            _from(query, key, ">=" if down else "<=", last)
    for condition in rest:
        query.add(condition.sql, *condition.args)
    sql = f"select {COLUMNS} from traces where {query.where} order by {sorting} limit {query.value(limit + 1)}"
    rows = yield (sql, *query.args)
    following = _cursor(rows[limit - 1], key) if len(rows) > limit else last
    return [trace_of(row) for row in rows[:limit]], following


def numbered(tenant: Tenant, wanted: TraceFilter, offset: int, limit: int) -> Transaction[tuple[list[Trace], int]]:
    """Traces by their places in the list, and how many there are: for callers with numbers of pages. Reads them all."""
    query = _Query(tenant)
    for condition in _conditions(wanted):
        query.add(condition.sql, *condition.args)
    if wanted.words is not None:
        match = matching(tenant.project_id, wanted.words)
        query.add(f"no in (select rowid / {PARTS} from trace_words where trace_words match ?)", match)
    counted = yield (f"select count(*) as n from traces where {query.where}", *query.args)
    order = "desc" if wanted.descending else "asc"
    key = _KEYS[wanted.order]
    sql = f"select {COLUMNS} from traces where {query.where} order by {key} {order}, id {order}"
    rows = yield (f"{sql} limit {query.value(limit)} offset {query.value(offset)}", *query.args)
    return [trace_of(row) for row in rows], counted[0]["n"]


def sources(tenant: Tenant, limit: int) -> Transaction[list[str]]:
    """Where a project's traces come from, by name."""
    rows = yield _SOURCES, tenant.project_id, limit
    return [row["source"] for row in rows]


def outline(trace: Trace) -> Transaction[list[Any]]:
    """Every span of a trace without what it was given and gave back, in the order of their times."""
    return (
        yield (
            "select no, span_id, parent_id, kind, name, status, started_ns, ended_ns, model, input_tokens,"
            " output_tokens, cost_nanos from spans"
            " where trace_no = (select no from traces where no = $1 and project_id = $2) order by started_ns, no",
            trace.no,
            trace.tenant.project_id,
        )
    )


def bodies(trace: Trace, numbers: Sequence[int]) -> Transaction[dict[int, bytes]]:
    """What some spans were given and gave back, packed, by their numbers."""
    found: dict[int, bytes] = {}
    for some in chunked(numbers, _AT_ONCE):
        query = _Query(trace.tenant)
        places = ", ".join(query.value(number) for number in some)
        owned = f"(select no from traces where no = {query.value(trace.no)} and project_id = $1)"
        rows = yield (
            f"select no, body from spans where no in ({places}) and coalesce(trace_no, 0) = {owned}",
            *query.args,
        )
        found |= {row["no"]: row["body"] for row in rows}
    return found


def rollup(trace: Trace) -> Transaction[list[Any]]:
    """Spans, errors, time, tokens and cost of a trace, by kind and model."""
    return (
        yield (
            "select kind, model, count(*) as spans, sum(case when status = 'error' then 1 else 0 end) as errors,"
            " sum(coalesce(ended_ns, started_ns) - started_ns) as busy_ns, sum(coalesce(input_tokens, 0)) as"
            " input_tokens, sum(coalesce(output_tokens, 0)) as output_tokens, sum(coalesce(cost_nanos, 0)) as"
            " cost_nanos, sum(case when cost_nanos is null and kind in ('llm', 'embedding') then 1 else 0 end)"
            " as unpriced"
            " from spans where trace_no = (select no from traces where no = $1 and project_id = $2)"
            " group by kind, model order by kind, model",
            trace.no,
            trace.tenant.project_id,
        )
    )


def _along_index(tenant: Tenant, wanted: TraceFilter) -> tuple[_Query, list[Condition]]:
    """What one index answers, and the rest."""
    query = _Query(tenant)
    rest = _conditions(wanted)
    if wanted.order == "createdAt":
        for column in ("name", "source", "status"):
            condition = Condition(f"coalesce({column}, '') = ?", (getattr(wanted, column),))
            if condition in rest:
                rest.remove(condition)
                query.add(f"{column} = ?", *condition.args)
                break
    elif wanted.order == "startedAt":
        for condition in [one for one in rest if one.sql.startswith("started_at ")]:
            rest.remove(condition)
            query.add(condition.sql, *condition.args)
    elif wanted.order == "durationMs":
        query.add("duration_ms is not null")
    return query, rest


def _conditions(wanted: TraceFilter) -> list[Condition]:
    # Not the bare column: the database is to go along the index of the list, and along no other.
    asked: list[tuple[str, Any]] = [
        *((f"coalesce({name}, '') = ?", getattr(wanted, name)) for name in ("name", "source", "status")),
        ("started_at >= ?", wanted.started_from),
        ("started_at < ?", wanted.started_before),
        ("coalesce(duration_ms, -1) >= ?", wanted.min_duration_ms),
        ("coalesce(duration_ms, 1e300) <= ?", wanted.max_duration_ms),
        ("coalesce(cost_nanos, 0) >= ?", wanted.min_cost_nanos),
        ("coalesce(cost_nanos, 0) <= ?", wanted.max_cost_nanos),
        ("exists (select 1 from spans s where s.trace_no = traces.no and s.model = ?)", wanted.model),
    ]
    found = [Condition(sql, (value,)) for sql, value in asked if value is not None]
    return [*found, *_judged(wanted), *wanted.also]


def _judged(wanted: TraceFilter) -> list[Condition]:
    passed = None if wanted.outcome is None else wanted.outcome == "pass"
    asked = [("j.judge_id = ?", wanted.judge_id), ("j.passed = ?", passed)]
    given = [(sql, value) for sql, value in asked if value is not None]
    if not given:
        return []
    said = " and ".join(sql for sql, _ in given)
    of_it = "j.project_id = traces.project_id and j.trace_id = traces.id"
    sql = f"exists (select 1 from trace_evaluations j where {of_it} and {said})"
    return [Condition(sql, tuple(value for _, value in given))]


def _page_of_words(
    tenant: Tenant, wanted: TraceFilter, cursor: str | None, limit: int
) -> Transaction[tuple[list[Trace], str | None]]:
    if wanted.order != "createdAt":
        detail = "What is found by words or by model comes in the order of createdAt; leave the other sort out."
        raise Invalid("sort_unsupported", detail, errors=(FieldError("sort", detail),))
    match = matching(tenant.project_id, wanted.words or "")
    place = None if cursor is None else _number(cursor)
    found: list[Trace] = []
    # Most pages are full with the first few; for the others the index is asked once more, not again and again.
    few = min(_AT_ONCE, LOOK_MATCHES)
    for most in (few, LOOK_MATCHES - few):
        numbers, more = yield from _matches(match, place, wanted.descending, most)
        for some in chunked(numbers, _AT_ONCE):
            found += yield from _numbered(tenant, wanted, some)
            if len(found) > limit:
                return found[:limit], str(found[limit - 1].no)
        if not more:
            return found, None
        place = numbers[-1] if numbers else place
    return found, str(place)


def _matches(match: str, place: int | None, down: bool, most: int) -> Transaction[tuple[list[int], bool]]:
    """Numbers of the next traces behind a place, and whether there may be more."""
    order, behind = ("desc", "<") if down else ("asc", ">=")
    args: list[Any] = [match]
    where = "trace_words match $1"
    if place is not None:
        args.append((place if down else place + 1) * PARTS)
        where += f" and rowid {behind} $2"
    rows = yield f"select rowid from trace_words where {where} order by rowid {order} limit {most}", *args
    return list(dict.fromkeys(row["rowid"] // PARTS for row in rows)), len(rows) == most


def _numbered(tenant: Tenant, wanted: TraceFilter, numbers: Sequence[int]) -> Transaction[list[Trace]]:
    """Those of some traces that are wanted, in the order of the list."""
    query = _Query(tenant)
    # By their numbers, not by the index of the project: that would lead through all of its traces.
    query.conditions = ["coalesce(project_id, '') = $1"]
    query.conditions.append(f"no in ({', '.join(query.value(number) for number in numbers)})")
    for condition in _conditions(wanted):
        query.add(condition.sql, *condition.args)
    order = "desc" if wanted.descending else "asc"
    rows = yield (f"select {COLUMNS} from traces where {query.where} order by no {order}", *query.args)
    return [trace_of(row) for row in rows]


def _from(query: _Query, key: str, comparison: str, cursor: str) -> None:
    """Only what is behind a place in the list; `>=` and `<=` with the place itself."""
    value, some_id = _place(cursor, key)
    if key == "id":
        query.add(f"id {comparison} ?", some_id)
    else:
        query.add(f"({key}, id) {comparison} (?, ?)", value, some_id)


def _cursor(row: Any, key: str) -> str:
    return str(row["id"]) if key == "id" else f"{row[key]!r}~{row['id']}"


def _place(cursor: str, key: str) -> tuple[float, str]:
    value, _, some_id = cursor.rpartition("~")
    try:
        if (key == "id") == bool(value) or not _ID.fullmatch(some_id):
            raise ValueError
        # Whole numbers as such: their 64 bits are more than a float tells apart.
        number = (float(value) if key == "duration_ms" else int(value)) if value else 0
        if not -(2**63) <= number < 2**63:
            raise ValueError
    except ValueError:
        raise _not_ours() from None
    return number, some_id


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 14):
        raise _not_ours()
    return int(cursor)


def _not_ours() -> Invalid:
    detail = "This cursor was not made by this list; take nextCursor of the page before."
    return Invalid("cursor_invalid", detail, errors=(FieldError("cursor", detail),))
