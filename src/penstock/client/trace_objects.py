"""Traces as the server answers with them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from penstock.client.objects import Record

TraceFormat = Literal["jsonl", "parquet"]
SpanStatus = Literal["unset", "ok", "error"]


class TraceFilter(TypedDict, total=False):
    """Which traces, and in which order: names as on the wire, so that `from` stands in a dict.

    `search` finds words, `timeRange` is `45m`, `24h`, `7d`, `2w`; `from` and `to` are times in ISO 8601. With `judge`
    (id or name) and `outcome` (`pass`, `fail`), those of which it said so.
    """

    source: str
    status: SpanStatus
    name: str
    model: str
    judge: str
    outcome: Literal["pass", "fail"]
    search: str
    timeRange: str
    to: str
    minDurationMs: float
    maxDurationMs: float
    minCostUsd: str
    maxCostUsd: str
    sort: Literal["createdAt", "startedAt", "durationMs", "costUsd"]
    order: Literal["asc", "desc"]


class TraceUploadError(Record, frozen=True, kw_only=True):
    """A line that is no trace, or of which spans were refused, and why."""

    line: int
    message: str


class TraceUpload(Record, frozen=True, kw_only=True):
    """What came of an upload: ids in the order of the objects, and the lines that went wrong."""

    ids: tuple[str, ...]
    errors: tuple[TraceUploadError, ...] = ()
    new_spans: int = 0
    repeated_spans: int = 0


class TraceShare(Record, frozen=True, kw_only=True):
    """What the spans of one kind and model amount to. `busy_ms` is the sum of their durations."""

    kind: str
    model: str | None = None
    spans: int = 0
    errors: int = 0
    busy_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: str = "0.0000"
    unpriced_calls: int = 0


class Trace(Record, frozen=True, kw_only=True):
    """A trace and what its spans amount to so far; with `unpriced_calls`, the cost is a lower bound.

    `input` and `output` are their beginnings, as text. `shares` and `data`, the object that was uploaded, are there
    only with one trace.
    """

    id: str
    trace_id: str
    source: str
    name: str
    filename: str | None = None
    status: SpanStatus = "unset"
    started_at: datetime
    ended_at: datetime | None = None
    duration_ms: float | None = None
    span_count: int = 0
    error_count: int = 0
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: str = "0.0000"
    unpriced_calls: int = 0
    input: str | None = None
    output: str | None = None
    metadata: Mapping[str, Any] = {}
    created_at: datetime
    updated_at: datetime
    shares: tuple[TraceShare, ...] = ()
    data: Any = None


class TraceLine(Record, frozen=True, kw_only=True):
    """A span in the tree: `depth` counts from its root, `offset_ms` from the trace's start."""

    span_id: str
    parent_id: str | None = None
    depth: int = 0
    name: str
    kind: str = "other"
    status: SpanStatus = "unset"
    offset_ms: float = 0.0
    duration_ms: float | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: str | None = None


class TraceSpan(Record, frozen=True, kw_only=True):
    """A span, whole. Times have nanoseconds, so they are texts. `original` is there only with one span."""

    span_id: str
    parent_id: str | None = None
    name: str
    kind: str = "other"
    status: SpanStatus = "unset"
    status_message: str | None = None
    started_at: str
    ended_at: str | None = None
    model: str | None = None
    provider: str | None = None
    input: Any = None
    output: Any = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: str | None = None
    attributes: Mapping[str, Any] = {}
    resource: Mapping[str, Any] = {}
    events: tuple[Mapping[str, Any], ...] = ()
    links: tuple[Mapping[str, Any], ...] = ()
    original: Any = None


class TraceSources(Record, frozen=True, kw_only=True):
    """Where traces come from."""

    sources: tuple[str, ...]


class TracesDeleted(Record, frozen=True, kw_only=True):
    """How many traces were there to be deleted."""

    deleted: int
