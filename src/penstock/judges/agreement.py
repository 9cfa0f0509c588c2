"""How far raters agree, beyond what chance alone would bring about. Pure functions of numbers.

Two raters: Cohen's kappa (Educ. Psychol. Meas. 20, 1960), weighted for scales (Psychol. Bull. 70, 1968). Any number of
raters, also where not everybody rated everything: Krippendorff's alpha (Content Analysis, 4th ed., 2018, ch. 12). Both
are 1 − observed / expected disagreement: 1 is perfect, 0 is what chance gives, and less is worse than chance.

The `interval` of each is the score interval of the observed agreement, carried over at the expected one. The usual
ones, which stand beside it, promise too much where labels are few or nearly all the same, as those of people are: with
30 labels of which 93 % pass, and a kappa of 0.8, both hold the true value less than half of the time. On a scale it is
too narrow itself where labels are few, and says so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from penstock.evaluations.statistics.intervals import Interval, normal_quantile, t_quantile, wilson
from penstock.evaluations.statistics.values import check_level

if TYPE_CHECKING:
    from penstock.evaluations.statistics.values import Vector

Weights = Literal["none", "linear", "quadratic"]
"""What a disagreement counts: all the same, by the distance of the two categories, or by its square."""
Metric = Literal["nominal", "ordinal", "interval"]

RESAMPLES = 2000
_SEED = 20_240_229
_AT_ONCE = 2_000_000
"""So many numbers of resamples are held at a time."""
_EPSILON = 1e-12
FEW = 10
FEW_ON_SCALE = 100
"""With fewer, an answer far off that is rare may not have come up at all; intervals of weighted kappa do not know."""
_ONE_ANSWER = "one of them gave one and the same answer throughout, so it is 0 whatever the other said"
_PERFECT = "perfect agreement, so only n tells how sure it is"


@dataclass(frozen=True, slots=True)
class Coefficient:
    """Kappa or alpha. `value` is None where it is not defined, and `note` says why; the intervals then are None too.

    `interval` is the one to quote. `bootstrap` is the percentile interval over resampled traces (a fixed seed), and
    `asymptotic` the one of large samples, which only kappa has.
    """

    value: float | None
    n: int
    """Things that were rated and count: by both raters, or by two of them at least."""
    observed: float | None = None
    """Agreement that was seen, 0 to 1."""
    expected: float | None = None
    """Agreement that chance alone would give."""
    standard_error: float | None = None
    interval: Interval | None = None
    bootstrap: Interval | None = None
    asymptotic: Interval | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """One answer: how often the first rater (people) gave it, how often the second (the judge), how often both did.

    `precision`: of those that the second gave, the share that the first gave too; `recall` the other way round. None
    where there is nothing to take a share of.
    """

    label: str
    given: int
    predicted: int
    both: int

    @property
    def precision(self) -> float | None:
        return self.both / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        return self.both / self.given if self.given else None


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two raters over the same things. `confusion[i][j]`: the first said `labels[i]`, the second `labels[j]`."""

    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    kappa: Coefficient

    @property
    def n(self) -> int:
        return self.kappa.n

    @property
    def accuracy(self) -> float | None:
        """The share of things of which both said the very same."""
        same = sum(row[place] for place, row in enumerate(self.confusion))
        return same / self.n if self.n else None

    @property
    def classes(self) -> tuple[ClassAgreement, ...]:
        """Each answer with its counts, in the order of `labels`."""
        columns = [sum(column) for column in zip(*self.confusion, strict=True)]
        return tuple(
            ClassAgreement(label, sum(row), columns[place], row[place])
            for place, (label, row) in enumerate(zip(self.labels, self.confusion, strict=True))
        )


def agreement(
    pairs: Sequence[tuple[str, str]], labels: Sequence[str], *, weights: Weights = "none", level: float = 0.95
) -> Agreement:
    """How far two raters agree: each pair is what the first and the second said of one thing, both among `labels`.

    With weights the labels are in the order of the scale, an equal step apart. Raises ValueError for an answer that is
    no label, and for a level that is none. Takes a while for many labels: not for the event loop.
    """
    counted = Counter(pairs)
    strange = {answer for pair in counted for answer in pair} - set(labels)
    if strange:
        raise ValueError(f"{sorted(strange)[0]!r} is not among the labels")
    confusion = tuple(tuple(counted[first, second] for second in labels) for first in labels)
    return Agreement(tuple(labels), confusion, cohens_kappa(confusion, weights=weights, level=level))


