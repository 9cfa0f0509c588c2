"""The mean of values that come in clusters: rows of one text, translations of one question.

Rows of one cluster rise and fall together, so n of them say less than n independent rows. The variance is that of
cluster sums (Miller, "Adding Error Bars to Evals", arXiv 2411.00640, §2.2) with the small-sample correction CR2, and t
has the degrees of freedom that Satterthwaite's approximation gives (Bell and McCaffrey, Surv. Methodol. 28, 2002;
Imbens and Kolesár, Rev. Econ. Stat. 98, 2016; Cameron and Miller, J. Hum. Resour. 50, 2015). The plain sandwich CR1
with G − 1 degrees of freedom is too narrow where clusters are few or of unequal size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.evaluations.statistics.intervals import Pivot, beyond_chance, lean
from penstock.evaluations.statistics.values import without_rounding

if TYPE_CHECKING:
    from penstock.evaluations.statistics.values import Counts, Vector


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """Its pivot has at most `clusters` − 1 degrees of freedom, fewer where sizes differ much."""

    pivot: Pivot
    lean: float
    """All of it that was seen; the pivot's is what chance does not explain."""
    clusters: int
    correlation: float
    """Of two rows of one cluster, from 0 to 1 (one-way analysis of variance)."""


def clustered_mean(values: Vector, members: Counts) -> ClusteredMean:
    """`members` holds each row's cluster, numbered from 0. There are at least two clusters."""
    import numpy as np

    n = len(values)
    mean = float(values.mean())
    deviations = values - mean
    sizes: Vector = np.bincount(members).astype(np.float64)
    sums: Vector = np.bincount(members, weights=deviations).astype(np.float64)
    # With nothing but an intercept, CR2 divides the sum of a cluster by sqrt(1 − its share of the rows).
    variance = without_rounding(float((sums**2 / (1 - sizes / n)).sum()) / n**2, values)
    between = float((sums**2 / sizes).sum())
    correlation = _correlation(sizes, between, float(np.square(deviations).sum()) - between)
    seen = lean(sums) if variance else 0.0
    leaning = beyond_chance(seen, len(sizes), sizes * (1 + (sizes - 1) * correlation))
    pivot = Pivot(mean, math.sqrt(variance), _degrees(sizes, correlation), leaning)
    return ClusteredMean(pivot, seen, len(sizes), correlation)


def _correlation(sizes: Vector, between: float, within: float) -> float:
    n, clusters = float(sizes.sum()), len(sizes)
    mean_between = between / (clusters - 1)
    mean_within = max(0.0, within) / (n - clusters)
    usual_size = (n - float((sizes**2).sum()) / n) / (clusters - 1)
    total = mean_between + (usual_size - 1) * mean_within
    return min(1.0, max(0.0, (mean_between - mean_within) / total)) if total > 0 else 0.0


def _degrees(sizes: Vector, correlation: float) -> float:
    """Satterthwaite's (trace M)² / trace M², where M is the covariance of the adjusted cluster sums when two rows of a
    cluster have this correlation: M = D(diag(v) + k − ρ(s + s'))D with D² = w. Summed without making M."""
    n = float(sizes.sum())
    shares = sizes / n
    weights = shares**2 / (1 - shares)
    squares = float((shares**2).sum())
    k = correlation * squares - (1 - correlation) / n
    own = weights * (correlation * (1 + squares - 2 * shares) + (1 - correlation) * (1 - shares) / sizes)
    s0, s1, s2 = (float((weights * shares**power).sum()) for power in (0, 1, 2))
    everywhere = (k * s0) ** 2 - 4 * k * correlation * s0 * s1 + 2 * correlation**2 * (s0 * s2 + s1**2)
    diagonal = weights**2 * (k - 2 * correlation * shares) ** 2
    return float(own.sum()) ** 2 / (float((own**2).sum()) + everywhere - float(diagonal.sum()))
