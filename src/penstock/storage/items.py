"""Items of executions: the units that succeed or fail on their own."""

from __future__ import annotations

from typing import Any

from penstock.executions import paths
from penstock.executions.model import Counts, ItemFilter, ItemStatus
from penstock.storage.executions import dumps, loads
from penstock.storage.store import Many, Transaction, chunked, placeholders
from penstock.types import Json, Tenant

_PENDING = "insert into items (execution_no, path, status, input) values ($1, $2, 'pending', $3)"

_FINISHED = """
insert into items (execution_no, path, status, seq, input, output, error, started_at, finished_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (execution_no, path) do update
set status = excluded.status, seq = excluded.seq, input = coalesce(items.input, excluded.input),
    output = excluded.output, error = excluded.error, started_at = excluded.started_at,
    finished_at = excluded.finished_at
where items.status = 'pending'
"""

_OUTPUT = """coalesce(i.output, (
  select s.output from steps s
  where s.execution_no = i.execution_no and s.path = i.path and s.status <> 'aborted' and s.output_is_item
  order by s.generation desc limit 1)) as output"""
# `status <> 'aborted'`, and `<> 'succeeded'` below, are there for the partial indexes: without them every step of the
# execution is read for each item.


def insert_pending(execution_no: int, first: int, inputs: list[str]) -> Transaction[None]:
    """Items whose inputs the caller sent, as JSON texts, numbered from `first`."""
    rows = [(execution_no, paths.top(first + n), text) for n, text in enumerate(inputs)]
    for chunk in chunked(rows, 1000):
        yield Many(_PENDING, chunk)


def finish_many(rows: list[tuple[Any, ...]]) -> Many:
    """Record finished items; one that is finished already stays as it is.

    A row is (execution_no, path, status, seq, input, output, error, started_at, finished_at).
    """
    return Many(_FINISHED, rows)


def inputs_after(execution_no: int, after: int, limit: int) -> Transaction[list[Any]]:
    """A page of top-level items whose inputs are stored with the execution: path, status, input."""
    return (
        yield (
            "select path, status, input from items where execution_no = $1 and path > $2 and length(path) = $3"
            " order by path limit $4",
            execution_no,
            paths.top(after) + "/" if after >= 0 else "",
            paths.WIDTH,
            limit,
        )
    )


def between(execution_no: int, low: int, high: int) -> Transaction[dict[int, str]]:
    """Statuses of the top-level items from `low` to `high` that are recorded, by number."""
    rows = yield (
        "select path, status from items where execution_no = $1 and path between $2 and $3 and length(path) = $4",
        execution_no,
        paths.top(low),
        paths.top(high),
        paths.WIDTH,
    )
    return {int(row["path"]): row["status"] for row in rows}


def elements(execution_no: int, first: str, last: str) -> Transaction[list[Any]]:
    """Recorded elements of one item, from one path to another, pending ones included."""
    return (
        yield (
            f"select i.path, i.status, i.input, i.error, {_OUTPUT} from items i"
            " where i.execution_no = $1 and i.path between $2 and $3 and length(i.path) = $4",
            execution_no,
            first,
            last,
            len(first),
        )
    )


def drop(execution_no: int, low: str, high: str) -> Transaction[list[str]]:
    """Forget the items from a path up to, and without, another; returns their statuses. Their events are kept."""
    rows = yield (
        "delete from items where execution_no = $1 and path >= $2 and path < $3 returning *",
        execution_no,
        low,
        high,
    )
    yield from _keep_events(rows)
    return [row["status"] for row in rows]


def _keep_events(rows: list[Any]) -> Transaction[None]:
    """What was told about items stays told: whoever reads the events from their beginning finds no number missing."""
    events = [
        (
            row["execution_no"],
            row["seq"],
            row["finished_at"],
            dumps(
                {
                    "itemPath": paths.shown(row["path"]),
                    "status": row["status"],
                    "error": loads(row["error"]),
                    "startedAt": row["started_at"],
                }
            ),
        )
        for row in rows
        if row["seq"] is not None
    ]
    if events:
        yield Many("insert into events (execution_no, seq, type, at, data) values ($1, $2, 'item', $3, $4)", events)


