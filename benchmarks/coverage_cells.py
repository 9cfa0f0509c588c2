"""The conditions under which intervals are tried: what is drawn, and what the true value is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from penstock.evaluations.statistics import Difference, Estimate, Sample, estimate, paired, unpaired
from penstock.evaluations.statistics.intervals import normal_quantile, tango, wilson

Vector = NDArray[np.float64]
Promise = Literal["holds", "wide", "weak"]
"""What the documentation says of a cell: 94–96 %; at least 94 %; less, with a warning."""


@dataclass(frozen=True)
class Cell:
    """`draw` makes one data set and says whether its interval holds the true value; or `exact` is the coverage."""

    interval: str
    rows: str
    data: str
    promise: Promise
    draw: Callable[[np.random.Generator], bool] | None = None
    exact: Callable[[], float] | None = None


def cells() -> Iterator[Cell]:
    yield from _proportions()
    yield from _shares()
    yield from _reals()
    yield from _clustered_shares()
    yield from _clustered_reals()
    yield from _paired_binary()
    yield from _paired_reals()
    yield from _paired_clustered()
    yield from _two_proportions()
    yield from _two_means()
    yield from _two_clustered()


BANDS = ((0.5, 0.75), (0.75, 0.9), (0.9, 0.97), (0.97, 0.99))
"""Coverage of any interval for counts swings with p; what is given is its mean over a band of p."""


def _holds(found: Estimate | Difference, truth: float) -> bool:
    return found.low is not None and found.high is not None and found.low <= truth <= found.high


def _band(band: tuple[float, float]) -> str:
    return f"p {band[0]}–{band[1]}"


# One mean, independent rows


def _proportions() -> Iterator[Cell]:
    for n in (10, 20, 50, 100, 300, 1000):
        for band in BANDS:
            settled = n * (1 - band[1]) >= 2
            promise: Promise = "holds" if settled and n > 10 else "weak"
            yield Cell("wilson", f"{n}", _band(band), promise, exact=lambda n=n, band=band: _wilson_exact(n, band))


def _wilson_exact(n: int, band: tuple[float, float]) -> float:
    quantile = normal_quantile(0.95)
    lows, highs = np.array([wilson(count / n, n, quantile) for count in range(n + 1)]).T
    return float(np.mean([_binomial(n, p)[(lows <= p) & (p <= highs)].sum() for p in np.linspace(*band, 101)]))


def _binomial(n: int, p: float) -> Vector:
    counts = np.arange(n + 1)
    logs = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in counts])
    return np.exp(logs + counts * math.log(p) + (n - counts) * math.log1p(-p))


_SCALE = np.array([0, 0.25, 0.5, 0.75, 1.0])
_VOTES = np.array([0.02, 0.03, 0.1, 0.3, 0.55])
_Draw = Callable[[np.random.Generator, int], Vector]
_SHARES: dict[str, tuple[_Draw, float]] = {
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "at both ends": (lambda rng, n: rng.beta(0.5, 0.5, n), 0.5),
    "near 0.8": (lambda rng, n: rng.beta(8, 2, n), 0.8),
    "most near 1": (lambda rng, n: rng.beta(2, 0.3, n), 2 / 2.3),
    "grades 1–5": (lambda rng, n: rng.choice(_SCALE, n, p=_VOTES), float(_SCALE @ _VOTES)),
    "80 % exactly 1": (lambda rng, n: np.where(rng.random(n) < 0.8, 1, rng.random(n)), 0.9),
}
_REALS: dict[str, tuple[_Draw, float]] = {
    "normal": (lambda rng, n: rng.normal(3, 1, n), 3),
    "uniform": (lambda rng, n: 10 * rng.random(n), 5),
    "log-normal, σ 0.5": (lambda rng, n: 5 * rng.lognormal(0, 0.5, n), 5 * math.exp(0.125)),
    "exponential": (lambda rng, n: 5 * rng.exponential(1, n), 5),
    "log-normal, σ 1": (lambda rng, n: 5 * rng.lognormal(0, 1, n), 5 * math.exp(0.5)),
}


def _shares() -> Iterator[Cell]:
    for n in (10, 20, 50, 100, 300):
        for name, (draw, mean) in _SHARES.items():
            promise: Promise = "holds" if n >= 50 else "weak"
            yield Cell("wilson_effective", f"{n}", name, promise, _of_mean(draw, n, mean))


def _reals() -> Iterator[Cell]:
    for n in (10, 20, 50, 100, 300):
        for name, (draw, mean) in _REALS.items():
            promise: Promise = "holds" if n >= 50 and name != "log-normal, σ 1" else "weak"
            yield Cell("t, t_skewness", f"{n}", name, promise, _of_mean(draw, n, mean))


def _of_mean(draw: _Draw, n: int, mean: float) -> Callable[[np.random.Generator], bool]:
    return lambda rng: _holds(estimate(draw(rng, n)), mean)  # type: ignore[arg-type]


# One mean, clusters


@dataclass(frozen=True)
class Clusters:
    """Clusters of five rows each, or of unequal sizes: log-normal, about 1 to 35 rows."""

    count: int
    equal: bool

    @property
    def members(self) -> NDArray[np.intp]:
        return np.repeat(np.arange(self.count), self._sizes())

    @property
    def names(self) -> list[str]:
        return [str(member) for member in self.members]

    def __str__(self) -> str:
        return f"{self.count} {'equal' if self.equal else 'unequal'}"

    def _sizes(self) -> NDArray[np.intp]:
        from statistics import NormalDist

        if self.equal:
            return np.full(self.count, 5)
        places = [(index + 0.5) / self.count for index in range(self.count)]
        return np.array([1 + round(math.exp(1 + NormalDist().inv_cdf(place))) for place in places])


def _designs(*counts: int) -> Iterator[Clusters]:
    yield from (Clusters(count, equal) for count in counts for equal in (True, False))


def clustered_binary(rng: np.random.Generator, members: NDArray[np.intp], p: float, correlation: float) -> Vector:
    """0/1 rows with the mean p; a cluster's own chance is from a beta distribution."""
    if correlation == 0:
        return (rng.random(len(members)) < p).astype(float)
    weight = (1 - correlation) / correlation
    chances = rng.beta(p * weight, (1 - p) * weight, members[-1] + 1)
    return (rng.random(len(members)) < chances[members]).astype(float)


