"""What model calls consume: tokens, money and compute units, added up exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

NANOS_PER_USD = 1_000_000_000
MICROS_PER_ECU = 1_000_000


@dataclass(frozen=True, slots=True)
class Amounts:
    """So much of each thing that a budget can limit: nano-dollars, tokens, millionths of a compute unit."""

    nanos: int = 0
    tokens: int = 0
    ecu_micros: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.nanos + other.nanos, self.tokens + other.tokens, self.ecu_micros + other.ecu_micros)

    def __sub__(self, other: Amounts) -> Amounts:
        return Amounts(self.nanos - other.nanos, self.tokens - other.tokens, self.ecu_micros - other.ecu_micros)


NOTHING = Amounts()


@dataclass(slots=True)
class Usage:
    """What some model calls consumed. Money is whole nano-dollars (1e-9 USD), so sums are exact.

    `unpriced_calls` counts calls whose price nobody knows: with any, `cost_nanos` is a lower bound, and people are
    shown "unknown" rather than 0.
    """

    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_nanos: int = 0
    unpriced_calls: int = 0
    ecu_micros: int = 0

    @property
    def amounts(self) -> Amounts:
        """The same as a budget counts it."""
        return Amounts(self.cost_nanos, self.input_tokens + self.output_tokens, self.ecu_micros)

    def add(self, other: Usage) -> None:
        """Add another usage to this one, in place."""
        self.model_calls += other.model_calls
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cached_tokens += other.cached_tokens
        self.cost_nanos += other.cost_nanos
        self.unpriced_calls += other.unpriced_calls
        self.ecu_micros += other.ecu_micros


def total(usages: Iterable[Usage]) -> Usage:
    """The sum of some usages."""
    summed = Usage()
    for usage in usages:
        summed.add(usage)
    return summed


def nanos_from_usd(amount: Decimal) -> int:
    """Whole nano-dollars, rounded half up."""
    return int((amount * NANOS_PER_USD).to_integral_value(rounding="ROUND_HALF_UP"))


def usd_from_nanos(nanos: int) -> str:
    """Dollars as a decimal string with at least four places: `0.0012`, `0.000000020`."""
    amount = Decimal(nanos) / NANOS_PER_USD
    text = f"{amount:.9f}"
    return text[:-5] if text.endswith("00000") else text


def micros_from_ecu(amount: Decimal) -> int:
    """Whole millionths of a compute unit, rounded half up."""
    return int((amount * MICROS_PER_ECU).to_integral_value(rounding="ROUND_HALF_UP"))


def ecu_from_micros(micros: int) -> str:
    """Compute units as a decimal string with at least two places: `0.25`, `0.000400`."""
    text = f"{Decimal(micros) / MICROS_PER_ECU:.6f}"
    return text[:-4] if text.endswith("0000") else text
