"""One mean with its uncertainty, by the method that holds for the data at hand.

| values | method | interval |
| --- | --- | --- |
| 0 and 1 | `wilson` | score interval for a proportion |
| from 0 to 1 | `wilson_effective` | the same with the rows that the variance is worth, and t |
| any | `t`, `t_skewness` | Student's t, corrected for skewness where there is more of it than chance explains |
| in clusters, from 0 to 1 | `wilson_clustered` | score interval, rows as many as the clustered variance is worth |
| in clusters, any | `t_clustered` | t with the clustered variance and its degrees of freedom, corrected for skewness |

How often each holds what it promises is measured by `python -m benchmarks interval_coverage`; see docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from penstock.evaluations.statistics.clusters import ClusteredMean, clustered_mean
from penstock.evaluations.statistics.intervals import Interval, Pivot, mean_of, normal_quantile, t_quantile, wilson
from penstock.evaluations.statistics.values import check_level, cluster_numbers, is_binary, is_share, vector

if TYPE_CHECKING:
    from penstock.evaluations.statistics.values import Vector

Method = Literal["none", "wilson", "wilson_effective", "wilson_clustered", "t", "t_skewness", "t_clustered"]

FEW_ROWS = 50
FEW_COUNTED = 20
FEW_DEGREES = 10
FEW_EVENTS = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of n values, its standard error, and an interval that holds the true mean in `level` of all cases.

    Bounds are None where there is no ground for them, and `note` says why; otherwise the note, if any, says how far the
    interval is to be trusted. `clusters` counts them, None without; `degrees` are those of t, None where none is used.
    """

    n: int
    mean: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    level: float
    method: Method
    clusters: int | None = None
    degrees: float | None = None
    note: str | None = None


def estimate(values: Sequence[float], *, clusters: Sequence[str | None] | None = None, level: float = 0.95) -> Estimate:
    """The mean of values with its interval. `clusters` names each value's cluster; None is a value by itself.

    Raises ValueError when a value is not finite, lengths differ, or the level is not between 0 and 1.
    """
    check_level(level)
    numbers = vector(values)
    members = cluster_numbers(clusters, len(numbers))
    count = None if clusters is None else len(numbers)
    if len(numbers) == 0:
        return _none(numbers, level, count, "There are no values.")
    if len(numbers) == 1:
        return _none(numbers, level, count, "One value says nothing about its spread.")
    if members is not None:
        if not members.any():
            return _none(numbers, level, 1, "All rows are of one cluster, which says nothing about other clusters.")
        return _clustered(numbers, clustered_mean(numbers, members), level)
    return _independent(numbers, level, count)


def few_rows(n: int, enough: int = FEW_ROWS) -> str | None:
    """What is to be said of an interval for so few values."""
    return f"With fewer than {enough} values the interval may be too narrow." if n < enough else None


def _none(numbers: Vector, level: float, clusters: int | None, why: str) -> Estimate:
    mean = float(numbers.mean()) if len(numbers) else None
    return Estimate(len(numbers), mean, None, None, None, level, "none", clusters, note=why)


def _independent(numbers: Vector, level: float, clusters: int | None) -> Estimate:
    n = len(numbers)
    found = mean_of(numbers)
    mean, error = found.mean, found.standard_error
    if is_binary(numbers):
        low, high = wilson(mean, n, normal_quantile(level))
        return Estimate(n, mean, error, low, high, level, "wilson", clusters, note=few_rows(n, FEW_COUNTED))
    note = few_rows(n)
    if is_share(numbers):
        low, high = wilson(mean, _worth(found, n), t_quantile(level, n - 1))
        note = note if error else _SAME
        return Estimate(n, mean, error, low, high, level, "wilson_effective", clusters, n - 1, note)
    if error == 0:
        return _none(numbers, level, clusters, "All values are the same, so their spread is not known.")
    low, high = found.interval(level)
    method: Method = "t_skewness" if found.lean else "t"
    return Estimate(n, mean, error, low, high, level, method, clusters, n - 1, note)


def _clustered(numbers: Vector, found: ClusteredMean, level: float) -> Estimate:
    pivot, share = found.pivot, is_share(numbers)
    if pivot.standard_error == 0 and not share:
        return _none(numbers, level, found.clusters, "All clusters have the same mean, so their spread is not known.")
    method, (low, high), note = _clustered_interval(found, level, share)
    return Estimate(
        len(numbers),
        pivot.mean,
        pivot.standard_error,
        low,
        high,
        level,
        method,
        found.clusters,
        pivot.degrees,
        note,
    )


def _clustered_interval(found: ClusteredMean, level: float, share: bool) -> tuple[Method, Interval, str | None]:
    pivot = found.pivot
    few = f"The clusters are worth {pivot.degrees:.1f} degrees of freedom, so the interval is on the wide side."
    note = few if pivot.degrees < FEW_DEGREES else None
    if not share:
        return "t_clustered", pivot.interval(level), note
    worth = _worth(pivot, found.clusters)
    if pivot.standard_error and worth * min(pivot.mean, 1 - pivot.mean) < FEW_EVENTS:
        # Few ones among zeros are known to lean one way, few zeros among ones the other; what leans back is chance.
        lean = max(0.0, found.lean) if pivot.mean < 0.5 else min(0.0, found.lean)
        low, high = replace(pivot, lean=lean).interval(level)
        return "t_clustered", (max(0.0, low), min(1.0, high)), _RARE
    bounds = wilson(pivot.mean, worth, t_quantile(level, pivot.degrees))
    return "wilson_clustered", bounds, note if pivot.standard_error else _SAME


_SAME = "No spread was seen; the interval is that of as many independent answers of right and wrong."
_RARE = "What is rarer, right or wrong, is seen in few clusters, so the interval is on the wide side."


def _worth(pivot: Pivot, least: int) -> float:
    """How many independent 0/1 values would have this standard error; `least` where none was seen."""
    return pivot.mean * (1 - pivot.mean) / pivot.standard_error**2 if pivot.standard_error else least
