"""Spans of an `ExportTraceServiceRequest` in protobuf."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from penstock.traces.otlp.fields import Fields, Refused, check_count, event, link, too_large, with_scope

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_NO_NUMBERS = {inf: "Infinity", -inf: "-Infinity"}
"""What JSON has no number for, as protobuf's JSON writes it: https://protobuf.dev/programming-guides/json/"""


def spans_of(body: bytes) -> Iterator[tuple[Fields | Refused, Mapping[str, Any]]]:
    """Each span with what is known of its sender, or why it is none. Raises ValueError for a body that is no such
    message."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    check_count(sum(len(of_scope.spans) for each in request.resource_spans for of_scope in each.scope_spans))
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            sender = with_scope(resource, of_scope.scope.name, of_scope.scope.version)
            for span in of_scope.spans:
                original = span.SerializeToString()
                yield too_large(original) or _fields(span, original), sender


def _fields(span: Span, original: bytes) -> Fields:
    return Fields(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        started_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        status=span.status.code,
        status_message=span.status.message,
        attributes=_attributes(span.attributes),
        events=[event(e.name, e.time_unix_nano, _attributes(e.attributes)) for e in span.events],
        links=[link(e.trace_id.hex(), e.span_id.hex(), _attributes(e.attributes)) for e in span.links],
        original=original,
    )


def _attributes(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "array_value":
        return [_value(entry) for entry in found.values]
    if kind == "kvlist_value":
        return {entry.key: _value(entry.value) for entry in found.values}
    if kind == "double_value" and not isfinite(found):
        return _NO_NUMBERS.get(found, "NaN")
    return b64encode(found).decode() if kind == "bytes_value" else found
