"""Traces and spans as callers see them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec

from penstock.clock import iso
from penstock.models.usage import usd_from_nanos
from penstock.server.answers import maybe_iso
from penstock.traces.model import Span as KeptSpan
from penstock.traces.model import SpanKind, SpanStatus
from penstock.traces.model import Trace as KeptTrace
from penstock.traces.reading import Line, Share

_NS = 1_000_000_000


class Trace(msgspec.Struct, rename="camel"):
    """A trace and what its spans amount to so far. With `unpricedCalls`, the cost is a lower bound.

    `input` and `output` are the beginnings of what it was given and gave back, as text.
    """

    id: str
    trace_id: str
    source: str
    name: str
    filename: str | None
    status: SpanStatus
    started_at: str
    ended_at: str | None
    duration_ms: float | None
    span_count: int
    error_count: int
    model_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: str
    unpriced_calls: int
    input: str | None
    output: str | None
    metadata: dict[str, Any]
    created_at: str
    updated_at: str


class TraceShare(msgspec.Struct, rename="camel"):
    """What the spans of one kind, or the calls of one model, amount to. `busyMs` is the sum of their durations."""

    kind: SpanKind
    model: str | None
    spans: int
    errors: int
    busy_ms: float
    input_tokens: int
    output_tokens: int
    cost_usd: str
    unpriced_calls: int


class WholeTrace(Trace, rename="camel"):
    """A trace with its shares by kind and model, and the object that was uploaded, as it was; null where none was."""

    shares: list[TraceShare]
    data: Any


class TraceLine(msgspec.Struct, rename="camel"):
    """A span in the tree and on the time line. `offsetMs` counts from the trace's start; `depth` from its root."""

    span_id: str
    parent_id: str | None
    depth: int
    name: str
    kind: SpanKind
    status: SpanStatus
    offset_ms: float
    duration_ms: float | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: str | None


class TraceSpan(msgspec.Struct, rename="camel"):
    """A span, whole. `original` is what its sender sent, only with a single span: JSON, or
    `{"otlp": "<base64 of the message>"}`."""

    span_id: str
    parent_id: str | None
    name: str
    kind: SpanKind
    status: SpanStatus
    status_message: str | None
    started_at: str
    ended_at: str | None
    model: str | None
    provider: str | None
    input: Any
    output: Any
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cost_usd: str | None
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    original: Any = None


def summary_of(trace: KeptTrace) -> dict[str, Any]:
    """The members of a `Trace`, by their names here."""
    return {
        "id": trace.id,
        "trace_id": trace.trace_id,
        "source": trace.source,
        "name": trace.name,
        "filename": trace.filename,
        "status": trace.status,
        "started_at": iso(trace.started_at),
        "ended_at": maybe_iso(trace.ended_at),
        "duration_ms": trace.duration_ms,
        "span_count": trace.span_count,
        "error_count": trace.error_count,
        "model_calls": trace.model_calls,
        "input_tokens": trace.input_tokens,
        "output_tokens": trace.output_tokens,
        "cost_usd": usd_from_nanos(trace.cost_nanos),
        "unpriced_calls": trace.unpriced_calls,
        "input": trace.input,
        "output": trace.output,
        "metadata": dict(trace.metadata),
        "created_at": iso(trace.created_at),
        "updated_at": iso(trace.updated_at),
    }


def shown(trace: KeptTrace) -> Trace:
    """A trace in a list."""
    return Trace(**summary_of(trace))


def shown_whole(trace: KeptTrace, shares: list[Share]) -> WholeTrace:
    """A trace by itself."""
    return WholeTrace(**summary_of(trace), shares=[_share(share) for share in shares], data=trace.data)


def shown_line(line: Line) -> TraceLine:
    """A span in the tree."""
    return TraceLine(
        span_id=line.span_id,
        parent_id=line.parent_id,
        depth=line.depth,
        name=line.name,
        kind=line.kind,
        status=line.status,
        offset_ms=line.offset_ms,
        duration_ms=line.duration_ms,
        model=line.model,
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
        cost_usd=_usd(line.cost_nanos),
    )


def shown_span(span: KeptSpan) -> TraceSpan:
    """A span, whole. Its times have nine places: they are measured in nanoseconds."""
    original = span.original
    if isinstance(original, bytes):
        original = {"otlp": base64.b64encode(original).decode()}
    return TraceSpan(
        span_id=span.span_id,
        parent_id=span.parent_id,
        name=span.name,
        kind=span.kind,
        status=span.status,
        status_message=span.status_message,
        started_at=iso_ns(span.started_ns),
        ended_at=None if span.ended_ns is None else iso_ns(span.ended_ns),
        model=span.model,
        provider=span.provider,
        input=span.input,
        output=span.output,
        input_tokens=span.input_tokens,
        output_tokens=span.output_tokens,
        cached_tokens=span.cached_tokens,
        cost_usd=span.cost_usd,
        attributes=span.attributes,
        resource=span.resource,
        events=span.events,
        links=span.links,
        original=original,
    )


def iso_ns(moment_ns: int) -> str:
    """A time in ISO 8601 with nanoseconds."""
    seconds, rest = divmod(moment_ns, _NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _share(share: Share) -> TraceShare:
    return TraceShare(
        kind=share.kind,
        model=share.model,
        spans=share.spans,
        errors=share.errors,
        busy_ms=share.busy_ms,
        input_tokens=share.input_tokens,
        output_tokens=share.output_tokens,
        cost_usd=usd_from_nanos(share.cost_nanos),
        unpriced_calls=share.unpriced,
    )


def _usd(nanos: int | None) -> str | None:
    return None if nanos is None else usd_from_nanos(nanos)
