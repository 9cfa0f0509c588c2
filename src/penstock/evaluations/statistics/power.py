"""What n rows can show, before the run and after it.

All by the normal approximation: a difference δ with standard deviation σ per row is seen by a two-sided test at α with
the chance `power` when √n·δ/σ = z(1 − α/2) + z(power) (Miller, arXiv 2411.00640, §5).
"""

from __future__ import annotations

import math

MOST_ROWS = 10_000_000
"""Nobody is told to gather more."""


def difference_deviation(
    *,
    p: float | None = None,
    standard_deviation: float | None = None,
    correlation: float | None = None,
    discordance: float | None = None,
) -> float:
    """The standard deviation of one row's difference between two sides.

    From the share of rows on which two 0/1 scores will differ (`discordance`: σ² ≤ that share), or from each side's
    own spread (`standard_deviation`, or p(1 − p) of an expected accuracy `p`) and the `correlation` of the two sides'
    scores on a row, by default 0: σ² = 2s²(1 − r). Raises ValueError when what is given does not go together.
    """
    if discordance is not None:
        if any(other is not None for other in (p, standard_deviation, correlation)):
            raise ValueError("discordance says all there is; leave out p, the standard deviation and the correlation")
        _within("discordance", discordance, 0, 1)
        return math.sqrt(discordance)
    if (p is None) == (standard_deviation is None):
        raise ValueError("give one of p, standard_deviation and discordance")
    if p is not None:
        _within("p", p, 0, 1)
    if standard_deviation is not None:
        _within("standard_deviation", standard_deviation, 0, math.inf)
    _within("correlation", correlation or 0.0, -1, 1)
    variance = p * (1 - p) if p is not None else (standard_deviation or 0.0) ** 2
    return math.sqrt(2 * variance * (1 - (correlation or 0.0)))


def minimum_detectable(n: int, deviation: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true difference that n rows show with the chance `power`, in the scores' own unit.

    `deviation` is that of a row's difference (`difference_deviation`). Raises ValueError unless n is at least 1.
    """
    if n < 1:
        raise ValueError(f"{n} rows show nothing; give at least 1")
    return _reach(power, alpha) * deviation / math.sqrt(n)


def rows_needed(difference: float, deviation: float, *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """How many rows show a true difference with the chance `power`; None for more than `MOST_ROWS`.

    Raises ValueError when the difference is 0.
    """
    if difference == 0:
        raise ValueError("no number of rows shows a difference of 0")
    root = _reach(power, alpha) * deviation / abs(difference)
    return max(1, math.ceil(root**2)) if root <= math.sqrt(MOST_ROWS) else None


def _reach(power: float, alpha: float) -> float:
    from scipy.special import ndtri

    _within("power", power, 0, 1, open_ends=True)
    _within("alpha", alpha, 0, 1, open_ends=True)
    return max(0.0, float(ndtri(1 - alpha / 2) + ndtri(power)))


def _within(name: str, value: float, least: float, most: float, *, open_ends: bool = False) -> None:
    inside = least < value < most if open_ends else least <= value <= most
    if not (inside and math.isfinite(value)):
        raise ValueError(f"{name} is {value!r}; it has to lie between {least} and {most}")
