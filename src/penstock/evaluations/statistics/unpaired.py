"""Two sides whose rows are not the same ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.evaluations.statistics.differences import Difference, Test, detectable
from penstock.evaluations.statistics.estimates import Estimate, Method, estimate
from penstock.evaluations.statistics.intervals import Interval, t_probability, t_quantile


@dataclass(frozen=True, slots=True)
class Sample:
    """The scores of one side, and the cluster of each where there are clusters."""

    values: Sequence[float]
    clusters: Sequence[str | None] | None = None


def unpaired(first: Sample, second: Sample, *, level: float = 0.95) -> Difference:
    """Compare the means of two sides (second − first). Clusters of the two are taken to be different ones.

    Raises ValueError when a value is not finite, lengths differ, or the level is not between 0 and 1.
    """
    sides = [estimate(side.values, clusters=side.clusters, level=level) for side in (first, second)]
    known = [side for side in map(_Side.of, sides) if side is not None]
    if len(known) < 2:
        notes = " ".join(side.note or "" for side in sides if _Side.of(side) is None)
        means = [side.mean for side in sides if side.mean is not None]
        difference = means[1] - means[0] if len(means) == 2 else None
        return Difference(difference, None, None, None, level, None, "none", note=f"A side has no interval. {notes}")
    left, right = known
    return _proportions(left, right, level) if left.method == right.method == "wilson" else _welch(left, right, level)


@dataclass(frozen=True, slots=True)
class _Side:
    """An estimate that has everything."""

    n: int
    mean: float
    error: float
    low: float
    high: float
    degrees: float
    method: Method

    @classmethod
    def of(cls, found: Estimate) -> _Side | None:
        if found.mean is None or found.standard_error is None or found.low is None or found.high is None:
            return None
        degrees = found.n - 1 if found.degrees is None else found.degrees
        return cls(found.n, found.mean, found.standard_error, found.low, found.high, degrees, found.method)

    @property
    def successes(self) -> int:
        return round(self.mean * self.n)

    @property
    def scored(self) -> bool:
        return self.method in ("wilson", "wilson_effective", "wilson_clustered")

    @property
    def clustered(self) -> bool:
        return self.method in ("wilson_clustered", "t_clustered")


def _proportions(left: _Side, right: _Side, level: float) -> Difference:
    """Newcombe's interval, Fisher's exact test."""
    from scipy.stats import fisher_exact

    table = [[side.successes, side.n - side.successes] for side in (left, right)]
    p_value = min(1.0, float(fisher_exact(table).pvalue))
    return _difference(left, right, _from_both(left, right), level, p_value, "fisher_exact")


def _welch(left: _Side, right: _Side, level: float) -> Difference:
    """Welch, Biometrika 34, 1947, for the test; for the interval too unless both sides' are score intervals."""
    error = math.hypot(left.error, right.error)
    if error == 0:
        note = "Neither side has any spread, so no test is made."
        return _difference(left, right, _from_both(left, right), level, None, "none", note=note)
    degrees = error**4 / sum(side.error**4 / side.degrees for side in (left, right))
    difference = right.mean - left.mean
    half = t_quantile(level, degrees) * error
    bounds = _from_both(left, right) if left.scored and right.scored else (difference - half, difference + half)
    test: Test = "welch_clustered" if left.clustered or right.clustered else "welch"
    return _difference(left, right, bounds, level, t_probability(difference / error, degrees), test)


def _from_both(left: _Side, right: _Side) -> Interval:
    """The interval of a difference from those of its sides, by the distance of each bound that matters (Newcombe, Stat.
    Med. 17, 1998, method 10; Zou and Donner, Stat. Med. 27, 2008, for intervals of any kind)."""
    difference = right.mean - left.mean
    return (
        difference - math.hypot(right.mean - right.low, left.high - left.mean),
        difference + math.hypot(right.high - right.mean, left.mean - left.low),
    )


def _difference(
    left: _Side,
    right: _Side,
    bounds: Interval,
    level: float,
    p_value: float | None,
    test: Test,
    note: str | None = None,
) -> Difference:
    error = math.hypot(left.error, right.error)
    low, high = bounds
    found = detectable(error, level)
    return Difference(
        right.mean - left.mean, error, low, high, level, p_value, test, minimum_detectable=found, note=note
    )
