"""A model call as every provider adapter sees it: one request type, one response type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from penstock.models.compute_units import Purpose
from penstock.types import Json, JsonObject

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a message: a `data:` URL or an https URL."""

    url: str


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One completion to ask for.

    `model` is `provider/name`. `params` holds `temperature`, `maxTokens`, `topP`, `seed`, `stop` and whatever else the
    provider knows, under the provider's own name. `schema` is a JSON Schema that the answer must fit. `purpose` is what
    it is counted as.
    """

    model: str
    messages: tuple[Message, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    schema: JsonObject | None = None
    timeout_seconds: float = 120.0
    purpose: Purpose = "inference"


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """What came back. `value` is the parsed answer when a schema was asked for, else the text.

    `model` is the name it was asked under. `price_source` and `price_date` say where its price came from and the day
    it was valid on; without a known price they are None. A `cached` one was kept from an earlier call: it cost nothing,
    and its latency says nothing.
    """

    text: str
    value: Json
    model: str
    finish_reason: str | None = None
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    request_id: str | None = None
    repaired: bool = False
    scripted: bool = False
    price_source: str | None = None
    price_date: str | None = None
    cached: bool = False
