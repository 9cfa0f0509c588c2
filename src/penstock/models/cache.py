"""Answers kept so that the same question to the same model need not be paid for twice. Nobody gets one unasked."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.models.providers.base import Endpoint
from penstock.models.wire import ModelRequest, ModelResponse
from penstock.storage import model_cache as sql
from penstock.storage.store import Store
from penstock.types import Tenant

MAX_ANSWER_BYTES = 1024 * 1024
_DAY_MS = 86_400_000


class CachedAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of an answer: what it says, and nothing of what it took to get it."""

    text: str
    value: Any
    finish_reason: str | None = None
    repaired: bool = False
    scripted: bool = False

    @classmethod
    def of(cls, response: ModelResponse) -> CachedAnswer:
        return cls(response.text, response.value, response.finish_reason, response.repaired, response.scripted)

    def response(self, model: str) -> ModelResponse:
        """The answer as if `model` had just given it: marked `cached`, at no cost, in no time that means anything."""
        return ModelResponse(
            text=self.text,
            value=self.value,
            model=model,
            finish_reason=self.finish_reason,
            repaired=self.repaired,
            scripted=self.scripted,
            cached=True,
        )


def cache_key(endpoint: Endpoint, request: ModelRequest, epoch: int = 0) -> str:
    """What an answer is kept under: a hash of everything it depends on, 64 hex characters.

    That is the endpoint (provider, address, its name of the model, what is sent with every call), the messages, the
    parameters, the schema, and the number of the repeat: asked three times, a model must answer three times. The
    names under which people save the endpoint, and their keys, have no part in it.
    """
    parts = (
        (endpoint.provider, endpoint.base_url, endpoint.model, endpoint.defaults),
        [(message.role, message.text, [image.url for image in message.images]) for message in request.messages],
        request.params,
        request.schema,
        epoch,
    )
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()


class ModelCache:
    """The kept answers of every project. `days` is how long one is kept; 0: none is."""

    def __init__(self, store: Store, days: int) -> None:
        self._store = store
        self._days = days

    async def get(self, tenant: Tenant, key: str) -> CachedAnswer | None:
        """The answer that this project was given under a key of `cache_key`, if it is kept."""
        if self._days <= 0:
            return None
        kept = await self._store.read(sql.find(tenant.project_id, key, now_ms()))
        return None if kept is None else msgspec.json.decode(kept, type=CachedAnswer)

    async def put(self, tenant: Tenant, key: str, answer: CachedAnswer) -> None:
        """Keep an answer, in the place of an earlier one; one above 1 MiB is not kept."""
        kept = msgspec.json.encode(answer)
        if self._days > 0 and len(kept) <= MAX_ANSWER_BYTES:
            await self._store.write(sql.keep(tenant, key, kept.decode(), now_ms() + self._days * _DAY_MS))
