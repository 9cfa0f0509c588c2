"""Intervals for one mean, each from a few sums. `estimates` and `differences` choose among them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.evaluations.statistics.values import without_rounding

if TYPE_CHECKING:
    from penstock.evaluations.statistics.values import Vector

Interval = tuple[float, float]
_FAR = 1e9


def normal_quantile(level: float) -> float:
    """The value that a standard normal exceeds in size with the chance 1 − level."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def t_quantile(level: float, degrees: float) -> float:
    """The same of Student's t with so many degrees of freedom, which need not be whole."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2))


def t_probability(t: float, degrees: float) -> float:
    """The chance of a value at least as far from 0 (two-sided)."""
    from scipy.special import stdtr

    return min(1.0, 2 * float(stdtr(degrees, -abs(t))))


def wilson(mean: float, n: float, quantile: float) -> Interval:
    """The score interval for a proportion (Wilson, JASA 22, 1927): every p that is at most `quantile` of its own
    standard errors away from the mean. `n` may be an effective number of rows (Dean and Pagano, J. Surv. Stat.
    Methodol. 3, 2015), and the mean one of any values from 0 to 1."""
    square = quantile**2
    centre = (mean + square / (2 * n)) / (1 + square / n)
    half = quantile * math.sqrt(mean * (1 - mean) / n + square / (4 * n * n)) / (1 + square / n)
    return (0.0 if mean == 0 else max(0.0, centre - half)), (1.0 if mean == 1 else min(1.0, centre + half))


def tango(losses: float, wins: float, n: float, quantile: float) -> Interval:
    """The score interval for the difference of two paired proportions, (wins − losses) / n (Tango, Stat. Med. 17,
    1998): every difference that is at most `quantile` of its own standard errors away. The counts may be effective."""
    from scipy.optimize import brentq

    estimate = (wins - losses) / n

    def distance(difference: float) -> float:
        linear = -(losses + wins) + (2 * n - wins + losses) * difference
        root = math.sqrt(max(0.0, linear**2 + 8 * n * losses * difference * (1 - difference)))
        chance = (root - linear) / (4 * n)
        variance = n * (2 * chance + difference * (1 - difference))
        gap = wins - losses - n * difference
        if abs(gap) < n * 1e-12:
            return 0.0
        # At the far ends the variance is 0 and the distance without bound; a root finder needs a number.
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(_FAR, gap)

    def bound(end: float, sign: float) -> float:
        if estimate == end:
            return end
        edge = end + (estimate - end) * 1e-12
        return float(brentq(lambda at: distance(at) - sign * quantile, edge, estimate, xtol=1e-13))

    return bound(-1.0, 1.0), bound(1.0, -1.0)


@dataclass(frozen=True, slots=True)
class Pivot:
    """A mean, and the t statistic by which it is judged, corrected for skewness (Hall, JRSS B 54, 1992): with n values
    of skewness γ and a = γ / (3√n), g(t) = t + at² + a²t³/3 + a/2 is nearly symmetric, and can be inverted.

    `lean` is a. Where it is 0 this is Student's t to the last digit.
    """

    mean: float
    standard_error: float
    degrees: float
    lean: float

    def interval(self, level: float) -> Interval:
        quantile = t_quantile(level, self.degrees)
        return (
            self.mean - self.standard_error * self._inverse(quantile),
            self.mean - self.standard_error * self._inverse(-quantile),
        )

    def probability(self) -> float:
        """The two-sided p-value of the hypothesis that the expected value is 0. There is a standard error."""
        t = self.mean / self.standard_error
        return t_probability(t + self.lean * t**2 + self.lean**2 * t**3 / 3 + self.lean / 2, self.degrees)

    def _inverse(self, value: float) -> float:
        if abs(self.lean) < 1e-9:
            return value
        cube = 1 + 3 * self.lean * (value - self.lean / 2)
        return (math.copysign(abs(cube) ** (1 / 3), cube) - 1) / self.lean


def mean_of(values: Vector) -> Pivot:
    """The pivot of at least two independent values."""
    import numpy as np

    n = len(values)
    mean = float(values.mean())
    deviations = values - mean
    variance = without_rounding(float(np.square(deviations).sum()) / (n - 1), values)
    return Pivot(mean, math.sqrt(variance / n), n - 1, beyond_chance(lean(deviations), n) if variance else 0.0)


def lean(deviations: Vector) -> float:
    """γ / (3√n) of n deviations from their mean, by the usual estimate of γ."""
    n = len(deviations)
    if n < 3:
        return 0.0
    square = float((deviations**2).sum())
    return float((deviations**3).sum()) / math.pow(square, 1.5) * math.sqrt(n * (n - 1)) / (n - 2) / 3


def beyond_chance(seen: float, n: int, variances: Vector | None = None) -> float:
    """A lean that was seen, drawn towards 0 by the part that chance alone explains: a sample of a normal distribution
    leans too. `variances` are those that the deviations may be expected to have, in any unit, where they are not all
    alike."""
    # For variances alike, that of the skewness 3√n · lean is the usual 6n(n − 1) / ((n − 2)(n + 1)(n + 3)).
    if n < 3 or not seen:
        return 0.0
    by_chance: float = _noise(variances, n) / 9 * n**2 * (n - 1) / ((n - 2) * (n + 1) * (n + 3))
    return seen * max(0.0, 1 - by_chance / seen**2)


def _noise(variances: Vector | None, n: int) -> float:
    """The variance of Σx³ / (Σx²)^1.5 for many independent normal x with these variances, about their mean."""
    if variances is None:
        return 6 / n**2
    first, second, third = (float((variances**power).sum()) for power in (1, 2, 3))
    return (15 * third - 9 * second**2 / first) / first**3