def cohens_kappa(table: Sequence[Sequence[int]], *, weights: Weights = "none", level: float = 0.95) -> Coefficient:
    """Kappa of a square table of counts, with the standard error of Fleiss, Cohen and Everitt (Psychol. Bull. 72,
    1969).

    Undefined where both raters gave one and the same answer throughout: then chance explains everything.
    """
    import numpy as np

    check_level(level)
    counts: Vector = np.asarray(table, dtype=np.float64)
    n = int(counts.sum())
    if n == 0:
        return Coefficient(None, 0, note="nothing was rated by both")
    agreeing = _agreeing(len(counts), weights)
    shares = counts / n
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed = float((agreeing * shares).sum())
    expected = float(rows @ agreeing @ columns)
    if 1 - expected < _EPSILON:
        return Coefficient(None, n, observed, expected, note="both gave one and the same answer throughout")
    value = 1 - (1 - observed) / (1 - expected)
    margins = (agreeing @ columns)[:, None] + (agreeing.T @ rows)[None, :]
    spread = float((shares * (agreeing - margins * (1 - value)) ** 2).sum()) - (value - expected * (1 - value)) ** 2
    error = math.sqrt(max(0.0, spread) / n) / (1 - expected)
    alone = math.sqrt(max(0.0, float((shares * agreeing**2).sum()) - observed**2) / n)
    far = normal_quantile(level) * error
    interval = _score_interval(observed, expected, n, max(alone, error * (1 - expected)), level)
    one_answer = 1 in (np.count_nonzero(rows), np.count_nonzero(columns))
    return Coefficient(
        value,
        n,
        observed,
        expected,
        error,
        interval,
        _bootstrap_kappa(counts, agreeing, level),
        (max(-1.0, value - far), min(1.0, value + far)),
        note=_ONE_ANSWER if one_answer else _few(n, weights) or (_PERFECT if observed == 1 else None),
    )


def krippendorff_alpha(
    units: Sequence[Sequence[float]], *, metric: Metric = "nominal", level: float = 0.95
) -> Coefficient:
    """Alpha of the values that raters gave to each unit, in any order; who gave none is left out.

    Units with fewer than two values tell nothing about agreement and do not count. For `nominal` equal numbers are
    equal answers; `ordinal` knows their order alone; `interval` their distances. The standard error is the jackknife's,
    over units. Takes a while for many units: not for the event loop.
    """
    import numpy as np

    check_level(level)
    rated = [values for values in units if len(values) > 1]
    if not rated:
        return Coefficient(None, 0, note="nothing was rated by two people")
    scale, codes = np.unique(
        np.concatenate([np.asarray(values, dtype=np.float64) for values in rated]), return_inverse=True
    )
    if len(scale) == 1:
        return Coefficient(None, len(rated), 1.0, 1.0, note="everybody gave one and the same answer throughout")
    counts = np.zeros((len(rated), len(scale)))
    np.add.at(counts, (np.repeat(np.arange(len(rated)), [len(values) for values in rated]), codes), 1)
    patterns, frequencies = np.unique(counts, axis=0, return_counts=True)
    ratings = _Ratings(patterns, frequencies.astype(np.float64), scale, metric)
    return ratings.coefficient(level)


