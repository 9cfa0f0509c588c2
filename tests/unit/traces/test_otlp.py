"""Requests of OTLP in both encodings, to the letter, and what is wrong with others."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from penstock.traces.model import MAX_RESOURCE_BYTES, Span
from penstock.traces.otlp import NotReadable, accepted, fields, read_json, read_protobuf, refused
from penstock.traces.otlp.fields import with_scope

TRACE, ROOT, CHILD = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "eee19b7ec3c1b173"
# The shape of https://github.com/open-telemetry/opentelemetry-proto/blob/main/examples/trace.json
AS_JSON: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [
                {
                    "scope": {"name": "lib", "version": "1.0", "attributes": []},
                    "spans": [
                        {
                            "traceId": TRACE.upper(),
                            "spanId": CHILD,
                            "parentSpanId": ROOT,
                            "name": "ask",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": 2,
                            "unknownField": {"a": [1]},
                            "attributes": [
                                {"key": "s", "value": {"stringValue": "text"}},
                                {"key": "i", "value": {"intValue": "9007199254740993"}},
                                {"key": "d", "value": {"doubleValue": 0.5}},
                                {"key": "b", "value": {"boolValue": False}},
                                {"key": "raw", "value": {"bytesValue": "AAE="}},
                                {"key": "none", "value": {}},
                                {
                                    "key": "list",
                                    "value": {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "x"}]}},
                                },
                                {
                                    "key": "map",
                                    "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "2"}}]}},
                                },
                            ],
                            "events": [{"name": "e", "timeUnixNano": "1544712660500000000", "attributes": []}],
                            "links": [{"traceId": TRACE, "spanId": ROOT}],
                            "status": {"code": 2, "message": "broke"},
                        }
                    ],
                }
            ],
        }
    ]
}


def as_protobuf() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name, of_scope.scope.version = "lib", "1.0"
    span = of_scope.spans.add(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(CHILD),
        parent_span_id=bytes.fromhex(ROOT),
        name="ask",
        start_time_unix_nano=1544712660000000000,
        end_time_unix_nano=1544712661000000000,
    )
    span.attributes.add(key="s").value.string_value = "text"
    span.attributes.add(key="i").value.int_value = 9007199254740993
    span.attributes.add(key="d").value.double_value = 0.5
    span.attributes.add(key="b").value.bool_value = False
    span.attributes.add(key="raw").value.bytes_value = b"\0\1"
    span.attributes.add(key="none")
    values = span.attributes.add(key="list").value.array_value.values
    values.add(int_value=1)
    values.add(string_value="x")
    span.attributes.add(key="map").value.kvlist_value.values.add(key="k").value.int_value = 2
    span.events.add(name="e", time_unix_nano=1544712660500000000)
    span.links.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(ROOT))
    span.status.code, span.status.message = 2, "broke"
    return request


def without_original(span: Span) -> Span:
    return msgspec.structs.replace(span, original=None)


def json_with(**fields: Any) -> bytes:
    span = {"traceId": TRACE, "spanId": CHILD, "name": "n", "startTimeUnixNano": "5", **fields}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def test_both_encodings_mean_the_same() -> None:
    [mine] = read_json(json.dumps(AS_JSON).encode()).spans
    [theirs] = read_protobuf(as_protobuf().SerializeToString()).spans
    assert mine.trace_id == theirs.trace_id == TRACE
    assert mine.resource == {"service.name": "shop", "otel.scope.name": "lib", "otel.scope.version": "1.0"}
    assert mine.resource == theirs.resource
    assert without_original(mine.span) == without_original(theirs.span)
    span = mine.span
    assert (span.span_id, span.parent_id, span.status, span.status_message) == (CHILD, ROOT, "error", "broke")
    assert span.ended_ns == span.started_ns + 10**9
    assert span.attributes == {
        "s": "text",
        "i": 9007199254740993,
        "d": 0.5,
        "b": False,
        "raw": "AAE=",
        "none": None,
        "list": [1, "x"],
        "map": {"k": 2},
    }
    assert span.events == [{"name": "e", "atNs": 1544712660500000000, "attributes": {}}]
    assert span.links == [{"traceId": TRACE, "spanId": ROOT, "attributes": {}}]


def test_originals_are_kept_to_the_letter() -> None:
    [mine] = read_json(json.dumps(AS_JSON).encode()).spans
    assert json.loads(bytes(mine.span.original)) == AS_JSON["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    sent = as_protobuf()
    [theirs] = read_protobuf(sent.SerializeToString()).spans
    assert OtlpSpan.FromString(theirs.span.original) == sent.resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"traceId": "00" * 16}, "no trace id"),
        ({"spanId": ""}, "no span id"),
        ({"traceId": "W47/94gDgQPSabYzgT/GDA=="}, "32 hexadecimal digits"),
        ({"spanId": "ab"}, "16 hexadecimal digits"),
        ({"startTimeUnixNano": "soon"}, "invalid literal"),
        ({"startTimeUnixNano": "18446744073709551615"}, "no times"),
        ({"startTimeUnixNano": -5}, "no times"),
        ({"name": 7}, "Expected `str`"),
        ({"attributes": {"a": 1}}, "Expected `array"),
    ],
)
def test_one_bad_span_is_named_and_the_others_stay(fields: dict[str, Any], said: str) -> None:
    body = json.loads(json_with(**fields))
    good = json.loads(json_with())["resourceSpans"][0]
    body["resourceSpans"].append(good)
    request = read_json(json.dumps(body).encode())
    assert [received.span.name for received in request.spans] == ["n"]
    assert len(request.refused) == 1
    assert said in request.refused[0]


def test_a_text_that_is_not_utf8_spoils_its_span_alone_in_json() -> None:
    body = json_with().replace(b'"n"', b'"\xff"')
    both = json_with()[:-2] + b"," + body.removeprefix(b'{"resourceSpans": [')
    request = read_json(both)
    assert (len(request.spans), len(request.refused)) == (1, 1)


def test_ids_of_another_length_are_refused_in_protobuf_too() -> None:
    sent = as_protobuf()
    sent.resource_spans[0].scope_spans[0].spans[0].trace_id = b"short"
    assert "no trace id of 16 bytes" in read_protobuf(sent.SerializeToString()).refused[0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"resourceSpans": 7}',
        b'{"resourceSpans": [',
        b'{"resourceSpans":' + b"[" * 100_000,
    ],
)
def test_what_is_no_request_as_a_whole_is_refused_in_json(body: bytes) -> None:
    with pytest.raises(NotReadable):
        read_json(body)


def test_what_is_no_request_as_a_whole_is_refused_in_protobuf() -> None:
    whole = as_protobuf().SerializeToString()
    bad_text = whole.replace(b"text", b"te\xff\xfe")
    for body in (whole[:-3], b'{"resourceSpans": []}', bad_text):
        with pytest.raises(NotReadable):
            read_protobuf(body)
    assert read_protobuf(b"").spans == []


def test_numbers_that_json_has_not_are_kept() -> None:
    value = {"key": "d", "value": {"doubleValue": "NaN"}}
    assert read_json(json_with(attributes=[value])).spans[0].span.attributes == {"d": "NaN"}


@pytest.mark.parametrize(("number", "text"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_numbers_that_json_has_not_are_the_same_texts_in_protobuf(number: float, text: str) -> None:
    request = as_protobuf()
    value = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="odd").value
    value.array_value.values.add().double_value = number
    [received] = read_protobuf(request.SerializeToString()).spans
    assert received.span.attributes["odd"] == [text]


def test_a_span_without_a_beginning_takes_its_end() -> None:
    [received] = read_json(json_with(startTimeUnixNano=0, endTimeUnixNano="9")).spans
    assert (received.span.started_ns, received.span.ended_ns) == (9, 9)


def test_a_request_has_so_many_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MAX_REQUEST_SPANS", 0)
    for read, body in ((read_json, json_with()), (read_protobuf, as_protobuf().SerializeToString())):
        with pytest.raises(NotReadable, match="it has 1 spans"):
            read(body)


def test_what_a_sender_says_of_itself_has_a_size_since_each_span_keeps_it() -> None:
    long = "x" * MAX_RESOURCE_BYTES
    kept = with_scope({"service.name": "shop", "process.command_line": long, "host.name": "h"}, "lib", "")
    assert kept == {"service.name": "shop", "host.name": "h", "otel.scope.name": "lib"}


def test_answers_are_messages_of_both_encodings() -> None:
    reasons = [f"reason {n}" for n in range(7)]
    as_json = json.loads(accepted(reasons, as_json=True))["partialSuccess"]
    assert as_json["rejectedSpans"] == "7"
    assert as_json["errorMessage"].endswith("reason 4; and 2 more")
    message = ExportTraceServiceResponse.FromString(accepted(reasons, as_json=False)).partial_success
    assert (message.rejected_spans, message.error_message) == (7, as_json["errorMessage"])
    assert (accepted([], as_json=True), accepted([], as_json=False)) == (b"{}", b"")


@pytest.mark.parametrize("text", ["short", "ü" * 500, ""])
def test_refusals_are_a_status_of_google_rpc(text: str) -> None:
    status = Status.FromString(refused(3, text, as_json=False))
    assert (status.code, status.message) == (3, text)
    assert json.loads(refused(3, text, as_json=True)) == {"code": 3, "message": text}
