"""What a trace is: a tree of spans, kept as it was sent beside what Penstock understands of it.

A trace is found by its own id (24 hexadecimal digits) or by the id its sender gave it. Spans come in any order, also
long after the first; what a trace amounts to (times, tokens, cost, status) is what its spans say so far.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from penstock.types import JsonObject, Tenant

SpanKind = Literal["llm", "tool", "retrieval", "embedding", "agent", "chain", "judge", "other"]
SpanStatus = Literal["unset", "ok", "error"]

MAX_SPANS = 50_000
"""Of one trace; later ones are refused, and said to be."""
MAX_SPAN_BYTES = 8 * 1024 * 1024
MAX_REQUEST_SPANS = 50_000
"""Of one request of OTLP."""
MAX_RESOURCE_BYTES = 8 * 1024
"""Of what a sender says of itself: each of its spans keeps a copy, so a small request could become a large one."""
MAX_ID_LENGTH = 200
LATEST_NS = 4_000_000_000_000_000_000
"""In the year 2096. What claims to be later carries no time; whatever is before, also in the future, is kept."""


class Span(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One piece of work. Times in nanoseconds since 1970, as senders measure them.

    `input` and `output` are what it was given and gave back: a text, messages `[{role, content, …}]`, or any JSON.
    `attributes` are the sender's own, untouched; `original` is the whole span as it was sent.
    """

    span_id: str
    parent_id: str | None = None
    name: str
    kind: SpanKind = "other"
    started_ns: int
    ended_ns: int | None = None
    status: SpanStatus = "unset"
    status_message: str | None = None
    model: str | None = None
    provider: str | None = None
    input: Any = None
    output: Any = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    """A part of `input_tokens`, as `cache_write_tokens` are."""
    cache_write_tokens: int | None = None
    cost_usd: str | None = None
    """As the sender says, a decimal; None where it does not."""
    attributes: dict[str, Any] = {}
    resource: dict[str, Any] = {}
    """Who sent it: `service.name` and the like, and the instrumentation as `otel.scope.name`."""
    events: list[dict[str, Any]] = []
    links: list[dict[str, Any]] = []
    original: Any = None
    """Bytes are a `Span` message of OTLP; else any JSON."""


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """A span with where it belongs: `trace_id` is the sender's. `resource` says who sent it (`service.name`, …)."""

    trace_id: str
    span: Span
    resource: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace and what its spans amount to. Times in milliseconds since 1970; money in nano-dollars."""

    id: str
    tenant: Tenant
    no: int
    trace_id: str
    source: str
    """Where it came from: `otlp`, `upload`, `sdk`, or the service's own name."""
    name: str
    filename: str | None
    status: SpanStatus
    started_at: int
    ended_at: int | None
    duration_ms: float | None
    span_count: int
    error_count: int
    model_calls: int
    input_tokens: int
    output_tokens: int
    cost_nanos: int
    unpriced_calls: int
    input: str | None
    """The beginning of what it was given, as text."""
    output: str | None
    metadata: JsonObject
    created_at: int
    updated_at: int
    data: Any = None
    """The object as it was uploaded, where it was; read only with one trace."""
