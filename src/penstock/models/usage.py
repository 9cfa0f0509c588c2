"""What model calls consumed: tokens and money, added up exactly."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

NANOS_PER_USD = 1_000_000_000


@dataclass(slots=True)
class Usage:
    """Tokens and cost of some model calls. Money is whole nano-dollars (1e-9 USD), so sums are exact.

    `unpriced_calls` counts calls whose price nobody knows: with any, `cost_nanos` is a lower bound, and people are
    shown "unknown" rather than 0.
    """

    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_nanos: int = 0
    unpriced_calls: int = 0

    def add(self, other: Usage) -> None:
        """Add another usage to this one, in place."""
        self.model_calls += other.model_calls
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cached_tokens += other.cached_tokens
        self.cost_nanos += other.cost_nanos
        self.unpriced_calls += other.unpriced_calls


def nanos_from_usd(amount: Decimal) -> int:
    """Whole nano-dollars, rounded half up."""
    return int((amount * NANOS_PER_USD).to_integral_value(rounding="ROUND_HALF_UP"))


def usd_from_nanos(nanos: int) -> str:
    """Dollars as a decimal string with at least four places: `0.0012`, `0.000000020`."""
    amount = Decimal(nanos) / NANOS_PER_USD
    text = f"{amount:.9f}"
    return text[:-5] if text.endswith("00000") else text
