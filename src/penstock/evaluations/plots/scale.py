"""From numbers to pixels and to words."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MINUS = "−"


@dataclass(frozen=True, slots=True)
class Unit:
    """How a score is written: `factor` times the number, then `sign`."""

    factor: float
    sign: str
    axis: str
    """What stands below an axis."""

    def text(self, value: float, step: float, *, signed: bool = False) -> str:
        """With as many decimals as a step of the axis has."""
        scaled = value * self.factor
        decimals = max(0, -math.floor(math.log10(step * self.factor) + 1e-9))
        body = f"{abs(scaled):,.{decimals}f}"
        if not float(body.replace(",", "")):
            return body
        return f"{MINUS}{body}" if scaled < 0 else f"+{body}" if signed else body


PERCENT = Unit(100, "%", "%")
POINTS = Unit(100, "", "percentage points")
PLAIN = Unit(1, "", "")


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers from `low` to `high` on `width` pixels from `left` on; `step` lies between two ticks."""

    low: float
    high: float
    step: float
    left: float = 0.0
    width: float = 1.0

    def at(self, value: float) -> float:
        """The pixel of a number; of one beyond the ends, that of the end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.left + share * self.width

    @property
    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + number * self.step for number in range(count + 1)]


def scale(numbers: Iterable[float], *, within: tuple[float, float] | None = None) -> Scale:
    """A scale with about five round ticks that holds all numbers, and a little beside them."""
    found = list(numbers) or [0.0, 1.0]
    low, high = min(found), max(found)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
    low, high = low - room, high + room
    if within is not None:
        low, high = max(low, within[0]), min(high, within[1])
    step = _round_step((high - low) / 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(first * step, last * step, step)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough * (1 - 1e-9))
