"""A small agent: it answers passengers of a ferry line, and leaves a trace of each answer.

It knows nothing of Penstock. It is an ordinary program with the `openai` package, instrumented with OpenTelemetry and
OpenInference, and told by the environment where its model is and where its traces go:

    export OPENAI_BASE_URL=…/v1 OPENAI_API_KEY=…
    export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:7788
    export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer psk_…"
    python examples/loop/agent.py examples/loop/cases.jsonl

It prints one line of JSON for each question: `{"case": …, "trace": …}`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SERVICE = "ferry-help"
MODEL = "ferry-agent"
SYSTEM = "You answer passengers of a ferry line in one or two sentences. Use what the rules say: {fact}"

tracer = trace.get_tracer("ferry-help")


def look_up(case: dict[str, Any]) -> str:
    """What the rules of the line say of a question."""
    attributes = {"openinference.span.kind": "TOOL", "input.value": case["question"]}
    with tracer.start_as_current_span("rules", attributes=attributes) as span:
        span.set_attribute("output.value", case["fact"])
        return str(case["fact"])


def answer(client: OpenAI, case: dict[str, Any]) -> str:
    """Answer one question; the id of the trace that tells how."""
    attributes = {"openinference.span.kind": "AGENT", "input.value": case["question"]}
    with tracer.start_as_current_span("ferry-help", attributes=attributes) as span:
        said = client.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "system", "content": SYSTEM.format(fact=look_up(case))},
                {"role": "user", "content": case["question"]},
            ],
        )
        span.set_attribute("output.value", said.choices[0].message.content or "")
        return trace.format_trace_id(span.get_span_context().trace_id)


def main() -> None:
    """Answer every question of a file, and wait until the traces have arrived."""
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with OpenAI() as client:
        for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            print(json.dumps({"case": case["case"], "trace": answer(client, case)}), flush=True)
    if not provider.force_flush():
        sys.exit("some traces have not arrived")
    provider.shutdown()


if __name__ == "__main__":
    main()
