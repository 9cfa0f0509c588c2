"""How often the intervals of kappa and alpha hold the true value, by simulation.

Two raters say pass or fail; the true kappa and the share of passes are given. Nominal 95 %. For alpha three raters
give steps of a scale, of which a part is missing.
"""

from __future__ import annotations

import numpy as np

from benchmarks.report import Report, at_least
from penstock.judges.agreement import Coefficient, cohens_kappa, krippendorff_alpha

GRID = [(n, share, kappa) for n in (30, 100) for share in (0.5, 0.8, 0.93) for kappa in (0.0, 0.4, 0.8)]
DRAWS = 600
LEAST = 0.92
"""What the quoted interval has to reach, also where labels are nearly all alike."""
SCALE_DRAWS = 2_000


def measure(report: Report, *, quick: bool) -> None:
    for n, share, kappa in GRID[:2] if quick else GRID:
        found = [cohens_kappa(table) for table in tables(n, share, kappa, 50 if quick else DRAWS)]
        defined = [one for one in found if one.value is not None]
        case = f"n {n}, pass {share:g}, kappa {kappa:g}"
        report.add(f"{case}: interval", held(defined, "interval", kappa), "", target=at_least(LEAST))
        report.add(f"{case}: asymptotic", held(defined, "asymptotic", kappa), "")
        report.add(f"{case}: bootstrap", held(defined, "bootstrap", kappa), "")
    for n in (30,) if quick else (30, 100):
        true = true_alpha()
        scales = [krippendorff_alpha(one, metric="interval") for one in scale_units(n, 20 if quick else SCALE_DRAWS)]
        report.add(f"alpha of a scale, n {n}: interval", held(scales, "interval", true), "", target=at_least(LEAST))
        report.add(f"alpha of a scale, n {n}: bootstrap", held(scales, "bootstrap", true), "")
    report.note("Draws without a kappa (one answer throughout) are left out.")


def tables(n: int, share: float, kappa: float, draws: int) -> list[list[list[int]]]:
    """Counts of pass and fail by two raters with the same share of passes."""
    random = np.random.default_rng(1)
    both, neither = share**2 + kappa * share * (1 - share), (1 - share) ** 2 + kappa * share * (1 - share)
    apart = share * (1 - share) * (1 - kappa)
    drawn = random.multinomial(n, [both, apart, apart, neither], size=draws)
    return [table.reshape(2, 2).tolist() for table in drawn]


def scale_units(n: int, draws: int) -> list[list[list[float]]]:
    """Steps from 1 to 5 by three raters, of which a fifth is missing."""
    random = np.random.default_rng(2)
    truth = random.normal(size=(draws, n, 1))
    steps = np.clip(np.round(3 + truth + 0.7 * random.normal(size=(draws, n, 3))), 1, 5)
    there = random.random(steps.shape) > 0.2
    return [[unit[seen].tolist() for unit, seen in zip(*one, strict=True)] for one in zip(steps, there, strict=True)]


def true_alpha() -> float:
    """Of the same raters over 200,000 units, without an interval: 1 − observed / expected squared distance."""
    random = np.random.default_rng(3)
    steps = np.clip(np.round(3 + random.normal(size=(200_000, 1)) + 0.7 * random.normal(size=(200_000, 3))), 1, 5)
    observed = float(steps.var(axis=1, ddof=1).mean())
    return 1 - observed / float(steps.var())


def held(found: list[Coefficient], name: str, true: float) -> float:
    """The share of intervals with the true value in them."""
    ends = [getattr(one, name) for one in found]
    return sum(low - 1e-9 <= true <= high + 1e-9 for low, high in ends) / len(ends)
