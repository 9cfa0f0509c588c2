"""Spans of an `ExportTraceServiceRequest` in OTLP's JSON.

It is protobuf's JSON with ids in hexadecimal digits, enumerations as numbers and 64-bit numbers as texts; what is not
known is passed over. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from penstock.traces.otlp.fields import (
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    Fields,
    Refused,
    check_count,
    event,
    link,
    too_large,
    with_scope,
)

_HEX = re.compile(r"[0-9a-f]*")


class _Any(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    array_value: _Values | None = None
    kvlist_value: _Members | None = None
    bytes_value: str | None = None


class _Values(msgspec.Struct):
    values: list[_Any] = []


class _Member(msgspec.Struct):
    key: str = ""
    value: _Any | None = None


class _Members(msgspec.Struct):
    values: list[_Member] = []


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Event(msgspec.Struct, rename="camel"):
    name: str = ""
    time_unix_nano: int | str = 0
    attributes: list[_Member] = []


class _Link(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    attributes: list[_Member] = []


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str | None = None
    name: str = ""
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    status: _Status | None = None
    attributes: list[_Member] | None = None
    events: list[_Event] | None = None
    links: list[_Link] | None = None


class _Scope(msgspec.Struct):
    name: str = ""
    version: str = ""


class _ScopeSpans(msgspec.Struct):
    scope: _Scope | None = None
    spans: list[msgspec.Raw] | None = None


class _Resource(msgspec.Struct):
    attributes: list[_Member] | None = None


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] | None = None


def spans_of(body: bytes) -> Iterator[tuple[Fields | Refused, Mapping[str, Any]]]:
    """Each span with what is known of its sender, or why it is none. Raises ValueError for a body that is no such
    request as a whole."""
    try:
        request = msgspec.json.decode(body, type=_Request)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None
    scopes = [scope for each in request.resource_spans or () for scope in each.scope_spans or ()]
    check_count(sum(len(scope.spans or ()) for scope in scopes))
    for of_resource in request.resource_spans or ():
        resource = _attributes((of_resource.resource or _Resource()).attributes)
        for of_scope in of_resource.scope_spans or ():
            scope = of_scope.scope or _Scope()
            sender = with_scope(resource, scope.name, scope.version)
            for raw in of_scope.spans or ():
                yield _fields_or_fault(raw), sender


def _fields_or_fault(raw: msgspec.Raw) -> Fields | Refused:
    try:
        return too_large(raw) or _fields(msgspec.json.decode(raw, type=_Span), raw.copy())
    except RecursionError:
        return Refused("a span is nested too deep")
    except (msgspec.DecodeError, ValueError) as error:
        return Refused(f"a span cannot be read: {error}")


def _fields(span: _Span, raw: msgspec.Raw) -> Fields:
    status = span.status or _Status()
    return Fields(
        trace_id=_id("traceId", span.trace_id, TRACE_ID_BYTES),
        span_id=_id("spanId", span.span_id, SPAN_ID_BYTES),
        parent_id=_id("parentSpanId", span.parent_span_id or "", SPAN_ID_BYTES),
        name=span.name,
        started_ns=_number(span.start_time_unix_nano),
        ended_ns=_number(span.end_time_unix_nano),
        status=status.code,
        status_message=status.message,
        attributes=_attributes(span.attributes),
        events=[event(e.name, _number(e.time_unix_nano), _attributes(e.attributes)) for e in span.events or ()],
        links=[link(e.trace_id, e.span_id, _attributes(e.attributes)) for e in span.links or ()],
        original=raw,
    )


def _id(name: str, text: str, size: int) -> str:
    found = text.lower()
    if not _HEX.fullmatch(found) or len(found) not in (0, 2 * size):
        raise ValueError(f"{name} must be {2 * size} hexadecimal digits, not {text[:100]!r}")
    return found


def _number(value: int | str) -> int:
    if isinstance(value, int):
        return value
    if len(value) > 20:
        raise ValueError(f"{value[:30]!r} is no 64-bit number")
    return int(value)


def _attributes(members: Iterable[_Member] | None) -> dict[str, Any]:
    return {member.key: _value(member.value) for member in members or ()}


def _value(value: _Any | None) -> Any:
    if value is None:
        return None
    if value.array_value is not None:
        return [_value(entry) for entry in value.array_value.values]
    if value.kvlist_value is not None:
        return {entry.key: _value(entry.value) for entry in value.kvlist_value.values}
    if value.int_value is not None:
        return _number(value.int_value)
    if value.double_value is not None:
        # As a text it is one that JSON has no number for, such as NaN.
        return value.double_value
    scalars = (value.string_value, value.bool_value, value.bytes_value)
    return next((found for found in scalars if found is not None), None)