def counts(execution_no: int) -> Transaction[dict[str, int]]:
    """How many recorded items there are of each status.

    The unusual ones are counted by their index and all by another, so that no row is read.
    """
    rows = yield (
        "select status, count(*) as n from items where execution_no = $1 and status <> 'succeeded' group by status",
        execution_no,
    )
    found = {row["status"]: row["n"] for row in rows}
    rows = yield "select count(*) as n from items where execution_no = $1", execution_no
    if succeeded := rows[0]["n"] - sum(found.values()):
        found["succeeded"] = succeeded
    return found


def nested(execution_no: int) -> Transaction[int]:
    """How many recorded items are elements that a splitter made."""
    rows = yield (
        "select count(*) as n from items where execution_no = $1 and length(path) > $2",
        execution_no,
        paths.WIDTH,
    )
    return int(rows[0]["n"])


def any_succeeded(execution_no: int) -> Transaction[bool]:
    """Whether a top-level item succeeded."""
    rows = yield (
        "select 1 from items where execution_no = $1 and length(path) = $2 and status = 'succeeded' limit 1",
        execution_no,
        paths.WIDTH,
    )
    return bool(rows)


def drop_unfinished(execution_no: int, limit: int) -> Transaction[bool]:
    """Cancel so many items that were never run; True while there may be more."""
    rows = yield (
        "update items set status = 'cancelled' where execution_no = $1 and path in ("
        " select path from items where execution_no = $1 and status = 'pending' and status <> 'succeeded'"
        " order by path limit $2) returning path",
        execution_no,
        limit,
    )
    return len(rows) == limit


def page(tenant: Tenant, execution_no: int, wanted: ItemFilter, after: str, limit: int) -> Transaction[list[Any]]:
    """Items in order from behind a stored path, with outputs and what their steps consumed."""
    if wanted.skip:
        behind = yield from _path_at(execution_no, wanted, after)
        if behind is None:
            return []
        after = behind
    only, values = _chosen(wanted, 5)
    return (
        yield (
            f"""
            with page as (
              select i.path, i.status, i.seq, i.input, i.error, i.started_at, i.finished_at, {_OUTPUT}
              from items i join executions e on e.no = i.execution_no and e.project_id = $4
              where i.execution_no = $1 and i.path > $2 {only}
              order by i.path limit $3
            ),
            steps_of_page as (
              select s.no from page cross join steps s
              where s.execution_no = $1 and s.path = page.path and s.status <> 'aborted'
              union all
              select s.no from page cross join steps s
              where s.execution_no = $1 and s.path = page.path and s.status = 'aborted'
            )
            select page.*, u.model_calls, u.input_tokens, u.output_tokens, u.cached_tokens, u.cost_nanos,
                   u.unpriced_calls, u.ecu_micros, u.attempts
            from page
            left join (
              select path, sum(model_calls) as model_calls, sum(input_tokens) as input_tokens,
                     sum(output_tokens) as output_tokens, sum(cached_tokens) as cached_tokens,
                     sum(cost_nanos) as cost_nanos, sum(unpriced_calls) as unpriced_calls,
                     sum(ecu_micros) as ecu_micros, sum(attempts) as attempts
              from steps where no in (select no from steps_of_page)
              group by path
            ) u on u.path = page.path
            order by page.path
            """,
            execution_no,
            after,
            limit,
            tenant.project_id,
            *values,
        )
    )


def _path_at(execution_no: int, wanted: ItemFilter, after: str) -> Transaction[str | None]:
    """The path of the last item that is passed over; only paths and statuses are read. None: there are fewer."""
    only, values = _chosen(wanted, 4)
    rows = yield (
        "select i.path from items i where i.execution_no = $1 and i.path > $2"
        f" {only} order by i.path limit 1 offset $3",
        execution_no,
        after,
        wanted.skip - 1,
        *values,
    )
    return rows[0]["path"] if rows else None


