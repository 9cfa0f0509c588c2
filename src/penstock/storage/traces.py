"""Traces and their spans, as SQL: how they come in, what is read of one, and how they go.

A trace that is deleted belongs to nobody from the first transaction on; what is left of it is swept in small pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.storage.executions import loads
from penstock.storage.store import Many, Transaction, chunked, placeholders
from penstock.traces.model import Trace
from penstock.types import JsonObject, Tenant

PARTS = 65_536
"""Rows of words that one trace may have: the key of each is the trace's number times this, and its place."""
_IDS_AT_ONCE = 500

_OPEN = """
insert into traces (id, organization_id, project_id, trace_id, source, name, filename, status, started_at, started_ns,
  span_count, error_count, model_calls, input_tokens, output_tokens, cost_nanos, unpriced_calls, metadata, word_parts,
  data, created_at, updated_at)
values ($1, $2, $3, $4, $5, '', $6, 'unset', 0, 0, 0, 0, 0, 0, 0, 0, 0, '{}', 0, $7, $8, $8)
on conflict (project_id, trace_id) do update set updated_at = excluded.updated_at
returning *
"""

_ADD_SPAN = """
insert into spans (trace_no, span_id, parent_id, kind, name, status, started_ns, ended_ns, model, input_tokens,
  output_tokens, cost_nanos, digest, body, original)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""

_SUM_UP = """
update traces
set name = $2, status = $3, started_at = $4, ended_at = $5, duration_ms = $6, started_ns = $7, ended_ns = $8,
    span_count = $9, error_count = $10, model_calls = $11, input_tokens = $12, output_tokens = $13, cost_nanos = $14,
    unpriced_calls = $15, input = $16, output = $17, metadata = $18, head_rank = $19, input_rank = $20,
    output_rank = $21, word_parts = $22
where no = $1
"""

COLUMNS = """
no, id, organization_id, project_id, trace_id, source, name, filename, status, started_at, ended_at, duration_ms,
span_count, error_count, model_calls, input_tokens, output_tokens, cost_nanos, unpriced_calls, input, output, metadata,
created_at, updated_at
"""

_SPAN_COLUMNS = "no, span_id, parent_id, kind, name, status, started_ns, ended_ns, model, input_tokens, output_tokens"

_EXPIRED = """
select no from traces where project_id = $1 and id < $2 and updated_at < $3 order by id limit $4
"""


@dataclass(frozen=True, slots=True)
class NewTrace:
    """Where spans belong: the trace with this sender's id, made under `id` when it is not there yet."""

    id: str
    tenant: Tenant
    trace_id: str
    source: str
    filename: str | None
    data: bytes | None


@dataclass(frozen=True, slots=True)
class SpanRow:
    """One span as it is written. `body` and `original` are packed, `digest` has 64 bits, with a sign."""

    span_id: str
    parent_id: str | None
    kind: str
    name: str
    status: str
    started_ns: int
    ended_ns: int | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_nanos: int | None
    digest: int
    body: bytes
    original: bytes | None


@dataclass(slots=True)
class Rollup:
    """What the spans of a trace amount to so far. Times in nanoseconds, `metadata` as JSON text.

    The ranks tell how good the span is that gave the name, the input and the output: see `traces.rollups`.
    """

    name: str = ""
    status: str = "unset"
    started_ns: int = 0
    ended_ns: int | None = None
    span_count: int = 0
    error_count: int = 0
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0
    unpriced_calls: int = 0
    input: str | None = None
    output: str | None = None
    metadata: str = "{}"
    head_rank: int | None = None
    input_rank: int | None = None
    output_rank: int | None = None
    word_parts: int = 0


