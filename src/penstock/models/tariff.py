"""What a call of one endpoint costs: in money as people are shown it, and in compute units."""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock.models.compute_units import Purpose, Rates
from penstock.models.prices import Price
from penstock.models.providers.base import Tokens

MOST_NANOS = 1_000_000_000_000
"""No call costs more; an endpoint that somebody has saved may say anything."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices of an endpoint, and the rates of whoever calls it. None is a price that nobody knows.

    `listed` is what the operator pays where `operator_pays`: a price that a project has written to a saved model is no
    reason to charge it less for the operator's key.
    """

    price: Price | None
    listed: Price | None
    operator_pays: bool
    rates: Rates

    def nanos(self, tokens: Tokens) -> int | None:
        """What a call costs, in whole nano-dollars."""
        return _nanos(self.price, tokens)

    def ecu_micros(self, purpose: Purpose, tokens: Tokens) -> int:
        """What it takes in millionths of a compute unit."""
        total, nanos = tokens.input + tokens.output, _nanos(self.listed, tokens)
        return self.rates.call(purpose, operator_pays=self.operator_pays, tokens=total, nanos=nanos)


def dearest(tokens: Tokens) -> tuple[Tokens, Tokens]:
    """The two ways in which so many tokens may cost most: all of the input plain, or all of it written to a cache."""
    return tokens, replace(tokens, cache_write=tokens.input)


def _nanos(price: Price | None, tokens: Tokens) -> int | None:
    return None if price is None else min(price.nanos(tokens), MOST_NANOS)
