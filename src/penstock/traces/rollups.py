"""What the spans of a trace amount to, kept up as they come, in whatever order.

Counts, tokens and money are sums. Name, status, input and output are those of one span each, the best that has come:
a root (a span without a parent) before any other, of several the earliest; for the output the last to end. A rank is
a span's time in nanoseconds with `_ROOT` taken off, or for outputs added, where it is a root, so one number compares
both. A span beside the model calls of its children often repeats their tokens, so only model calls count.
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.storage.traces import Rollup, SpanRow
from penstock.traces.model import LATEST_NS, Span
from penstock.traces.text import text_of

MODEL_CALLS = frozenset({"llm", "embedding"})
SHOWN_CHARS = 2_000
MAX_NAME_CHARS = 500
_ROOT = LATEST_NS
_NOT_METADATA = ("otel.scope.", "telemetry.sdk.")
_OF_THE_TRACE = {
    "session.id": "session",
    "gen_ai.conversation.id": "session",
    "user.id": "user",
    "enduser.id": "user",
    "tag.tags": "tags",
    "metadata": "metadata",
}


def add(rollup: Rollup, row: SpanRow, span: Span) -> None:
    """Add one span that is new in its trace."""
    first = rollup.span_count == 0
    rollup.span_count += 1
    rollup.error_count += span.status == "error"
    rollup.started_ns = span.started_ns if first else min(rollup.started_ns, span.started_ns)
    if span.ended_ns is not None:
        rollup.ended_ns = max(rollup.ended_ns or 0, span.ended_ns)
    if span.kind in MODEL_CALLS:
        rollup.model_calls += 1
        rollup.input_tokens += row.input_tokens or 0
        rollup.output_tokens += row.output_tokens or 0
    _add_cost(rollup, row)
    _represent(rollup, span)


def _add_cost(rollup: Rollup, row: SpanRow) -> None:
    if row.kind not in MODEL_CALLS:
        return
    if row.cost_nanos is None:
        rollup.unpriced_calls += 1
    else:
        rollup.cost_nanos += row.cost_nanos


def _represent(rollup: Rollup, span: Span) -> None:
    root = span.parent_id is None
    rank = span.started_ns - _ROOT - 1 if root else span.started_ns
    if rollup.head_rank is None or rank < rollup.head_rank:
        rollup.head_rank = rank
        rollup.name = span.name[:MAX_NAME_CHARS].replace("\0", "\ufffd")
        rollup.metadata = msgspec.json.encode(_metadata(span)).decode()
        rollup.status = span.status
    # An error that was dealt with is no error of the whole; while there is no root, nobody can tell.
    if rollup.head_rank >= 0 and rollup.error_count:
        rollup.status = "error"
    if span.input is not None and (rollup.input_rank is None or rank < rollup.input_rank):
        rollup.input_rank, rollup.input = rank, text_of(span.input, SHOWN_CHARS, "user")
    last = (span.ended_ns or span.started_ns) + (_ROOT if root else 0)
    if span.output is not None and (rollup.output_rank is None or last > rollup.output_rank):
        rollup.output_rank, rollup.output = last, text_of(span.output, SHOWN_CHARS)


def _metadata(span: Span) -> dict[str, Any]:
    found = {name: value for name, value in span.resource.items() if not name.startswith(_NOT_METADATA)}
    for attribute, name in _OF_THE_TRACE.items():
        if attribute in span.attributes:
            found.setdefault(name, span.attributes[attribute])
    return found
