"""A test provider: it plays back what its own name says, or what a scripted server answers, and says that it did.

    scripted/echo                 the last message
    scripted/fixed:<text>         the text
    scripted/delay:<ms>:<rest>    what <rest> gives, later
    scripted/fail:<status>        the failure of a provider that answers with this status
    scripted/<anything else>      a text that depends on the last message only

A name without a reply of its own (`scripted/anything`, `scripted/echo`) answers a schema with a small value that fits.
With `PENSTOCK_SCRIPTED_URL`, or as a saved model with a base URL, the same names are asked of a scripted server
(`python -m penstock.testing.model_server`) over HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import msgspec

from penstock.models.providers.base import Endpoint, ProviderAnswer, Tokens
from penstock.models.providers.http import status_error
from penstock.models.providers.openai import OpenAI
from penstock.models.providers.samples import sample
from penstock.models.wire import ModelRequest
from penstock.net.client import GuardedClient, HttpResponse
from penstock.types import JsonObject

_CHARS_PER_TOKEN = 4


def reply(model: str, last_message: str, schema: JsonObject | None) -> str:
    """What a scripted model says."""
    kind, _, rest = model.partition(":")
    if kind == "fixed":
        return rest
    if schema is not None:
        return msgspec.json.encode(sample(schema)).decode()
    if kind == "echo":
        return last_message
    return "scripted reply " + hashlib.sha256(last_message.encode()).hexdigest()[:8]


def count_tokens(text: str) -> int:
    """A stand-in for a tokenizer: one token for each four characters, at least one."""
    return max(1, len(text) // _CHARS_PER_TOKEN)


class Scripted:
    """Plays back in this process, or over HTTP where the endpoint has a base URL."""

    def __init__(self, http: GuardedClient) -> None:
        self._http = OpenAI(http)

    async def complete(self, endpoint: Endpoint, request: ModelRequest) -> ProviderAnswer:
        if endpoint.base_url:
            return replace(await self._http.complete(endpoint, request), scripted=True)
        model = endpoint.model
        while model.startswith("delay:"):
            milliseconds, _, model = model.removeprefix("delay:").partition(":")
            await asyncio.sleep(_number(milliseconds) / 1000)
        if model.startswith("fail:"):
            body = msgspec.json.encode({"error": {"message": "scripted failure"}})
            status = int(_number(model.removeprefix("fail:"))) or 500
            raise status_error(endpoint, HttpResponse(status=status, headers={}, body=body, url=""))
        text = reply(model, request.messages[-1].text, request.schema)
        asked = sum(count_tokens(message.text) for message in request.messages)
        return ProviderAnswer(text, Tokens(asked, count_tokens(text)), finish_reason="stop", scripted=True)

    async def close(self) -> None:
        """Nothing is held."""


def _number(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0