CORRELATIONS = (0.0, 0.2, 0.5)


def _clustered_shares() -> Iterator[Cell]:
    for clusters in _designs(10, 40, 100, 300):
        for correlation in CORRELATIONS:
            for band in BANDS:
                data = f"ICC {correlation}, {_band(band)}"
                draw = _of_clusters(clusters, correlation, band)
                yield Cell("wilson_clustered", f"{clusters}", data, _promise(clusters, correlation, band), draw)


def _promise(clusters: Clusters, correlation: float, band: tuple[float, float]) -> Promise:
    """Where clusters are alike, and the rarer outcome is worth a dozen rows or more."""
    worth = clusters.count * 5 / (1 + 4 * correlation)
    return "holds" if clusters.equal and clusters.count >= 40 and worth * (1 - band[1]) >= 12 else "wide"


def _of_clusters(
    clusters: Clusters, correlation: float, band: tuple[float, float]
) -> Callable[[np.random.Generator], bool]:
    members, names = clusters.members, clusters.names

    def draw(rng: np.random.Generator) -> bool:
        p = rng.uniform(*band)
        return _holds(estimate(clustered_binary(rng, members, p, correlation), clusters=names), p)  # type: ignore[arg-type]

    return draw


def _clustered_reals() -> Iterator[Cell]:
    for clusters in _designs(10, 20, 40, 100):
        for correlation in CORRELATIONS:
            promise: Promise = "holds" if clusters.equal else "wide"
            draw = _of_normal_clusters(clusters, correlation)
            yield Cell("t_clustered", f"{clusters}", f"normal, ICC {correlation}", promise, draw)


def normal_clusters(rng: np.random.Generator, members: NDArray[np.intp], correlation: float) -> Vector:
    own = rng.normal(size=len(members)) * math.sqrt(1 - correlation)
    return 3 + own + (rng.normal(size=members[-1] + 1) * math.sqrt(correlation))[members]


def _of_normal_clusters(clusters: Clusters, correlation: float) -> Callable[[np.random.Generator], bool]:
    members, names = clusters.members, clusters.names
    return lambda rng: _holds(estimate(normal_clusters(rng, members, correlation), clusters=names), 3)  # type: ignore[arg-type]


# Two sides, the same rows


def _paired_binary() -> Iterator[Cell]:
    for n in (20, 50, 100, 200):
        for discordance in (0.05, 0.1, 0.2, 0.4):
            promise: Promise = "holds" if n * discordance >= 5 else "wide"
            exact = lambda n=n, discordance=discordance: _tango_exact(n, discordance)  # noqa: E731
            yield Cell("mcnemar_exact", f"{n}", f"{discordance:.0%} discordant", promise, exact=exact)


def _tango_exact(n: int, discordance: float) -> float:
    """Over shares of wins among the discordant from 15 to 85 %, and discordance 15 % up and down."""
    quantile = normal_quantile(0.95)
    most = min(n, math.ceil(n * discordance * 1.15 + 7 * math.sqrt(n * discordance)))
    table = [(b, c, *tango(b, c, n, quantile)) for b in range(most + 1) for c in range(most + 1 - b)]
    losses, wins, lows, highs = np.array(table).T
    ways = np.array([math.lgamma(n + 1) - sum(map(math.lgamma, (b + 1, c + 1, n - b - c + 1))) for b, c, *_ in table])
    found = []
    for share in np.linspace(0.15, 0.85, 15):
        for apart in np.linspace(0.85, 1.15, 7) * discordance:
            p, q = apart * (1 - share), apart * share
            chances = np.exp(
                ways + losses * math.log(p) + wins * math.log(q) + (n - losses - wins) * math.log1p(-p - q)
            )
            found.append(chances[(lows <= q - p) & (q - p <= highs)].sum())
    return float(np.mean(found))


