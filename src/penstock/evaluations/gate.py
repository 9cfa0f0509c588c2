"""Whether an evaluation is good enough: what a pipeline demands of it, decided from its rows.

Three kinds of demand: something must not be under a bound (`accuracy=0.8`), something must not be over one
(`cost_usd=2`), and nothing must have become worse than a baseline by more than a margin. Each becomes a `Check` that
says what was found, so that whoever reads only that line knows why a build is red.

Nothing here reads a summary: a `Tally` is fed every row, and counts rows without a score as what they are, missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import fmean
from typing import Literal

from penstock.evaluations.statistics.percentiles import percentile

ACCURACY = "accuracy"
"""The mean of the first scorer, under a name that does not depend on which scorer that is."""
COVERAGE = "coverage"
MEASURES = (
    COVERAGE,
    "cost_usd",
    "failed_rows",
    "latency_mean_ms",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
)
"""What can be demanded beside the mean of a scorer."""

State = Literal["met", "not_met", "cannot_tell"]
Reducer = Callable[[Sequence[float]], float | None]
"""One value of a row's epochs, None when too few of them have one."""

_ROUNDING = 1e-12
"""0.8 - 0.78 is a little more than 0.02 in binary; nobody means that."""


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What a gate looks at in one row of one epoch. `scores` has None for a scorer that gave no value."""

    id: str
    scores: Mapping[str, float | None]
    failed: bool = False
    cluster: str | None = None
    latency_ms: float | None = None
    cost_usd: Decimal | None = None
    """None when nobody knows what its calls cost."""


@dataclass(frozen=True, slots=True)
class Bound:
    """`metric` must not be under `bound`; with `upper`, not over it."""

    metric: str
    bound: float
    upper: bool = False

    @property
    def text(self) -> str:
        return f"{self.metric} {'<=' if self.upper else '>='} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class MaxRegression:
    """The mean of a scorer must not be lower than the baseline's by more than `margin`."""

    margin: float
    metric: str = ACCURACY

    @property
    def text(self) -> str:
        return f"{self.metric} not worse than the baseline by more than {self.margin:g}"


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """This evaluation minus the baseline, over the rows that both have; the bounds are of its interval."""

    value: float
    low: float | None
    high: float | None
    pairs: int


@dataclass(frozen=True, slots=True)
class Check:
    """One demand and what came of it. `passed` is what the exit code follows; `message` a sentence with the figures."""

    name: str
    state: State
    passed: bool
    message: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """Everything that is demanded. With `strict`, what cannot be told counts as not met."""

    bounds: tuple[Bound, ...] = ()
    regressions: tuple[MaxRegression, ...] = ()
    strict: bool = False

    def __bool__(self) -> bool:
        return bool(self.bounds or self.regressions)

    def unknown(self, scorers: Sequence[str]) -> tuple[str, ...]:
        """The metrics that an evaluation with these scorers does not have."""
        known = {ACCURACY, *MEASURES, *scorers}
        means = {ACCURACY, *scorers}
        return (
            *(bound.metric for bound in self.bounds if bound.metric not in known),
            *(demand.metric for demand in self.regressions if demand.metric not in means),
        )

    def check(self, tally: Tally, differences: Mapping[str, PairedDifference]) -> tuple[Check, ...]:
        """Decide every demand. `differences` has the paired difference of each scorer that a regression names."""
        return (
            *(self._bound(bound, tally) for bound in self.bounds),
            *(self._regression(demand, differences.get(tally.scorer(demand.metric))) for demand in self.regressions),
        )

    def _bound(self, bound: Bound, tally: Tally) -> Check:
        value, remark = tally.measure(bound.metric)
        if value is None:
            return Check(bound.text, "not_met", False, f"{bound.metric} has no value: {remark}.")
        met = value <= bound.bound + _ROUNDING if bound.upper else value >= bound.bound - _ROUNDING
        found = f"{bound.metric} is {_shown(value)} ({remark})"
        if met:
            return Check(bound.text, "met", True, f"{found}.", value)
        limit = f"{bound.bound:g} is the {'most' if bound.upper else 'least'} that is allowed"
        return Check(bound.text, "not_met", False, f"{found}; {limit}.", value)

    def _regression(self, demand: MaxRegression, found: PairedDifference | None) -> Check:
        if found is None or found.pairs == 0:
            reason = f"{demand.metric} has no value in any row that both evaluations have."
            return Check(demand.text, "not_met", False, reason)
        sentence = f"{demand.metric} changed by {found.value:+.4f}{_interval(found)} over {found.pairs:,} paired rows"
        certain = found.low is not None and found.high is not None
        if found.value < -demand.margin - _ROUNDING:
            doubt = certain and (found.high or 0.0) >= -demand.margin
            remark = ", though chance alone may explain that" if doubt or not certain else ""
            text = f"{sentence}; that is worse than the margin of {demand.margin:g} allows{remark}."
            return Check(demand.text, "not_met", False, text, found.value)
        if found.low is None or found.low < -demand.margin - _ROUNDING:
            text = f"{sentence}; so few rows cannot tell whether it is worse by more than {demand.margin:g}."
            return Check(demand.text, "cannot_tell", not self.strict, text, found.value)
        return Check(demand.text, "met", True, f"{sentence}.", found.value)