def _chosen(wanted: ItemFilter, first: int) -> tuple[str, tuple[str, ...]]:
    """The condition of a filter and its values, which are numbered from `first`."""
    if wanted.path is not None:
        return f"and i.path = ${first}", (wanted.path,)
    if not wanted.statuses:
        return "", ()
    # One status by itself, and the last part, are for the partial index.
    count = len(wanted.statuses)
    only = f"and i.status = ${first}" if count == 1 else f"and i.status in ({placeholders(count, first)})"
    return only if ItemStatus.SUCCEEDED in wanted.statuses else f"{only} and i.status <> 'succeeded'", wanted.statuses


def outputs(tenant: Tenant, execution_no: int, after: str, limit: int) -> Transaction[list[Any]]:
    """Outputs in item order from behind a stored path: path, status, output, error."""
    return (
        yield (
            f"select i.path, i.status, i.error, {_OUTPUT} from items i"
            " join executions e on e.no = i.execution_no and e.project_id = $4"
            " where i.execution_no = $1 and i.path > $2 order by i.path limit $3",
            execution_no,
            after,
            limit,
            tenant.project_id,
        )
    )


def reopen(execution_no: int, chosen: list[str]) -> Transaction[int]:
    """Make items, and the ones they are elements of, pending again; returns how many of the chosen were reopened.

    Cancelled and never-finished ones count as chosen when their path is. What an element belongs to is noted as
    pending also where it was never recorded.
    """
    reopened = 0
    for chunk in chunked(chosen, 500):
        reopened += yield from _reopen(execution_no, chunk)
    above = {parent for path in chosen for parent in paths.parents(path)}
    for chunk in chunked(sorted(above), 500):
        yield from _reopen(execution_no, chunk)
    tops = sorted(path for path in above if len(path) == paths.WIDTH)
    for chunk in chunked(tops, 500):
        yield Many(
            "insert into items (execution_no, path, status) values ($1, $2, 'pending') on conflict do nothing",
            [(execution_no, path) for path in chunk],
        )
    return reopened


def _reopen(execution_no: int, chunk: list[str]) -> Transaction[int]:
    these = f"execution_no = $1 and path in ({placeholders(len(chunk), 2)})"
    yield from _keep_events((yield (f"select * from items where {these}", execution_no, *chunk)))
    rows = yield (
        "update items set status = 'pending', seq = null, output = null, error = null, finished_at = null"
        f" where {these} returning path",
        execution_no,
        *chunk,
    )
    return len(rows)


def paths_with(execution_no: int, status: str, after: str, limit: int) -> Transaction[list[Any]]:
    """Items of one status other than `succeeded`, in order from behind a path: path, error."""
    return (
        yield (
            "select path, error from items"
            " where execution_no = $1 and status = $2 and status <> 'succeeded' and path > $3 order by path limit $4",
            execution_no,
            status,
            after,
            limit,
        )
    )


def first_failed(execution_no: int, limit: int) -> Transaction[list[str]]:
    """The error objects of the first failed items, as JSON texts."""
    rows = yield (
        "select error from items where execution_no = $1 and status = 'failed' and status <> 'succeeded'"
        " order by path limit $2",
        execution_no,
        limit,
    )
    return [row["error"] for row in rows]


def counts_of(recorded: dict[str, int], *, total: int, running: int, ended: bool) -> Counts:
    """Counters from recorded statuses; what an ended execution never ran counts as cancelled."""
    done = {status: recorded.get(status, 0) for status in ("succeeded", "failed", "skipped", "cancelled")}
    left = max(0, total - sum(done.values()))
    if ended:
        return Counts(
            succeeded=done["succeeded"],
            failed=done["failed"],
            skipped=done["skipped"],
            cancelled=done["cancelled"] + left,
        )
    return Counts(pending=max(0, left - running), running=min(running, left), **done)


def output_value(row: Any, decode: Any) -> Json:
    """The output of a row of `outputs`; None for an item that did not succeed."""
    return decode(row["output"]) if row["status"] == ItemStatus.SUCCEEDED and row["output"] is not None else None
