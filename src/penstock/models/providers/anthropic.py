"""Anthropic's messages. Structured output is a tool the model is made to use: its input is the answer.

Protocol: https://docs.anthropic.com/en/api/messages
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.models.providers.base import Endpoint, ProviderAnswer, Tokens
from penstock.models.providers.http import decode, post
from penstock.models.providers.images import split_data_url
from penstock.models.providers.schemas import as_object, unwrapped
from penstock.models.wire import Image, Message, ModelRequest
from penstock.net.client import GuardedClient, HttpResponse

_VERSION = "2023-06-01"
_DEFAULT_MAX_TOKENS = 4096
_TOOL = "answer"
_RENAMED = {"maxTokens": "max_tokens", "topP": "top_p", "topK": "top_k", "stop": "stop_sequences"}
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",
    "max_tokens": "length",
    "refusal": "content_filter",
}


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    input: msgspec.Raw = msgspec.Raw(b"")


class _Answer(msgspec.Struct):
    content: list[_Block]
    id: str | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None


_decoder = msgspec.json.Decoder(_Answer)


class Anthropic:
    """Messages."""

    def __init__(self, http: GuardedClient) -> None:
        self._http = http

    async def complete(self, endpoint: Endpoint, request: ModelRequest) -> ProviderAnswer:
        headers = {"anthropic-version": _VERSION}
        if endpoint.api_key:
            headers["x-api-key"] = endpoint.api_key
        body = _body(endpoint, request)
        response = await post(self._http, endpoint, "/v1/messages", headers, body, request.timeout_seconds)
        return _read(endpoint, request, response)

    async def close(self) -> None:
        """Nothing is held: the HTTP client belongs to others."""


def _body(endpoint: Endpoint, request: ModelRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": endpoint.model,
        "max_tokens": _DEFAULT_MAX_TOKENS,
        "messages": [_message(message) for message in request.messages if message.role != "system"],
    }
    system = "\n\n".join(message.text for message in request.messages if message.role == "system")
    if system:
        body["system"] = system
    for name, value in request.params.items():
        if name == "seed":
            continue  # the protocol has none, and refuses what it does not know
        if name == "stop" and isinstance(value, str):
            value = [value]
        body[_RENAMED.get(name, name)] = value
    if request.schema is not None:
        body["tools"] = [{"name": _TOOL, "description": "Give the answer.", "input_schema": as_object(request.schema)}]
        body["tool_choice"] = {"type": "tool", "name": _TOOL}
    return body


def _message(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts = [_image(image) for image in message.images]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}


def _image(image: Image) -> dict[str, Any]:
    data = split_data_url(image.url)
    if data is None:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    return {"type": "image", "source": {"type": "base64", "media_type": data[0], "data": data[1]}}


def _read(endpoint: Endpoint, request: ModelRequest, response: HttpResponse) -> ProviderAnswer:
    answer = decode(_decoder, endpoint, response)
    text = "".join(block.text for block in answer.content if block.type == "text")
    if request.schema is not None:
        used = next((block for block in answer.content if block.type == "tool_use"), None)
        if used is not None:
            text = unwrapped(bytes(used.input).decode(), request.schema)
    return ProviderAnswer(
        text=text,
        tokens=_tokens(answer.usage),
        finish_reason=_FINISH.get(answer.stop_reason or "", answer.stop_reason),
        request_id=response.headers.get("request-id") or answer.id,
    )


def _tokens(usage: _Usage | None) -> Tokens:
    if usage is None:
        return Tokens()
    cached = usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    # Here, other than elsewhere, `input_tokens` leaves out what was read from and written to the cache.
    return Tokens(
        input=(usage.input_tokens or 0) + cached + written,
        output=usage.output_tokens or 0,
        cached=cached,
        cache_write=written,
    )