@dataclass
class Tally:
    """Adds up rows as they come. `scorers` are all of the evaluation's, in its order; `reduce` makes one value of a
    row's epochs, as the evaluation says; `expected` is how many rows times epochs there should be, where it is known:
    rows that never came then count as missing too."""

    scorers: Sequence[str]
    reduce: Reducer = fmean
    expected: int = 0
    rows: int = 0
    failed: int = 0
    clusters: dict[str, str | None] = field(default_factory=dict)
    _values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    _latencies: list[float] = field(default_factory=list)
    _cost: Decimal = Decimal(0)
    _unpriced: int = 0

    def add(self, row: RowFacts) -> None:
        """Count one row of one epoch. Raises ValueError for a score that is not finite."""
        self.rows += 1
        self.failed += row.failed
        self.clusters[row.id] = row.cluster
        for name, value in row.scores.items():
            if value is None:
                continue
            if not math.isfinite(value):
                raise ValueError(f"row {row.id!r} has the score {value} of {name!r}, which is no number")
            self._values.setdefault(name, {}).setdefault(row.id, []).append(value)
        if row.latency_ms is not None:
            self._latencies.append(row.latency_ms)
        if row.cost_usd is None:
            self._unpriced += 1
        else:
            self._cost += row.cost_usd

    def add_all(self, rows: Iterable[RowFacts]) -> Tally:
        """Count many; returns itself."""
        for row in rows:
            self.add(row)
        return self

    def scorer(self, metric: str) -> str:
        """The scorer that a metric means: `accuracy` is the first, unless one has that very name."""
        return self.scorers[0] if metric == ACCURACY and metric not in self.scorers and self.scorers else metric

    @property
    def total(self) -> int:
        """How many scores of one scorer there should be."""
        return max(self.rows, self.expected)

    def values(self, scorer: str) -> dict[str, float]:
        """By row: a scorer's value, the row's epochs made one; without the rows that have none."""
        reduced = ((row, self.reduce(values)) for row, values in self._values.get(scorer, {}).items())
        return {row: value for row, value in reduced if value is not None}

    def mean(self, scorer: str) -> float | None:
        """The mean over rows of a scorer's value; None when no row has any."""
        found = self.values(scorer)
        return fmean(found.values()) if found else None

    def scored(self, scorer: str) -> int:
        """How many scores of this scorer there are."""
        return sum(len(values) for values in self._values.get(scorer, {}).values())

    def coverage(self) -> float | None:
        """The share of rows, in each epoch, that have a score, of the scorer that has the fewest."""
        if not self.total or not self.scorers:
            return None
        return min(self.scored(name) for name in self.scorers) / self.total

    def measure(self, metric: str) -> tuple[float | None, str]:
        """A metric's value, None where there is none, and what it was found from or why it was not."""
        name = self.scorer(metric)
        if name in self.scorers:
            remark = f"{self.scored(name):,} of {self.total:,} scored"
            return self.mean(name), remark
        if metric == COVERAGE:
            return self.coverage(), f"{self.total:,} rows"
        if metric == "failed_rows":
            return float(self.failed + self.total - self.rows), f"of {self.total:,}"
        if metric == "cost_usd":
            if self._unpriced:
                return None, f"the price of {self._unpriced:,} rows' calls is not known"
            return float(self._cost), f"{self.rows:,} rows"
        return self._latency(metric)

    def _latency(self, metric: str) -> tuple[float | None, str]:
        if metric not in MEASURES:
            return None, "there is no such metric"
        if not self._latencies:
            return None, "no row has a measured latency"
        remark = f"{len(self._latencies):,} rows measured"
        if metric == "latency_mean_ms":
            return fmean(self._latencies), remark
        percent = int(metric.removeprefix("latency_p").removesuffix("_ms"))
        return percentile(sorted(self._latencies), percent), remark


def parse_demand(text: str) -> tuple[str, float]:
    """`accuracy=0.8` as a metric and a number. Raises ValueError saying what is wrong."""
    name, equals, number = text.rpartition("=")
    if not equals or not name.strip():
        raise ValueError(f"{text!r} is not METRIC=NUMBER, as in accuracy=0.8")
    return name.strip(), _number(text, number)


def parse_regression(text: str) -> MaxRegression:
    """`0.02`, of the first scorer, or `METRIC=0.02`. Raises ValueError saying what is wrong."""
    metric, margin = parse_demand(text) if "=" in text else (ACCURACY, _number(text, text))
    if margin < 0:
        raise ValueError(f"{text!r}: a margin is not negative")
    return MaxRegression(margin, metric)


def _number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r}: {number!r} is no number")
    return value


def _interval(found: PairedDifference) -> str:
    if found.low is None or found.high is None:
        return ""
    return f" (95 % interval {found.low:+.4f} to {found.high:+.4f})"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 2 else f"{value:.4f}"
