"""A span of OTLP as one of ours, whichever encoding it came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from penstock.traces.conventions import understood
from penstock.traces.model import (
    LATEST_NS,
    MAX_REQUEST_SPANS,
    MAX_RESOURCE_BYTES,
    MAX_SPAN_BYTES,
    ReceivedSpan,
    Span,
    SpanStatus,
)

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
_STATUSES: tuple[SpanStatus, ...] = ("unset", "ok", "error")


class Refused(Exception):
    """One span that is no span; the text says why."""


class Fields(NamedTuple):
    """A span as it came: ids in lower-case hexadecimal digits, times in nanoseconds since 1970, 0 where not said."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    started_ns: int
    ended_ns: int
    status: int
    status_message: str
    attributes: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    original: Any


def received(fields: Fields, resource: Mapping[str, Any]) -> ReceivedSpan:
    """Raises `Refused` for a span without ids, or of times that are none."""
    for what, found, size in (("trace", fields.trace_id, TRACE_ID_BYTES), ("span", fields.span_id, SPAN_ID_BYTES)):
        if len(found) != 2 * size or not found.strip("0"):
            raise Refused(f"span {fields.name[:100]!r} has no {what} id of {size} bytes: {found[:64]!r}")
    # One that never said when it began is a span all the same; its end is the best that is known.
    started = fields.started_ns or fields.ended_ns
    if not 0 <= started <= LATEST_NS or not 0 <= fields.ended_ns <= LATEST_NS:
        raise Refused(f"span {fields.name[:100]!r} has no times: {fields.started_ns} to {fields.ended_ns} ns")
    span = Span(
        span_id=fields.span_id,
        parent_id=fields.parent_id if fields.parent_id.strip("0") else None,
        name=fields.name,
        started_ns=started,
        ended_ns=fields.ended_ns or None,
        status=_STATUSES[fields.status] if 0 <= fields.status < len(_STATUSES) else "unset",
        status_message=fields.status_message or None,
        attributes=fields.attributes,
        events=fields.events,
        links=fields.links,
        original=fields.original,
        **understood(fields.name, fields.attributes, fields.events),
    )
    return ReceivedSpan(fields.trace_id, span, resource)


def too_large(original: bytes | msgspec.Raw) -> Refused | None:
    """Why a span cannot be kept, by its size alone: asked before the work of reading it."""
    if len(memoryview(original)) <= MAX_SPAN_BYTES:
        return None
    return Refused(f"a span is larger than {MAX_SPAN_BYTES:,} bytes, the most that one may have")


def with_scope(resource: Mapping[str, Any], name: str, version: str) -> Mapping[str, Any]:
    """A resource and the instrumentation, named as OpenTelemetry does where it has no scopes.

    What does not fit into `MAX_RESOURCE_BYTES` is left out.
    """
    scope = {"otel.scope.name": name, "otel.scope.version": version}
    kept: dict[str, Any] = {}
    left = MAX_RESOURCE_BYTES
    for attribute, value in {**resource, **{attribute: text for attribute, text in scope.items() if text}}.items():
        size = len(attribute) + len(msgspec.json.encode(value))
        if size <= left:
            kept[attribute] = value
            left -= size
    return kept


def check_count(spans: int) -> None:
    """Raises ValueError for more than one request may have."""
    if spans > MAX_REQUEST_SPANS:
        raise ValueError(f"it has {spans:,} spans, and one request may have {MAX_REQUEST_SPANS:,}")


def event(name: str, at_ns: int, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """An event of a span."""
    return {"name": name, "atNs": at_ns, "attributes": attributes}


def link(trace_id: str, span_id: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A link to a span, of this trace or another."""
    return {"traceId": trace_id, "spanId": span_id, "attributes": attributes}
