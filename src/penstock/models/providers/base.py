"""What a provider is: one class that turns a request into an answer, for one wire protocol.

A provider knows nothing of tenants, limits, retries, prices or schemas' validation: the gateway wraps those around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from penstock.models.wire import ModelRequest
from penstock.types import Json


@dataclass(frozen=True, slots=True)
class Pricing:
    """Prices a user gives for a model: US dollars per million tokens, as decimal strings."""

    input_per_million_usd: str
    output_per_million_usd: str
    cached_input_per_million_usd: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one model is reached, with which key. `model` is the provider's own name of it.

    `defaults` are parameters for every call, where the call itself says nothing else, and `operator_pays` says that the
    key is the operator's, or that the server is. These do not tell two endpoints apart: the provider limits both
    together.
    """

    provider: str
    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    pricing: Pricing | None = None
    defaults: Mapping[str, Json] = field(default_factory=dict, compare=False)
    operator_pays: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """`provider/model`, whatever people have saved it as."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one call consumed. `cached` and `cache_write` are parts of `input`, not additions to it."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """One answered call.

    `finish_reason` is `stop`, `length` or `content_filter` where the provider's own word means one of these, else the
    provider's word. When a schema was asked for, `text` is JSON (or what the model gave in its place).
    """

    text: str
    tokens: Tokens
    finish_reason: str | None = None
    request_id: str | None = None
    first_token_ms: float | None = None
    scripted: bool = False


class Provider(Protocol):
    """One wire protocol."""

    async def complete(self, endpoint: Endpoint, request: ModelRequest) -> ProviderAnswer:
        """One call. Raises `StepError` with one of the gateway's codes."""
        ...

    async def close(self) -> None:
        """Let go of what the provider holds."""
        ...
