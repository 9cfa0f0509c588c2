"""The three protocols: what a call asks, and how an answer to it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from penstock.models.providers.scripted import count_tokens

_GEMINI = "/v1beta/models/"


@dataclass(slots=True)
class Asked:
    """What a call asks, whatever its protocol."""

    model: str
    last: str
    prompt_tokens: int
    schema: Any
    write: Callable[[Asked, str, str, int], bytes]


class _OpenAIRequest(msgspec.Struct):
    model: str
    messages: list[dict[str, Any]]
    response_format: dict[str, Any] | None = None


class _AnthropicRequest(msgspec.Struct):
    model: str
    messages: list[dict[str, Any]]
    system: Any = None
    tools: list[dict[str, Any]] | None = None


class _GeminiRequest(msgspec.Struct, rename="camel"):
    contents: list[dict[str, Any]]
    system_instruction: dict[str, Any] | None = None
    generation_config: dict[str, Any] = {}


_openai = msgspec.json.Decoder(_OpenAIRequest)
_anthropic = msgspec.json.Decoder(_AnthropicRequest)
_gemini = msgspec.json.Decoder(_GeminiRequest)
_encode = msgspec.json.Encoder().encode


def read_call(path: str, body: bytes) -> Asked | None:
    """The call, None when the path is no model's. Raises msgspec.DecodeError when the body is wrong."""
    if path.endswith("/chat/completions"):
        return _read_openai(body)
    if path.endswith("/v1/messages"):
        return _read_anthropic(body)
    if path.startswith(_GEMINI) and path.endswith(":generateContent"):
        return _read_gemini(unquote(path[len(_GEMINI) : -len(":generateContent")]), body)
    return None


def _read_openai(body: bytes) -> Asked:
    call = _openai.decode(body)
    texts = [_text(message.get("content")) for message in call.messages]
    wanted = (call.response_format or {}).get("json_schema") or {}
    return _asked(call.model, texts, wanted.get("schema"), _write_openai)


def _read_anthropic(body: bytes) -> Asked:
    call = _anthropic.decode(body)
    texts = [_text(call.system), *(_text(message.get("content")) for message in call.messages)]
    schema = call.tools[0]["input_schema"] if call.tools else None
    return _asked(call.model, texts, schema, _write_anthropic_tool if schema else _write_anthropic)


def _read_gemini(model: str, body: bytes) -> Asked:
    call = _gemini.decode(body)
    texts = [_text((call.system_instruction or {}).get("parts"))]
    texts += [_text(content.get("parts")) for content in call.contents]
    return _asked(model, texts, call.generation_config.get("responseJsonSchema"), _write_gemini)


def _asked(model: str, texts: list[str], schema: Any, write: Callable[[Asked, str, str, int], bytes]) -> Asked:
    return Asked(model, texts[-1] if texts else "", sum(map(count_tokens, texts)), schema, write)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _write_openai(asked: Asked, text: str, finish: str, number: int) -> bytes:
    written = count_tokens(text)
    return _encode(
        {
            "id": f"scripted-{number}",
            "object": "chat.completion",
            "model": asked.model,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish},
            ],
            "usage": {
                "prompt_tokens": asked.prompt_tokens,
                "completion_tokens": written,
                "total_tokens": asked.prompt_tokens + written,
            },
        }
    )


def _write_anthropic(asked: Asked, text: str, finish: str, number: int) -> bytes:
    return _anthropic_answer(asked, [{"type": "text", "text": text}], text, finish, number)


def _write_anthropic_tool(asked: Asked, text: str, finish: str, number: int) -> bytes:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return _write_anthropic(asked, text, finish, number)
    block = {"type": "tool_use", "id": f"use-{number}", "name": "answer", "input": value}
    return _anthropic_answer(asked, [block], text, "tool_use" if finish == "stop" else finish, number)


def _anthropic_answer(asked: Asked, blocks: list[dict[str, Any]], text: str, finish: str, number: int) -> bytes:
    reason = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}.get(finish, finish)
    return _encode(
        {
            "id": f"scripted-{number}",
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": blocks,
            "stop_reason": reason,
            "usage": {"input_tokens": asked.prompt_tokens, "output_tokens": count_tokens(text)},
        }
    )


def _write_gemini(asked: Asked, text: str, finish: str, number: int) -> bytes:
    reason = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}.get(finish, finish)
    return _encode(
        {
            "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": reason}],
            "usageMetadata": {"promptTokenCount": asked.prompt_tokens, "candidatesTokenCount": count_tokens(text)},
            "responseId": f"scripted-{number}",
        }
    )
