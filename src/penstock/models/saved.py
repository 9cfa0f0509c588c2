"""A saved model: what is kept of it, what people see of it, and how it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.clock import iso
from penstock.models.parameters import merged
from penstock.models.providers.base import Pricing
from penstock.models.specification import ModelSpecification
from penstock.storage.models import ModelRecord
from penstock.types import Json, JsonObject

_HINT_CHARS = 4
_LEAST_CHARS = 16
"""Of a shorter key even the first characters would tell much."""


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A model a project has saved. Its key for the provider stays inside: people see its first characters at most.

    A `disabled` one was deleted while evaluations refer to it: it can be looked at, by its id, and no more.
    """

    id: str
    name: str
    provider: str
    base_url: str | None
    model_name: str
    has_api_key: bool
    pricing: JsonObject | None
    created_at: int
    updated_at: int
    key: str | None = None
    description: str | None = None
    max_tokens: int | None = None
    extra_payload: JsonObject | None = None
    api_key_hint: str | None = None
    disabled: bool = False

    def as_json(self) -> JsonObject:
        return {
            "id": self.id,
            "name": self.name,
            "key": self.key,
            "description": self.description,
            "provider": self.provider,
            "baseUrl": self.base_url,
            "modelName": self.model_name,
            "hasApiKey": self.has_api_key,
            "apiKeyHint": self.api_key_hint,
            "maxTokens": self.max_tokens,
            "extraPayload": self.extra_payload,
            "pricing": self.pricing,
            "disabled": self.disabled,
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.updated_at),
        }


def record_of(
    given: ModelSpecification, model_id: str, created_at: int, updated_at: int, *, encrypt: Callable[[str], str]
) -> ModelRecord:
    """What is kept of a specification."""
    pricing = given.pricing
    return ModelRecord(
        id=model_id,
        name=given.name,
        key=given.key,
        description=given.description,
        provider=given.provider,
        base_url=given.base_url,
        model_name=given.model_name,
        api_key_ciphertext=encrypt(given.api_key) if given.api_key else None,
        api_key_hint=_hint(given.api_key) if given.api_key else None,
        max_tokens=given.max_tokens,
        extra_payload=msgspec.json.encode(given.extra_payload).decode() if given.extra_payload else None,
        pricing=pricing.model_dump_json(by_alias=True, exclude_none=True) if pricing else None,
        disabled=0,
        created_at=created_at,
        updated_at=updated_at,
    )


def saved(record: ModelRecord) -> SavedModel:
    """What people see of a record."""
    return SavedModel(
        id=record.id,
        name=record.name,
        provider=record.provider,
        base_url=record.base_url,
        model_name=record.model_name,
        has_api_key=record.api_key_ciphertext is not None,
        pricing=_object(record.pricing),
        created_at=record.created_at,
        updated_at=record.updated_at,
        key=record.key,
        description=record.description,
        max_tokens=record.max_tokens,
        extra_payload=_object(record.extra_payload),
        api_key_hint=record.api_key_hint,
        disabled=bool(record.disabled),
    )


def specification_of(record: ModelRecord) -> ModelSpecification:
    """What a user would say to save this again; the key for the provider is left out."""
    return ModelSpecification.model_validate(
        {
            "name": record.name,
            "key": record.key,
            "description": record.description,
            "provider": record.provider,
            "baseUrl": record.base_url,
            "modelName": record.model_name,
            "maxTokens": record.max_tokens,
            "extraPayload": _object(record.extra_payload),
            "pricing": _object(record.pricing),
        }
    )


def pricing_of(record: ModelRecord) -> Pricing | None:
    """The user's own prices."""
    given = _object(record.pricing)
    if given is None:
        return None
    return Pricing(given["inputPerMillionUsd"], given["outputPerMillionUsd"], given.get("cachedInputPerMillionUsd"))


def defaults_of(record: ModelRecord) -> Mapping[str, Json]:
    """What is sent with every call that says nothing else."""
    limit: JsonObject = {} if record.max_tokens is None else {"maxTokens": record.max_tokens}
    return merged(_object(record.extra_payload) or {}, limit)


def _object(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


def _hint(api_key: str) -> str:
    return f"{api_key[:_HINT_CHARS]}…" if len(api_key) >= _LEAST_CHARS else "…"
