"""The path that OpenTelemetry's exporters post to, asked by the real exporter and by those who get it wrong."""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import format_span_id, format_trace_id

from penstock.settings import Limits
from penstock.storage import traces as sql
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.testing.model_server import ModelServer
from penstock.traces.model import Trace
from penstock.types import Tenant

from .conftest import ADMIN_KEY, Api, Running

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
PATH = "/v1/traces"


@pytest.fixture
async def store(server: Running) -> Any:
    """The server's own store, read beside it."""
    store = SqliteStore(server.process.data / "penstock.db", synchronous="NORMAL")
    yield store
    await store.close()


def provider(url: str, service: str, compression: Compression = Compression.Gzip) -> TracerProvider:
    made = TracerProvider(resource=Resource.create({"service.name": service}))
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url + PATH, headers=headers, compression=compression)))
    return made


def spans_json(*names: str, trace: str | None = None, **fields: Any) -> dict[str, Any]:
    trace_id = trace or uuid.uuid4().hex
    spans = [
        {"traceId": trace_id, "spanId": f"{n + 1:016x}", "name": name, "startTimeUnixNano": "1790000000000000000"}
        for n, name in enumerate(names)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, **fields} for span in spans]}]}]}


def spans_protobuf(count: int = 1) -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    trace_id = uuid.uuid4().bytes
    for n in range(count):
        spans.add(trace_id=trace_id, span_id=(n + 1).to_bytes(8, "big"), name=f"s{n}", start_time_unix_nano=n + 1)
    return request.SerializeToString()


async def kept(store: SqliteStore, trace_id: str) -> Trace:
    [row] = await store.read(rows_of("select project_id, organization_id from traces where trace_id = $1", trace_id))
    found = await store.read(sql.find(Tenant(row["organization_id"], row["project_id"]), trace_id))
    assert found is not None
    return found


@pytest.mark.parametrize("compression", list(Compression))
async def test_the_sdk_and_its_exporter_deliver(server: Running, store: SqliteStore, compression: Compression) -> None:
    traced = provider(server.url, "shop", compression)
    tracer = traced.get_tracer("mine", "1.2")
    with (
        tracer.start_as_current_span("root", attributes={"input": "hi", "session.id": "s-1"}) as root,
        tracer.start_as_current_span("inner", attributes={"numbers": [1, 2]}) as inner,
    ):
        inner.add_event("seen", {"n": 1})
    assert traced.force_flush()
    context = root.get_span_context()
    found = await kept(store, format_trace_id(context.trace_id))
    assert (found.name, found.source, found.input, found.span_count) == ("root", "shop", "hi", 2)
    assert found.metadata["session"] == "s-1"
    rows = await store.read(sql.spans_of(found, 0, 10))
    assert {row["name"]: row["parent_id"] for row in rows} == {"root": None, "inner": format_span_id(context.span_id)}
    traced.shutdown()


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


async def test_the_instrumentation_of_openai_is_understood(
    server: Running, store: SqliteStore, model: ModelServer
) -> None:
    traced = provider(server.url, "asker")
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=traced)
    try:
        with (
            traced.get_tracer("mine").start_as_current_span("root") as root,
            OpenAI(base_url=f"{model.url}/v1", api_key="unused") as client,
        ):
            said = client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "What is new?"}]
            )
    finally:
        instrumentor.uninstrument()
    assert traced.force_flush()
    traced.shutdown()
    found = await kept(store, format_trace_id(root.get_span_context().trace_id))
    assert (found.span_count, found.model_calls) == (2, 1)
    assert (found.input, found.output) == ("What is new?", said.choices[0].message.content)
    assert said.usage is not None
    assert (found.input_tokens, found.output_tokens) == (said.usage.prompt_tokens, said.usage.completion_tokens)


