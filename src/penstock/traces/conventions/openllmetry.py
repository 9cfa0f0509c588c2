"""What OpenLLMetry says beside `gen_ai.*`: `traceloop.span.kind`, and the input and output of workflows and tools.

https://www.traceloop.com/docs/openllmetry/contributing/semantic-conventions
"""

from __future__ import annotations

from penstock.traces.conventions.base import Convention, count, text, value, word

_KINDS = {"workflow": "chain", "task": "chain", "agent": "agent", "tool": "tool"}
_REQUESTS = {"chat": "llm", "completion": "llm", "embedding": "embedding", "rerank": "retrieval"}

OPENLLMETRY = Convention(
    prefixes=frozenset({"traceloop", "llm"}),
    fields={
        "kind": [word("llm.request.type", _REQUESTS), word("traceloop.span.kind", _KINDS)],
        "model": [text("llm.response.model", "llm.request.model")],
        "provider": [text("llm.vendor")],
        "input": [value("traceloop.entity.input")],
        "output": [value("traceloop.entity.output")],
        "input_tokens": [count("llm.usage.prompt_tokens")],
        "output_tokens": [count("llm.usage.completion_tokens")],
        "cached_tokens": [count("llm.usage.cache_read_input_tokens")],
    },
)