class _Ratings:
    """Ratings as the distinct patterns of counts that units have, and how many units have each.

    Everything is reckoned for many weightings of the patterns at once: the one that was seen, resamples, jackknife.
    """

    def __init__(self, patterns: Vector, frequencies: Vector, scale: Vector, metric: Metric) -> None:
        self._patterns = patterns
        self._frequencies = frequencies
        self._scale = scale
        self._metric = metric
        self._sizes: Vector = patterns.sum(axis=1)

    def coefficient(self, level: float) -> Coefficient:
        import numpy as np

        n = int(self._frequencies.sum())
        observed, expected, farthest = (float(part[0]) for part in self._disagreement(self._frequencies[None, :]))
        value = 1 - observed / expected
        error = self._jackknife(n, value)
        shares = np.square(self._units_disagreement() - observed) @ self._frequencies / n
        alone = math.sqrt(float(shares) / n) / farthest
        seen, chance = 1 - observed / farthest, 1 - expected / farthest
        spread = max(alone, error * (1 - chance))
        interval = _score_interval(seen, chance, n, spread, level)
        return Coefficient(value, n, seen, chance, error, interval, self._bootstrap(n, level), note=_few(n))

    def _disagreement(self, weights: Vector) -> tuple[Vector, Vector, Vector]:
        """Observed, expected and largest possible disagreement for each row of weights of the patterns."""
        import numpy as np

        totals = weights @ self._patterns
        values = totals.sum(axis=1)
        pairs = values * (values - 1)
        per_value = weights / (self._sizes - 1)
        if self._metric == "nominal":
            observed = per_value @ (self._sizes**2 - (self._patterns**2).sum(axis=1))
            return observed / values, (values**2 - (totals**2).sum(axis=1)) / pairs, np.ones(len(weights))
        places = self._places(totals)
        sums, squares = places @ self._patterns.T, places**2 @ self._patterns.T
        observed = 2 * (per_value * (self._sizes * squares - sums**2)).sum(axis=1)
        expected = 2 * (values * (totals * places**2).sum(axis=1) - (totals * places).sum(axis=1) ** 2)
        return observed / values, expected / pairs, (places[:, -1] - places[:, 0]) ** 2

    def _places(self, totals: Vector) -> Vector:
        """Where the answers stand. The ordinal distance of two is the number of values between them, those of each
        counted by half: the distance of their mean ranks."""
        import numpy as np

        if self._metric == "interval":
            return np.broadcast_to(self._scale, totals.shape)
        return np.asarray(totals.cumsum(axis=1) - totals / 2, dtype=np.float64)

    def _units_disagreement(self) -> Vector:
        """For each pattern its part of the observed disagreement, weighted so that their mean over units is that."""
        import numpy as np

        places = self._places((self._frequencies @ self._patterns)[None, :])[0]
        if self._metric == "nominal":
            pairs = self._sizes**2 - (self._patterns**2).sum(axis=1)
        else:
            pairs = 2 * (self._sizes * (self._patterns @ places**2) - (self._patterns @ places) ** 2)
        usual = float(self._frequencies @ self._sizes / self._frequencies.sum())
        return np.asarray(pairs / (self._sizes - 1) / usual, dtype=np.float64)

    def _alphas(self, weights: Vector) -> Vector:
        import numpy as np

        observed, expected, _ = self._disagreement(weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(1 - observed / expected, dtype=np.float64)

    def _jackknife(self, n: int, value: float) -> float:
        """Quenouille's standard error: leave out one unit of each pattern in turn."""
        import numpy as np

        count = len(self._frequencies)
        size = max(1, _AT_ONCE // count)
        total = 0.0
        for start in range(0, count, size):
            chosen = np.arange(start, min(count, start + size))
            weights = np.repeat(self._frequencies[None, :], len(chosen), axis=0)
            weights[np.arange(len(chosen)), chosen] -= 1
            without = self._alphas(weights) if n > 1 else np.full(len(chosen), np.nan)
            gaps = np.where(np.isfinite(without), without - value, 1 - value)
            total += float(np.square(gaps) @ self._frequencies[chosen])
        return math.sqrt(total * (n - 1) / n)

    def _bootstrap(self, n: int, level: float) -> Interval | None:
        import numpy as np

        random = np.random.default_rng(_SEED)
        size = max(1, _AT_ONCE // len(self._frequencies))
        found = [
            self._alphas(random.multinomial(n, self._frequencies / n, size=min(size, RESAMPLES - start)).astype(float))
            for start in range(0, RESAMPLES, size)
        ]
        return _percentiles(np.concatenate(found), level)


def _few(n: int, weights: Weights = "none") -> str | None:
    if n < FEW:
        return f"fewer than {FEW} were rated, which says little"
    if weights != "none" and n < FEW_ON_SCALE:
        return f"with fewer than {FEW_ON_SCALE} rated on a scale the interval may be too narrow"
    return None


def _agreeing(size: int, weights: Weights) -> Vector:
    """How far two categories agree: 1 for the same, 0 for the farthest."""
    import numpy as np

    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    if weights == "none":
        return np.asarray(apart == 0, dtype=np.float64)
    return np.asarray(1 - (apart / max(1, size - 1)) ** (2 if weights == "quadratic" else 1), dtype=np.float64)


def _score_interval(observed: float, expected: float, n: int, error: float, level: float) -> Interval:
    """Wilson's interval for the observed agreement, of as many values as explain its standard error, at the expected
    agreement as it was found; with the quantile of t, since that number is itself an estimate.

    The error is the larger one of the agreement alone and of the whole coefficient: where the expected agreement moves
    with the observed one, the one is too small, and where labels are nearly all the same, the other.
    """
    observed = min(1.0, max(0.0, observed))
    size = observed * (1 - observed) / error**2 if error > _EPSILON and 0 < observed < 1 else float(n)
    low, high = wilson(observed, size, t_quantile(level, max(1, n - 1)))
    return max(-1.0, 1 - (1 - low) / (1 - expected)), 1 - (1 - high) / (1 - expected)


def _bootstrap_kappa(counts: Vector, agreeing: Vector, level: float) -> Interval | None:
    import numpy as np

    random = np.random.default_rng(_SEED)
    n, size = int(counts.sum()), len(counts)
    rows, columns = np.nonzero(counts)
    chances = counts[rows, columns] / n
    by_row = np.eye(size)[rows]
    by_column = np.eye(size)[columns]
    found = []
    step = max(1, _AT_ONCE // len(rows))
    for start in range(0, RESAMPLES, step):
        drawn = random.multinomial(n, chances, size=min(step, RESAMPLES - start)) / n
        observed = drawn @ agreeing[rows, columns]
        expected = ((drawn @ by_row @ agreeing) * (drawn @ by_column)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(np.where(1 - expected > _EPSILON, 1 - (1 - observed) / (1 - expected), np.nan))
    return _percentiles(np.concatenate(found), level)


def _percentiles(values: Vector, level: float) -> Interval | None:
    """The middle part of those resamples that have a value at all."""
    import numpy as np

    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.quantile(finite, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)