def test_both_encodings_are_answered_in_their_own(api: Api) -> None:
    in_json = api.post(PATH, json=spans_json("a"))
    assert (in_json.status_code, in_json.headers["content-type"], in_json.json()) == (200, JSON, {})
    in_protobuf = api.post(PATH, data=spans_protobuf(), headers={"Content-Type": PROTOBUF})
    assert (in_protobuf.status_code, in_protobuf.headers["content-type"]) == (200, PROTOBUF)
    assert not ExportTraceServiceResponse.FromString(in_protobuf.content).HasField("partial_success")


def test_a_body_may_come_in_chunks(api: Api) -> None:
    body = spans_protobuf(100)
    answer = api.post(PATH, data=iter([body[:50], body[50:]]), headers={"Content-Type": PROTOBUF})
    assert (answer.status_code, answer.content) == (200, b"")


def test_refused_spans_are_counted_and_named(api: Api) -> None:
    trace = uuid.uuid4().hex
    assert api.post(PATH, json=spans_json("first", trace=trace)).json() == {}
    assert api.post(PATH, json=spans_json("first", trace=trace)).json() == {}
    partial = api.post(PATH, json=spans_json("changed", "new", trace=trace)).json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "other content" in partial["errorMessage"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"\xff\xff\xff", {}, 400, "ExportTraceServiceRequest"),
        (b'{"resourceSpans": []}', {}, 400, "ExportTraceServiceRequest"),
        (b"\n\x7f", {}, 400, "ExportTraceServiceRequest"),
        (b"{", {"Content-Type": JSON}, 400, "ExportTraceServiceRequest"),
        (spans_protobuf(), {"Content-Encoding": "gzip"}, 400, "gzip"),
        (gzip.compress(spans_protobuf())[:-9], {"Content-Encoding": "gzip"}, 400, "gzip"),
        (spans_protobuf(), {"Content-Encoding": "deflate"}, 400, "deflate"),
        (gzip.compress(b"") + b"more", {"Content-Encoding": "gzip"}, 400, "gzip"),
        (gzip.compress(bytes(Limits().max_otlp_bytes + 1)), {"Content-Encoding": "gzip"}, 413, "decompressed"),
        (gzip.compress(gzip.compress(bytes(2**20))), {"Content-Encoding": "gzip"}, 400, "ExportTraceServiceRequest"),
        (gzip.compress(gzip.compress(b"")), {"Content-Encoding": "gzip, gzip"}, 415, "gzip"),
        (spans_protobuf(), {"Content-Encoding": "br"}, 415, "gzip"),
        (b"a", {"Content-Type": "text/plain"}, 415, "application/x-protobuf"),
        (spans_protobuf(), {"Authorization": "Bearer nobody"}, 401, "key"),
    ],
    # Of their own: bodies have random ids in them, and workers must agree on what there is to run.
    ids=[
        "no protobuf",
        "JSON that says it is protobuf",
        "truncated",
        "half JSON",
        "no gzip",
        "half a gzip stream",
        "no deflate",
        "more behind gzip",
        "a bomb",
        "a bomb in gzip",
        "gzip twice",
        "another compression",
        "another type",
        "an unknown key",
    ],
)
def test_what_cannot_be_read_is_refused_as_a_status(
    api: Api, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    given = {"Content-Type": PROTOBUF, **headers}
    answer = api.post(PATH, data=body, headers=given)
    assert answer.status_code == status
    if given["Content-Type"] == PROTOBUF:
        assert answer.headers["content-type"] == PROTOBUF
        message = Status.FromString(answer.content).message
    else:
        assert answer.headers["content-type"] == JSON
        message = answer.json()["message"]
    assert said in message


def test_a_key_needs_the_scope_and_has_its_limit(api: Api) -> None:
    reader = api.post("/keys", json={"name": "r", "scopes": ["traces:read"]}).json()["key"]
    refused = api.post(PATH, json=spans_json("a"), headers={"Authorization": f"Bearer {reader}"})
    assert (refused.status_code, refused.json()["code"]) == (403, 7)
    slow = {"name": "s", "scopes": ["traces:write"], "requestsPerMinute": 1}
    headers = {"Authorization": f"Bearer {api.post('/keys', json=slow).json()['key']}"}
    assert api.post(PATH, json=spans_json("a"), headers=headers).status_code == 200
    later = api.post(PATH, json=spans_json("a"), headers=headers)
    assert (later.status_code, later.json()["code"]) == (429, 8)
    assert int(later.headers["Retry-After"]) > 0


def test_an_attribute_of_5_mb_and_a_text_that_is_no_utf8(api: Api) -> None:
    value = {"key": "blob", "value": {"stringValue": "x" * (5 * 1024 * 1024)}}
    assert api.post(PATH, json=spans_json("large", attributes=[value])).json() == {}
    body = json.dumps(spans_json("good", "bad")).encode().replace(b'"bad"', b'"\xff"')
    partial = api.post(PATH, data=body, headers={"Content-Type": JSON}).json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"


async def test_ten_thousand_spans_in_one_request(api: Api, store: SqliteStore) -> None:
    body = spans_protobuf(10_000)
    trace_id = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans[0].trace_id.hex()
    headers = {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}
    assert api.post(PATH, data=gzip.compress(body), headers=headers).status_code == 200
    assert (await kept(store, trace_id)).span_count == 10_000


def test_circles_of_parents_have_an_end_in_tree_and_time_line(api: Api) -> None:
    trace = uuid.uuid4().hex
    body = spans_json("a", "b", "own", trace=trace)
    parents = {"a": f"{2:016x}", "b": f"{1:016x}", "own": f"{3:016x}"}
    for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        span["parentSpanId"] = parents[span["name"]]
    assert api.post(PATH, json=body).json() == {}
    tree = api.get(f"/traces/{trace}/tree").json()["data"]
    assert [(line["name"], line["depth"]) for line in tree] == [("a", 0), ("b", 1), ("own", 0)]
    assert len(api.get(f"/traces/{trace}/spans").json()["data"]) == 3


def test_numbers_that_json_has_not_come_back_as_texts(api: Api) -> None:
    request = ExportTraceServiceRequest.FromString(spans_protobuf())
    span = request.resource_spans[0].scope_spans[0].spans[0]
    for name, number in (("nan", float("nan")), ("llm.token_count.prompt", float("inf")), ("cost", float("nan"))):
        span.attributes.add(key=name).value.double_value = number
    assert api.post(PATH, data=request.SerializeToString(), headers={"Content-Type": PROTOBUF}).status_code == 200
    (found,) = api.get(f"/traces/{span.trace_id.hex()}/spans").json()["data"]
    assert (found["attributes"]["nan"], found["attributes"]["llm.token_count.prompt"]) == ("NaN", "Infinity")
    assert (found["inputTokens"], found["costUsd"]) == (None, None)


@pytest.mark.parametrize(("depth", "status"), [(100, 200), (100_000, 400)])
def test_values_may_be_nested_and_not_without_end(api: Api, depth: int, status: int) -> None:
    text = json.dumps(spans_json("deep", attributes=[{"key": "d", "value": "HERE"}]))
    value = '{"arrayValue":{"values":[' * depth + '{"stringValue":"x"}' + "]}}" * depth
    answer = api.post(PATH, data=text.replace('"HERE"', value), headers={"Content-Type": JSON})
    assert answer.status_code == status, answer.text[:500]
    assert "nested too deep" in answer.text if status == 400 else answer.json() == {}


def test_a_million_attributes_are_refused_with_their_span_alone(api: Api) -> None:
    request = ExportTraceServiceRequest.FromString(spans_protobuf(2))
    many, other = request.resource_spans[0].scope_spans[0].spans
    many.attributes.extend(KeyValue(key=f"key {n}") for n in range(1_000_000))
    answer = api.post(PATH, data=request.SerializeToString(), headers={"Content-Type": PROTOBUF})
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (partial.rejected_spans, "8,388,608 bytes" in partial.error_message) == (1, True)
    assert api.get(f"/traces/{other.trace_id.hex()}").json()["spanCount"] == 1
