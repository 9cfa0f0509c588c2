"""Requests of OTLP as a small agent's would be: a root, and in turn calls of a model (OpenInference) and steps."""

from __future__ import annotations

import random
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS_OF_A_TRACE = 8
_STARTED_NS = 1_790_000_000_000_000_000
_TEXT = "the refund was sent to your card on monday and takes three days please write again if it has not come"
WORDS = _TEXT.split()


@dataclass(frozen=True)
class Request:
    """The body, and the last trace in it."""

    body: bytes
    last_trace: str
    spans: int


def requests(count: int, traces: int, *, seed: int) -> list[Request]:
    """So many requests of so many traces, none of which is in another one."""
    draw = random.Random(seed)
    return [_request(draw, traces) for _ in range(count)]


def _request(draw: random.Random, traces: int) -> Request:
    message = ExportTraceServiceRequest()
    of_resource = message.resource_spans.add()
    of_resource.resource.attributes.add(key="service.name").value.string_value = "support"
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name = "benchmark"
    for _ in range(traces):
        trace_id = draw.randbytes(16)
        root = draw.randbytes(8)
        for n in range(SPANS_OF_A_TRACE):
            span = of_scope.spans.add(trace_id=trace_id, span_id=draw.randbytes(8) if n else root, name=f"step {n}")
            span.start_time_unix_nano = _STARTED_NS + n * 1_000_000
            span.end_time_unix_nano = span.start_time_unix_nano + 900_000
            if n:
                span.parent_span_id = root
            _describe(span, draw, calls_model=n % 2 == 1)
    return Request(message.SerializeToString(), trace_id.hex(), traces * SPANS_OF_A_TRACE)


def _describe(span: Span, draw: random.Random, *, calls_model: bool) -> None:
    asked, said = (" ".join(draw.choices(WORDS, k=count)) for count in (40, 30))
    texts = {"openinference.span.kind": "CHAIN", "input.value": asked, "output.value": said}
    numbers: dict[str, int] = {}
    if calls_model:
        texts = {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o-mini",
            "llm.provider": "openai",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": asked,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": said,
        }
        numbers = {"llm.token_count.prompt": 60, "llm.token_count.completion": 40}
    for name, text in texts.items():
        span.attributes.add(key=name).value.string_value = text
    for name, number in numbers.items():
        span.attributes.add(key=name).value.int_value = number