def trace_of(row: Any) -> Trace:
    """The trace of a row, without its `data`."""
    return Trace(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        no=row["no"],
        trace_id=row["trace_id"],
        source=row["source"],
        name=row["name"],
        filename=row["filename"],
        status=row["status"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        duration_ms=row["duration_ms"],
        span_count=row["span_count"],
        error_count=row["error_count"],
        model_calls=row["model_calls"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_nanos=row["cost_nanos"],
        unpriced_calls=row["unpriced_calls"],
        input=row["input"],
        output=row["output"],
        metadata=_object(row["metadata"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


# Coming in; each of these is a part of one transaction of `traces.ingestion`


def open_trace(trace: NewTrace, now: int) -> Transaction[tuple[int, str, Rollup]]:
    """Number, id and roll-up of a trace, made where it is not there; nobody else adds to it until the commit."""
    rows = yield (
        _OPEN,
        trace.id,
        trace.tenant.organization_id,
        trace.tenant.project_id,
        trace.trace_id,
        trace.source,
        trace.filename,
        trace.data,
        now,
    )
    row = rows[0]
    return row["no"], row["id"], Rollup(**{name: row[name] for name in Rollup.__slots__})


def digests(trace_no: int, span_ids: Sequence[str]) -> Transaction[dict[str, int]]:
    """Those of these spans that are there already."""
    known: dict[str, int] = {}
    for some in chunked(span_ids, _IDS_AT_ONCE):
        sql = f"select span_id, digest from spans where trace_no = $1 and span_id in ({placeholders(len(some), 2)})"
        rows = yield (sql, trace_no, *some)
        known |= {row["span_id"]: row["digest"] for row in rows}
    return known


def add_spans(trace_no: int, spans: Sequence[SpanRow]) -> Many:
    """Write spans that are not there yet."""
    return Many(
        _ADD_SPAN,
        [
            (
                trace_no,
                span.span_id,
                span.parent_id,
                span.kind,
                span.name,
                span.status,
                span.started_ns,
                span.ended_ns,
                span.model,
                span.input_tokens,
                span.output_tokens,
                span.cost_nanos,
                span.digest,
                span.body,
                span.original,
            )
            for span in spans
        ],
    )


def add_words(trace_no: int, part: int, project_id: str, words: str) -> Transaction[None]:
    """Let a trace be found by these words."""
    sql = "insert into trace_words (rowid, project, words) values ($1, $2, $3)"
    yield sql, trace_no * PARTS + part, project_id, words


def sum_up(trace_no: int, rollup: Rollup) -> Transaction[None]:
    """Write what the spans of a trace amount to."""
    started, ended = rollup.started_ns, rollup.ended_ns
    yield (
        _SUM_UP,
        trace_no,
        rollup.name,
        rollup.status,
        started // 1_000_000,
        None if ended is None else ended // 1_000_000,
        None if ended is None else (ended - started) / 1_000_000,
        started,
        ended,
        rollup.span_count,
        rollup.error_count,
        rollup.model_calls,
        rollup.input_tokens,
        rollup.output_tokens,
        rollup.cost_nanos,
        rollup.unpriced_calls,
        rollup.input,
        rollup.output,
        rollup.metadata,
        rollup.head_rank,
        rollup.input_rank,
        rollup.output_rank,
        rollup.word_parts,
    )


# Reading one


def find(tenant: Tenant, id_or_trace_id: str) -> Transaction[Trace | None]:
    """By its own id, else by the sender's; an id wins over another trace whose sender chose it."""
    rows = yield (
        f"select {COLUMNS} from traces where project_id = $1 and (id = $2 or trace_id = $2)"
        " order by case when id = $2 then 0 else 1 end limit 1",
        tenant.project_id,
        id_or_trace_id,
    )
    return trace_of(rows[0]) if rows else None


def data_of(trace: Trace) -> Transaction[bytes | None]:
    """The uploaded object of a trace, packed; None where there is none."""
    rows = yield "select data from traces where no = $1 and project_id = $2", trace.no, trace.tenant.project_id
    return rows[0]["data"] if rows else None


def spans_of(trace: Trace, after_no: int, limit: int) -> Transaction[list[Any]]:
    """Rows of spans in the order they came, with `body` (packed) and `cost_nanos`; without the originals."""
    return (
        yield (
            f"select {_SPAN_COLUMNS}, cost_nanos, body from spans"
            " where trace_no = (select no from traces where no = $1 and project_id = $2) and no > $3"
            " order by no limit $4",
            trace.no,
            trace.tenant.project_id,
            after_no,
            limit,
        )
    )


def span_of(trace: Trace, span_id: str) -> Transaction[Any | None]:
    """The row of one span with `body` and `original`, both packed; None where there is none."""
    rows = yield (
        f"select {_SPAN_COLUMNS}, cost_nanos, body, original from spans"
        " where trace_no = (select no from traces where no = $1 and project_id = $2) and span_id = $3",
        trace.no,
        trace.tenant.project_id,
        span_id,
    )
    return rows[0] if rows else None


def matching(project_id: str, text: str) -> str:
    """What `trace_words match` is to be for traces with every word of a text; one that ends in `*` may go on.

    Whole words are found at one cost. The beginning of a word costs more the more there is that begins so.
    """
    mine = f'project : "{project_id}"'
    # Signs alone are no words: they say nothing beside words, and alone they are found nowhere.
    # A zero byte would end the query for SQLite.
    given = text.replace("\0", " ").split()
    words = [_phrase(word) for word in given if any(map(str.isalnum, word))] or [_phrase(word) for word in given]
    return f"{mine} AND words : ({' AND '.join(words)})" if words else mine


# Going


def disown(trace: Trace) -> Transaction[bool]:
    """Hide a trace from everybody; `sweep` takes the rest away. False when it is not there any more."""
    rows = yield (
        "update traces set organization_id = '', project_id = '', trace_id = id"
        " where no = $1 and project_id = $2 returning no",
        trace.no,
        trace.tenant.project_id,
    )
    return bool(rows)


def disown_expired(project_id: str, before: int, before_id: str, limit: int) -> Transaction[int]:
    """The same for so many traces to which nothing has come since a moment, oldest first; returns how many."""
    rows = yield _EXPIRED, project_id, before_id, before, limit
    yield Many(
        "update traces set organization_id = '', project_id = '', trace_id = id where no = $1",
        [(row["no"],) for row in rows],
    )
    return len(rows)


def sweep(limit: int) -> Transaction[int]:
    """Remove so many spans of deleted traces, and at last the traces; returns how many rows. 0: nothing is left."""
    found = yield ("select no, word_parts from traces where project_id = '' order by id limit 1",)
    if not found:
        return 0
    no, parts = found[0]["no"], found[0]["word_parts"]
    rows = yield (
        "delete from spans where no in (select no from spans where trace_no = $1 limit $2) returning no",
        no,
        limit,
    )
    if len(rows) < limit:
        yield "delete from trace_words where rowid between $1 and $2", no * PARTS, no * PARTS + parts
        yield "delete from traces where no = $1 and project_id = ''", no
    return len(rows) + 1


def _phrase(word: str) -> str:
    whole = word.rstrip("*")
    return '"' + whole.replace('"', '""') + ('"*' if whole != word else '"')


def _object(text: str) -> JsonObject:
    value: JsonObject = loads(text)
    return value
