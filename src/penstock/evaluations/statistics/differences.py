"""Two sides compared: the difference of their means (second − first), with its interval and its test.

| values | test | interval |
| --- | --- | --- |
| paired, 0 and 1 | `mcnemar_exact` | Tango's score interval |
| paired, any, most rows alike and few of them different | `sign_flips` | t of the rows' differences |
| paired, any | `paired_t`, `paired_t_skewness` | t of the rows' differences, corrected for skewness |
| paired, in clusters | `paired_t_clustered` | the same with the clustered variance |
| not paired, 0 and 1 | `fisher_exact` | Newcombe's, from the two Wilson intervals |
| not paired, any | `welch`, `welch_clustered` | t with both variances |

The exact tests hold their promise at every n and so may say "cannot tell" where the interval just excludes 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from penstock.evaluations.statistics.clusters import clustered_mean
from penstock.evaluations.statistics.estimates import few_rows
from penstock.evaluations.statistics.intervals import (
    Interval,
    mean_of,
    normal_quantile,
    tango,
)
from penstock.evaluations.statistics.power import minimum_detectable
from penstock.evaluations.statistics.sign_flips import sign_flips
from penstock.evaluations.statistics.values import check_level, cluster_numbers, is_binary, is_share, vector

if TYPE_CHECKING:
    from penstock.evaluations.statistics.values import Counts, Vector

Test = Literal[
    "none",
    "mcnemar_exact",
    "sign_flips",
    "paired_t",
    "paired_t_skewness",
    "paired_t_clustered",
    "fisher_exact",
    "welch",
    "welch_clustered",
]


FEW_CLUSTERS = 40
FEW_CHANGED = 40
"""Where no more rows than these differ, and most are alike, a test that supposes a spread sees too much in them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Second − first. Bounds and p-value are None where there is no ground for them, and `note` says why.

    `n_pairs` is None when the sides are not paired. `losses` and `wins` are the discordant pairs of 0/1 scores: those
    that only the first side got right (McNemar's b), and only the second (c). `minimum_detectable` is the smallest true
    difference that as many rows, spread as these are, show with a chance of 80 %.
    """

    difference: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    test: Test
    n_pairs: int | None = None
    losses: int | None = None
    wins: int | None = None
    correlation: float | None = None
    minimum_detectable: float | None = None
    clusters: int | None = None
    note: str | None = None


def paired(
    first: Sequence[float],
    second: Sequence[float],
    *,
    clusters: Sequence[str | None] | None = None,
    level: float = 0.95,
) -> Difference:
    """Compare scores of the same rows, in the same order (Miller, arXiv 2411.00640, §4.2).

    Raises ValueError when lengths differ, a value is not finite, or the level is not between 0 and 1.
    """
    check_level(level)
    if len(first) != len(second):
        raise ValueError(f"pairs are of the same rows, but there are {len(first)} and {len(second)} values")
    pairs = _Pairs.of(vector(first), vector(second), clusters)
    if pairs.n < 2:
        why = "There are no pairs." if pairs.n == 0 else "One pair says nothing about the spread."
        return pairs.without(level, why)
    if pairs.members is None:
        return pairs.binary(level) if pairs.is_binary else pairs.real(level)
    if not pairs.members.any():
        return pairs.without(level, "All rows are of one cluster, which says nothing about other clusters.")
    return pairs.clustered(pairs.members, level)


@dataclass(frozen=True, slots=True)
class _Pairs:
    n: int
    differences: Vector
    members: Counts | None
    clusters: int | None
    is_binary: bool
    is_share: bool
    correlation: float | None

    @classmethod
    def of(cls, first: Vector, second: Vector, clusters: Sequence[str | None] | None) -> _Pairs:
        members = cluster_numbers(clusters, len(first))
        count = None if clusters is None else len(first) if members is None else int(members.max()) + 1
        return cls(
            len(first),
            second - first,
            members,
            count,
            is_binary(first) and is_binary(second),
            is_share(first) and is_share(second),
            _correlation(first, second),
        )

    @property
    def losses(self) -> int:
        return int((self.differences < 0).sum())

    @property
    def wins(self) -> int:
        return int((self.differences > 0).sum())

    def without(self, level: float, why: str) -> Difference:
        mean = float(self.differences.mean()) if self.n else None
        return self._difference(mean, None, None, level, None, "none", note=why)

    def binary(self, level: float) -> Difference:
        found = mean_of(self.differences)
        bounds = tango(self.losses, self.wins, self.n, normal_quantile(level))
        p_value = mcnemar_exact(self.losses, self.wins)
        return self._difference(found.mean, found.standard_error, bounds, level, p_value, "mcnemar_exact")

    def real(self, level: float) -> Difference:
        found = mean_of(self.differences)
        test: Test = "paired_t" if found.lean == 0 else "paired_t_skewness"
        if found.standard_error == 0:
            return self._same(found.mean, self.n, level, test)
        bounds, p_value = found.interval(level), found.probability()
        changed = self.losses + self.wins
        if changed <= FEW_CHANGED and 2 * changed <= self.n:
            test, p_value = "sign_flips", sign_flips(self.differences)
        note = few_rows(self.n)
        return self._difference(found.mean, found.standard_error, bounds, level, p_value, test, note=note)

    def clustered(self, members: Counts, level: float) -> Difference:
        found = clustered_mean(self.differences, members)
        pivot = found.pivot
        if pivot.standard_error == 0:
            return self._same(pivot.mean, found.clusters, level, "paired_t_clustered")
        bounds, p_value = pivot.interval(level), pivot.probability()
        test: Test = "paired_t_clustered"
        few = f"With fewer than {FEW_CLUSTERS} clusters the interval may be too narrow."
        note = few if found.clusters < FEW_CLUSTERS else None
        return self._difference(pivot.mean, pivot.standard_error, bounds, level, p_value, test, note=note)

    def _same(self, mean: float, units: int, level: float, test: Test) -> Difference:
        """Every row, or every cluster, differs by the same: by nothing, as a rule."""
        if mean != 0 or not self.is_share:
            return self.without(level, "All differences are the same, so their spread is not known.")
        # So many units without a difference: at most this share of all units has one (Clopper and Pearson, 1934), and
        # scores from 0 to 1 differ by at most 1.
        most = 1 - ((1 - level) / 2) ** (1 / units)
        note = "No two scores differ; the interval is what as many rows without a difference leave possible."
        return self._difference(0.0, 0.0, (-most, most), level, 1.0, test, note=note)

    def _difference(
        self,
        mean: float | None,
        error: float | None,
        bounds: Interval | None,
        level: float,
        p_value: float | None,
        test: Test,
        note: str | None = None,
    ) -> Difference:
        return Difference(
            mean,
            error,
            bounds and bounds[0],
            bounds and bounds[1],
            level,
            p_value,
            test,
            self.n,
            self.losses if self.is_binary else None,
            self.wins if self.is_binary else None,
            self.correlation,
            detectable(error, level),
            self.clusters,
            note,
        )


def mcnemar_exact(losses: int, wins: int) -> float:
    """The two-sided p-value of the hypothesis that discordant pairs fall to either side alike: the binomial test of the
    smaller count among both (McNemar, Psychometrika 12, 1947)."""
    from scipy.special import bdtr

    if losses + wins == 0:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(losses, wins), losses + wins, 0.5)))


def detectable(error: float | None, level: float) -> float | None:
    """The smallest true difference that is shown with a chance of 80 %, when an estimate has this standard error."""
    return None if not error else minimum_detectable(1, error, alpha=1 - level)


def _correlation(first: Vector, second: Vector) -> float | None:
    """Pearson's, None where a side has no spread."""
    import numpy as np

    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])