def _paired_reals() -> Iterator[Cell]:
    pairs: dict[str, tuple[_Draw, float]] = {
        "normal": (lambda rng, n: rng.normal(0.1, 0.3, n), 0.1),
        "uniform against uniform": (lambda rng, n: rng.random(n) - rng.random(n), 0.0),
        "half the same": (lambda rng, n: (rng.random(n) < 0.5) * rng.normal(0.1, 0.3, n), 0.05),
        "most near 1": (lambda rng, n: rng.beta(2, 0.3, n) - rng.beta(2, 0.5, n), 2 / 2.3 - 0.8),
    }
    for n in (10, 20, 50, 100, 300):
        for name, (draw, mean) in pairs.items():
            promise: Promise = "holds" if n >= 100 or (n >= 50 and name != "half the same") else "weak"

            def pair(rng: np.random.Generator, n: int = n, draw: _Draw = draw, mean: float = mean) -> bool:
                return _holds(paired(np.zeros(n), draw(rng, n)), mean)  # type: ignore[arg-type]

            yield Cell("paired_t", f"{n}", name, promise, pair)


def _paired_clustered() -> Iterator[Cell]:
    for clusters in _designs(20, 40, 100):
        for correlation in CORRELATIONS:
            draw = _of_binary_pairs(clusters, correlation)
            promise: Promise = "weak" if clusters.count < 40 else "holds" if clusters.equal else "wide"
            yield Cell("paired_t_clustered", f"{clusters}", f"0/1, p 0.75 and 0.8, ICC {correlation}", promise, draw)


def _of_binary_pairs(clusters: Clusters, correlation: float) -> Callable[[np.random.Generator], bool]:
    members, names = clusters.members, clusters.names

    def draw(rng: np.random.Generator) -> bool:
        sides = [clustered_binary(rng, members, p, correlation) for p in (0.75, 0.8)]
        return _holds(paired(sides[0], sides[1], clusters=names), 0.05)  # type: ignore[arg-type]

    return draw


# Two sides, different rows


def _two_proportions() -> Iterator[Cell]:
    for n in (20, 50):
        for first, second in (((0.5, 0.75), (0.5, 0.75)), ((0.75, 0.9), (0.5, 0.75)), ((0.9, 0.97), (0.75, 0.9))):
            exact = lambda n=n, first=first, second=second: _newcombe_exact(n, first, second)  # noqa: E731
            promise: Promise = "holds" if n >= 50 else "wide"
            yield Cell(
                "fisher_exact", f"{n} + {n}", f"{_band(first)} and {second[0]}–{second[1]}", promise, exact=exact
            )


def _newcombe_exact(n: int, first: tuple[float, float], second: tuple[float, float]) -> float:
    lows, highs = np.empty((2, n + 1, n + 1))
    samples = [Sample([1.0] * count + [0.0] * (n - count)) for count in range(n + 1)]
    for a in range(n + 1):
        for b in range(n + 1):
            found = unpaired(samples[a], samples[b])
            lows[a, b], highs[a, b] = found.low, found.high
    held = []
    for p in np.linspace(*first, 9):
        for q in np.linspace(*second, 9):
            inside = (lows <= q - p) & (q - p <= highs)
            held.append(float((np.outer(_binomial(n, p), _binomial(n, q)) * inside).sum()))
    return float(np.mean(held))


def _two_means() -> Iterator[Cell]:
    for n, m in ((20, 20), (50, 100)):
        for name in ("normal", "uniform", "exponential"):
            draw, mean = _REALS[name]

            def two(rng: np.random.Generator, n: int = n, m: int = m, draw: _Draw = draw, mean: float = mean) -> bool:
                return _holds(unpaired(Sample(draw(rng, n)), Sample(2 * draw(rng, m))), mean)  # type: ignore[arg-type]

            promise: Promise = "holds" if name != "exponential" or n >= 50 else "weak"
            yield Cell("welch", f"{n} + {m}", f"{name}, spread 1 : 2", promise, two)


def _two_clustered() -> Iterator[Cell]:
    for clusters in _designs(20, 40):
        for correlation in CORRELATIONS:
            members, names = clusters.members, clusters.names

            def two(
                rng: np.random.Generator,
                members: NDArray[np.intp] = members,
                names: list[str] = names,
                correlation: float = correlation,
            ) -> bool:
                sides = [Sample(clustered_binary(rng, members, p, correlation), names) for p in (0.7, 0.8)]  # type: ignore[arg-type]
                return _holds(unpaired(*sides), 0.1)

            promise: Promise = "holds" if clusters.equal and clusters.count >= 40 else "wide"
            yield Cell("welch_clustered", f"{clusters} each", f"0/1, p 0.7 and 0.8, ICC {correlation}", promise, two)
