"""What spans cost: as their senders say, else from the table of prices by the name of the model."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from penstock.models.prices import Price, Prices
from penstock.models.providers.base import Tokens
from penstock.models.usage import nanos_from_usd
from penstock.traces.model import ReceivedSpan, Span
from penstock.traces.rollups import MODEL_CALLS

_MAX_USD = Decimal(100_000)
_MAX_TOKENS = 10**12
_MAX_NANOS = 10**14


async def costs_of(prices: Prices, spans: Sequence[ReceivedSpan]) -> list[int | None]:
    """Nano-dollars of each span; None where nobody knows, or where it is no call of a model."""
    asked = {(s.span.provider, s.span.model) for s in spans if s.span.model and _counts(s.span)}
    table = {(provider, model): await prices.named(provider, model) for provider, model in asked if model}
    return [_cost(received.span, table) for received in spans]


def _counts(span: Span) -> bool:
    return span.kind in MODEL_CALLS and span.cost_usd is None and span.input_tokens is not None


def _cost(span: Span, table: dict[tuple[str | None, str], Price | None]) -> int | None:
    if span.cost_usd is not None:
        return _stated(span.cost_usd)
    if not _counts(span):
        return None
    price = table.get((span.provider, span.model or ""))
    return None if price is None else min(price.nanos(_tokens(span)), _MAX_NANOS)


def _tokens(span: Span) -> Tokens:
    """With the parts of the input no larger than the whole: some senders count them beside it."""
    given = min(max(0, span.input_tokens or 0), _MAX_TOKENS)
    cached = min(max(0, span.cached_tokens or 0), given)
    written = min(max(0, span.cache_write_tokens or 0), given - cached)
    return Tokens(given, min(max(0, span.output_tokens or 0), _MAX_TOKENS), cached, written)


def _stated(text: str) -> int | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return nanos_from_usd(amount) if amount.is_finite() and 0 <= amount <= _MAX_USD else None
