"""OpenTelemetry's `gen_ai.*`, in each form it has had.

Messages stand in `gen_ai.input.messages` and `gen_ai.output.messages` (since 1.37), before that in an event for each
message (`gen_ai.user.message`, `gen_ai.choice`), before that in two events with all of them, and in instrumentations
from before there was a convention as `gen_ai.prompt.0.role`.
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.traces.conventions.base import (
    Convention,
    Reader,
    Sent,
    count,
    events_named,
    money,
    numbered,
    parsed,
    text,
    value,
    word,
)

_OPERATIONS = {
    "chat": "llm",
    "text_completion": "llm",
    "generate_content": "llm",
    "embeddings": "embedding",
    "retrieval": "retrieval",
    "execute_tool": "tool",
    "create_agent": "agent",
    "invoke_agent": "agent",
    "invoke_workflow": "chain",
}
_GIVEN = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE = {"gen_ai.choice": "assistant"}
_DETAILS = "gen_ai.client.inference.operation.details"


def _messages(name: str, instructions: str | None = None) -> Reader:
    """Messages with parts, of the span or of the event that carries them for it."""

    def read(sent: Sent) -> list[Any] | None:
        for attributes in (sent.attributes, *(a for _, a in events_named(sent, {_DETAILS: ""}))):
            found = parsed(attributes.get(name))
            said = [_message(entry) for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
            system = parsed(attributes.get(instructions)) if instructions else None
            if isinstance(system, (list, str)) and system:
                parts = system if isinstance(system, list) else [{"type": "text", "content": system}]
                said.insert(0, _message({"role": "system", "parts": parts}))
            if said:
                return said
        return None

    return read


def _message(sent: Mapping[str, Any]) -> dict[str, Any]:
    """`{role, parts}` as `{role, content, tool_calls, …}`; parts that are no text stay parts."""
    message = {name: value for name, value in sent.items() if name != "parts"}
    parts = sent.get("parts")
    if not isinstance(parts, list):
        return message
    content: list[Any] = []
    calls: list[Any] = []
    for part in parts:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool_call":
            calls.append({name: part.get(name) for name in ("id", "name", "arguments")})
        elif kind == "tool_call_response":
            message["tool_call_id"] = part.get("id")
            content.append(part.get("response", part.get("result")))
        elif kind == "text":
            content.append(part.get("content"))
        else:
            content.append(part)
    texts = [entry for entry in content if isinstance(entry, str)]
    message["content"] = "\n".join(texts) if len(texts) == len(content) else content
    if calls:
        message["tool_calls"] = calls
    return message


def _events(names: Mapping[str, str]) -> Reader:
    """One message of each event; in `gen_ai.choice` it stands under `message`."""

    def read(sent: Sent) -> list[Any] | None:
        found = []
        for role, attributes in events_named(sent, names):
            said = {name: parsed(value) for name, value in attributes.items() if not name.startswith("gen_ai.")}
            inner = said.pop("message", None)
            found.append({"role": role, **said, **(inner if isinstance(inner, dict) else {})})
            if isinstance(inner, str):
                found[-1]["content"] = inner
        return found or None

    return read


def _old_event(event: str, attribute: str) -> Reader:
    def read(sent: Sent) -> Any:
        found = (parsed(attributes.get(attribute)) for _, attributes in events_named(sent, {event: ""}))
        return next((value for value in found if value), None)

    return read


def _flat(prefix: str) -> Reader:
    def read(sent: Sent) -> list[Any] | None:
        return [_plain(message) for message in numbered(sent.attributes, prefix)] or None

    return read


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    return {name: parsed(value) if name == "content" else value for name, value in message.items()}


GEN_AI = Convention(
    prefixes=frozenset({"gen_ai"}),
    fields={
        "kind": [word("gen_ai.operation.name", _OPERATIONS)],
        "model": [text("gen_ai.response.model", "gen_ai.request.model")],
        "provider": [text("gen_ai.provider.name", "gen_ai.system")],
        "input": [
            _messages("gen_ai.input.messages", "gen_ai.system_instructions"),
            _events(_GIVEN),
            _old_event("gen_ai.content.prompt", "gen_ai.prompt"),
            _flat("gen_ai.prompt"),
            value("gen_ai.tool.call.arguments", "gen_ai.retrieval.query.text", "gen_ai.prompt"),
        ],
        "output": [
            _messages("gen_ai.output.messages"),
            _events(_CHOICE),
            _old_event("gen_ai.content.completion", "gen_ai.completion"),
            _flat("gen_ai.completion"),
            value("gen_ai.tool.call.result", "gen_ai.retrieval.documents", "gen_ai.completion"),
        ],
        "input_tokens": [count("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")],
        "output_tokens": [count("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")],
        "cached_tokens": [count("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens")],
        "cache_write_tokens": [
            count("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens")
        ],
        "cost_usd": [money("gen_ai.usage.cost", "operation.cost")],
    },
)
