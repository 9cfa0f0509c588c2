"""What a call costs: the user's own prices first, then the price table of the package `genai-prices`.

The table is 1.6 MB of Python and takes 0.2 s to import, so that happens in a thread, when a price is first asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, TypeAlias

from penstock.models.providers.base import Endpoint, Pricing, Tokens
from penstock.models.usage import nanos_from_usd

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

MILLION = 1_000_000
_FREE = frozenset({"local", "scripted"})
_MAX_NAME_CHARS = 200
_MAX_REMEMBERED = 10_000


_Key: TypeAlias = tuple[str, str | None, str, Pricing | None]
_Place: TypeAlias = tuple[str | None, str | None]
"""Where the table is asked: a provider's id, or the address it is called at; by the model alone with neither."""


class Price(Protocol):
    """The price of one model on one day. `source` says where it is from."""

    @property
    def source(self) -> str: ...

    @property
    def day(self) -> str: ...

    def nanos(self, tokens: Tokens) -> int:
        """What a call costs, in whole nano-dollars."""
        ...


@dataclass(frozen=True, slots=True)
class FreePrice:
    """A model that costs nothing to call."""

    source: str
    day: str

    def nanos(self, tokens: Tokens) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class FlatPrice:
    """Dollars per million tokens; a cached or newly cached token of the input has a rate of its own."""

    source: str
    day: str
    input: Decimal
    output: Decimal
    cached: Decimal
    cache_write: Decimal

    def nanos(self, tokens: Tokens) -> int:
        plain = max(0, tokens.input - tokens.cached - tokens.cache_write)
        amount = (
            plain * self.input
            + tokens.cached * self.cached
            + tokens.cache_write * self.cache_write
            + tokens.output * self.output
        )
        return nanos_from_usd(amount / MILLION)


@dataclass(frozen=True, slots=True)
class TablePrice:
    """A price that depends on the size of the call or the hour: worked out anew for each call (0.1 ms)."""

    source: str
    day: str
    model: ModelInfo
    provider: Provider

    def nanos(self, tokens: Tokens) -> int:
        from genai_prices import Usage

        usage = Usage(
            input_tokens=tokens.input,
            output_tokens=tokens.output,
            cache_read_tokens=tokens.cached,
            cache_write_tokens=tokens.cache_write,
        )
        return nanos_from_usd(self.model.calc_price(usage, self.provider).total_price)


class Prices:
    """Prices by endpoint, remembered for a day (UTC)."""

    def __init__(self) -> None:
        self._known: dict[_Key, Price | None] = {}
        self._day = date.min

    async def of(self, endpoint: Endpoint) -> Price | None:
        """The price of a model, None when nobody knows it."""
        key = (endpoint.provider, endpoint.base_url, endpoint.model, endpoint.pricing)
        return await self._remembered(key, lambda day: self._find(endpoint, day))

    async def named(self, provider: str | None, model: str) -> Price | None:
        """The price of a model that somebody else has called, by their name of its provider where the table has it,
        else by the model's alone. None when nobody knows it, or a name is too long to be one."""
        if len(model) > _MAX_NAME_CHARS or len(provider or "") > _MAX_NAME_CHARS:
            return None
        places: list[_Place] = [(provider, None)] if provider else []
        places.append((None, None))
        key = (provider or "", None, model, None)
        return await self._remembered(key, lambda day: asyncio.to_thread(_table_price, model, places, day))

    async def _remembered(self, key: _Key, find: Callable[[str], Awaitable[Price | None]]) -> Price | None:
        today = datetime.now(UTC).date()
        if today != self._day or len(self._known) > _MAX_REMEMBERED:
            self._known.clear()
            self._day = today
        try:
            return self._known[key]
        except KeyError:
            price = await find(today.isoformat())
            self._known[key] = price
            return price

    async def _find(self, endpoint: Endpoint, day: str) -> Price | None:
        if endpoint.pricing is not None:
            return _own_price(endpoint.pricing, day)
        if endpoint.provider in _FREE:
            return FreePrice(endpoint.provider, day)
        # The host that is called tells the provider: the same name has another price, or none, elsewhere.
        return await asyncio.to_thread(_table_price, endpoint.model, [(None, endpoint.base_url)], day)


def _own_price(pricing: Pricing, day: str) -> Price:
    rate = Decimal(pricing.input_per_million_usd)
    cached = pricing.cached_input_per_million_usd
    return FlatPrice(
        source="the saved model's pricing",
        day=day,
        input=rate,
        output=Decimal(pricing.output_per_million_usd),
        cached=rate if cached is None else Decimal(cached),
        cache_write=rate,
    )


def _table_price(name: str, places: Iterable[_Place], day: str) -> Price | None:
    """The price in the table at the first of these places that has the model."""
    from genai_prices import __version__, data_snapshot

    snapshot = data_snapshot.get_snapshot()
    for provider_id, url in places:
        try:
            provider, model = snapshot.find_provider_model(name, None, provider_id, url)
        except LookupError:
            continue
        source = f"genai-prices {__version__}"
        if isinstance(model.prices, list):
            return TablePrice(source, day, model, provider)
        return _flat(model.prices, source, day) or TablePrice(source, day, model, provider)
    return None


def _flat(prices: ModelPrice, source: str, day: str) -> FlatPrice | None:
    """The price as four rates, None when one of them is in tiers or a main one is missing."""
    rates = prices.__dict__
    plain, output = rates.get("input_mtok"), rates.get("output_mtok")
    cached, written = _given(rates.get("cache_read_mtok"), plain), _given(rates.get("cache_write_mtok"), plain)
    known = [rate for rate in (plain, output, cached, written) if isinstance(rate, Decimal)]
    return FlatPrice(source, day, *known) if len(known) == 4 else None


def _given(rate: object, otherwise: object) -> object:
    return otherwise if rate is None else rate
