"""Google's Gemini: generateContent.

Protocol: https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from penstock.models.providers.base import Endpoint, ProviderAnswer, Tokens
from penstock.models.providers.http import bad_answer, decode, post
from penstock.models.providers.images import inline
from penstock.models.wire import Message, ModelRequest
from penstock.net.client import GuardedClient, HttpResponse

_RENAMED = {"maxTokens": "maxOutputTokens", "stop": "stopSequences"}
_REFUSALS = frozenset({"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"})
_FINISH = {"STOP": "stop", "MAX_TOKENS": "length", **dict.fromkeys(_REFUSALS, "content_filter")}


class _Part(msgspec.Struct):
    text: str = ""
    thought: bool = False


class _Content(msgspec.Struct):
    parts: list[_Part] = []


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    candidates: list[_Candidate] = []
    usage_metadata: _Usage | None = None
    prompt_feedback: _Feedback | None = None
    response_id: str | None = None


_decoder = msgspec.json.Decoder(_Answer)


class Gemini:
    """generateContent."""

    def __init__(self, http: GuardedClient) -> None:
        self._http = http

    async def complete(self, endpoint: Endpoint, request: ModelRequest) -> ProviderAnswer:
        headers = {"x-goog-api-key": endpoint.api_key} if endpoint.api_key else {}
        path = f"/v1beta/models/{quote(endpoint.model, safe='')}:generateContent"
        body = await self._body(request)
        response = await post(self._http, endpoint, path, headers, body, request.timeout_seconds)
        return _read(endpoint, response)

    async def close(self) -> None:
        """Nothing is held: the HTTP client belongs to others."""

    async def _body(self, request: ModelRequest) -> dict[str, Any]:
        messages = [message for message in request.messages if message.role != "system"]
        body: dict[str, Any] = {"contents": [await self._content(message) for message in messages]}
        system = [{"text": message.text} for message in request.messages if message.role == "system"]
        if system:
            body["systemInstruction"] = {"parts": system}
        config = _config(request)
        if config:
            body["generationConfig"] = config
        return body

    async def _content(self, message: Message) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        for image in message.images:
            media_type, data = await inline(self._http, image)
            parts.append({"inlineData": {"mimeType": media_type, "data": data}})
        parts.append({"text": message.text})
        return {"role": "model" if message.role == "assistant" else "user", "parts": parts}


def _config(request: ModelRequest) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, value in request.params.items():
        if name == "stop" and isinstance(value, str):
            value = [value]
        config[_RENAMED.get(name, name)] = value
    if request.schema is not None:
        # `responseSchema` takes a dialect of OpenAPI and refuses much of JSON Schema; its newer sibling takes it as
        # it is, whatever its root.
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = request.schema
    return config


def _read(endpoint: Endpoint, response: HttpResponse) -> ProviderAnswer:
    answer = decode(_decoder, endpoint, response)
    if answer.candidates:
        candidate = answer.candidates[0]
        parts = candidate.content.parts if candidate.content else []
        text = "".join(part.text for part in parts if not part.thought)
        finish = candidate.finish_reason
    elif answer.prompt_feedback and answer.prompt_feedback.block_reason:
        text, finish = "", "SAFETY"
    else:
        raise bad_answer(endpoint, "its answer holds no candidate", response)
    return ProviderAnswer(
        text=text,
        tokens=_tokens(answer.usage_metadata),
        finish_reason=_FINISH.get(finish or "", finish),
        request_id=answer.response_id,
    )


def _tokens(usage: _Usage | None) -> Tokens:
    if usage is None:
        return Tokens()
    return Tokens(
        input=usage.prompt_token_count or 0,
        output=(usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        cached=usage.cached_content_token_count or 0,
    )
