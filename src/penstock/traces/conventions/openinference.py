"""OpenInference: `openinference.span.kind`, `llm.input_messages.0.message.role`, `input.value` and the like.

https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.traces.conventions.base import (
    Convention,
    Reader,
    Sent,
    count,
    money,
    numbered,
    parsed,
    text,
    value,
    word,
)

_KINDS = {
    "llm": "llm",
    "tool": "tool",
    "chain": "chain",
    "prompt": "chain",
    "retriever": "retrieval",
    "reranker": "retrieval",
    "embedding": "embedding",
    "agent": "agent",
    "guardrail": "judge",
    "evaluator": "judge",
    "decision": "llm",
}


def _messages(prefix: str) -> Reader:
    def read(sent: Sent) -> list[Any] | None:
        found = [_message(entry.get("message")) for entry in numbered(sent.attributes, prefix)]
        return [message for message in found if message] or None

    return read


def _message(sent: Any) -> dict[str, Any]:
    if not isinstance(sent, dict):
        return {}
    parts, calls = sent.get("contents"), sent.get("tool_calls")
    message = {name: value for name, value in sent.items() if name not in ("contents", "tool_calls")}
    if isinstance(parts, list):
        message["content"] = [_short(part.get("message_content"), "message_content.") for part in _objects(parts)]
    if isinstance(calls, list):
        message["tool_calls"] = [_call(call.get("tool_call")) for call in _objects(calls)]
    return message


def _call(sent: Any) -> Any:
    if not isinstance(sent, dict):
        return sent
    function = sent.get("function")
    named = function if isinstance(function, dict) else {}
    return {"id": sent.get("id"), "name": named.get("name"), "arguments": parsed(named.get("arguments"))}


def _short(part: Any, prefix: str) -> Any:
    if isinstance(part, dict):
        return {name.removeprefix(prefix): value for name, value in part.items()}
    return part


def _documents(sent: Sent) -> list[Any] | None:
    return [entry.get("document", entry) for entry in numbered(sent.attributes, "retrieval.documents")] or None


def _objects(entries: list[Any]) -> list[Mapping[str, Any]]:
    return [entry for entry in entries if isinstance(entry, dict)]


OPENINFERENCE = Convention(
    prefixes=frozenset({"openinference", "llm", "input", "output", "embedding", "retrieval", "tool"}),
    fields={
        "kind": [word("openinference.span.kind", _KINDS)],
        "model": [
            text(
                "llm.response.model_name",
                "llm.model_name",
                "llm.request.model_name",
                "embedding.model_name",
                "decision.model_name",
            )
        ],
        "provider": [text("llm.provider", "llm.system")],
        "input": [_messages("llm.input_messages"), value("input.value", "tool.parameters")],
        "output": [_messages("llm.output_messages"), value("output.value"), _documents],
        "input_tokens": [count("llm.token_count.prompt", "decision.token_count.input")],
        "output_tokens": [count("llm.token_count.completion", "decision.token_count.output")],
        "cached_tokens": [count("llm.token_count.prompt_details.cache_read")],
        "cache_write_tokens": [count("llm.token_count.prompt_details.cache_write")],
        "cost_usd": [money("llm.cost.total")],
    },
)
