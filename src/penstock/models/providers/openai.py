"""Any endpoint that speaks OpenAI's chat completions: OpenAI, Azure, vLLM, Ollama, llama.cpp, OpenRouter, …

Protocol: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.models.providers.base import Endpoint, ProviderAnswer, Tokens
from penstock.models.providers.http import bad_answer, decode, post
from penstock.models.providers.schemas import as_object, is_strict, unwrapped
from penstock.models.wire import Message, ModelRequest
from penstock.net.client import GuardedClient, HttpResponse

_OPENAI = "https://api.openai.com"
_RENAMED = {"maxTokens": "max_tokens", "topP": "top_p"}


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice]
    id: str | None = None
    usage: _Usage | None = None


_decoder = msgspec.json.Decoder(_Answer)


class OpenAI:
    """Chat completions."""

    def __init__(self, http: GuardedClient) -> None:
        self._http = http

    async def complete(self, endpoint: Endpoint, request: ModelRequest) -> ProviderAnswer:
        headers = {"authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        body = request_body(endpoint, request)
        response = await post(self._http, endpoint, "/chat/completions", headers, body, request.timeout_seconds)
        return _read(endpoint, request, response)

    async def close(self) -> None:
        """Nothing is held: the HTTP client belongs to others."""


def request_body(endpoint: Endpoint, request: ModelRequest) -> dict[str, Any]:
    """The request as chat completions want it."""
    body: dict[str, Any] = {"model": endpoint.model, "messages": [_message(message) for message in request.messages]}
    for name, value in request.params.items():
        body[_RENAMED.get(name, name)] = value
    if "max_tokens" in body and endpoint.base_url.startswith(_OPENAI):
        # OpenAI's reasoning models refuse the old name, and all its models take the new one; other servers often
        # know the old one only.
        body["max_completion_tokens"] = body.pop("max_tokens")
    if request.schema is not None:
        schema = as_object(request.schema)
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": is_strict(schema)},
        }
    return body


def _message(message: Message) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}]
    parts += [{"type": "image_url", "image_url": {"url": image.url}} for image in message.images]
    return {"role": message.role, "content": parts}


def _read(endpoint: Endpoint, request: ModelRequest, response: HttpResponse) -> ProviderAnswer:
    answer = decode(_decoder, endpoint, response)
    if not answer.choices:
        raise bad_answer(endpoint, "its answer holds no choice", response)
    choice = answer.choices[0]
    finish = choice.finish_reason
    text = choice.message.content or ""
    if choice.message.refusal and not text:
        text, finish = choice.message.refusal, "content_filter"
    if request.schema is not None:
        text = unwrapped(text, request.schema)
    return ProviderAnswer(
        text=text,
        tokens=_tokens(answer.usage),
        finish_reason=finish,
        request_id=response.headers.get("x-request-id") or answer.id,
    )


def _tokens(usage: _Usage | None) -> Tokens:
    if usage is None:
        return Tokens()
    details = usage.prompt_tokens_details
    return Tokens(
        input=usage.prompt_tokens or 0,
        output=usage.completion_tokens or 0,
        cached=(details.cached_tokens or 0) if details else 0,
    )
