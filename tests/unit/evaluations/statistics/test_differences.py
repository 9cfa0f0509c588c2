"""Differences and their tests, against scipy, statsmodels and the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep

from penstock.evaluations.statistics import Difference, Sample, paired, unpaired, verdict
from penstock.evaluations.statistics.clusters import clustered_mean
from penstock.evaluations.statistics.intervals import tango

CLOSE = {"rel": 1e-9, "abs": 1e-12}


def bounds(found: Difference) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def pairs(both: int, losses: int, wins: int, neither: int) -> tuple[list[float], list[float]]:
    first = [1.0] * (both + losses) + [0.0] * (wins + neither)
    return first, [1.0] * both + [0.0] * losses + [1.0] * wins + [0.0] * neither


@pytest.mark.parametrize("table", [(400, 86, 142, 691), (3, 0, 5, 2), (0, 1, 0, 1), (10, 7, 7, 3), (40, 0, 0, 2)])
def test_right_and_wrong_on_the_same_rows_are_tested_by_mcnemar(table: tuple[int, int, int, int]) -> None:
    both, losses, wins, neither = table
    found = paired(*pairs(*table))
    oracle = mcnemar([[both, losses], [wins, neither]], exact=True) if losses + wins else None
    assert (found.test, found.losses, found.wins, found.n_pairs) == ("mcnemar_exact", losses, wins, sum(table))
    assert found.p_value == pytest.approx(1.0 if oracle is None else oracle.pvalue, **CLOSE)
    assert found.difference == pytest.approx((wins - losses) / sum(table), **CLOSE)


@pytest.mark.parametrize(("losses", "wins", "n"), [(86, 142, 1319), (1, 8, 20), (5, 5, 40), (0, 4, 30)])
def test_tangos_interval_ends_where_the_score_is_the_quantile(losses: int, wins: int, n: int) -> None:
    """The score's nuisance parameter is found by maximizing the likelihood, not by Tango's formula."""
    for bound, sign in zip(tango(losses, wins, n, 1.96), (1, -1), strict=True):

        def unlikelihood(loss: float, bound: float = bound) -> float:
            chances = (loss, loss + bound, 1 - 2 * loss - bound)
            counts = (losses, wins, n - losses - wins)
            return -sum(count * math.log(chance) for count, chance in zip(counts, chances, strict=True) if count)

        least, most = max(0.0, -bound) + 1e-12, (1 - bound) / 2 - 1e-12
        loss = optimize.minimize_scalar(unlikelihood, bounds=(least, most), options={"xatol": 1e-13}).x
        score = (wins - losses - n * bound) / math.sqrt(n * (2 * loss + bound - bound**2))
        assert score == pytest.approx(sign * 1.96, rel=1e-5)


def test_scores_on_the_same_rows_are_tested_by_paired_t() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(5, 1, 40)
    second = first + rng.normal(0.2, 0.5, 40)
    found = paired(first.tolist(), second.tolist())
    oracle = stats.ttest_rel(second, first)
    assert found.test == "paired_t"
    assert found.p_value == pytest.approx(oracle.pvalue, **CLOSE)
    assert bounds(found) == pytest.approx(tuple(oracle.confidence_interval()), **CLOSE)
    assert found.correlation == pytest.approx(stats.pearsonr(first, second).statistic, **CLOSE)
    assert found.losses is None


def test_pairing_shows_what_two_separate_means_do_not() -> None:
    rng = np.random.default_rng(2)
    hard = rng.normal(5, 2, 50)
    second = hard + 0.3 + rng.normal(0, 0.3, 50)
    assert paired(hard.tolist(), second.tolist()).p_value < 1e-6  # type: ignore[operator]
    assert unpaired(Sample(hard.tolist()), Sample(second.tolist())).p_value > 0.3  # type: ignore[operator]


@pytest.mark.parametrize("skewed", [False, True])
def test_the_p_value_is_where_the_interval_touches_zero(skewed: bool) -> None:
    rng = np.random.default_rng(3)
    second = rng.exponential(1, 60) - 0.9 if skewed else rng.normal(0.2, 1, 60)
    clusters = [str(row // 3) for row in range(60)]
    for kwargs in ({}, {"clusters": clusters}):
        found = paired([0.0] * 60, second.tolist(), **kwargs)  # type: ignore[arg-type]
        assert found.p_value is not None
        at = paired([0.0] * 60, second.tolist(), level=1 - found.p_value, **kwargs)  # type: ignore[arg-type]
        assert min(map(abs, bounds(at))) == pytest.approx(0, abs=1e-9)


def test_clusters_widen_a_paired_difference_of_right_and_wrong() -> None:
    first = [float(row % 2) for row in range(200)]
    second = [1.0 if (row // 10) % 3 == 0 else value for row, value in enumerate(first)]
    clusters = [str(row // 10) for row in range(200)]
    found = paired(first, second, clusters=clusters)
    direct = clustered_mean(np.array(second) - np.array(first), np.arange(200) // 10)
    assert (found.test, found.clusters, found.wins, found.losses) == ("paired_t_clustered", 20, 35, 0)
    assert found.standard_error == direct.pivot.standard_error
    assert found.p_value > paired(first, second).p_value  # type: ignore[operator]


def test_different_rows_of_right_and_wrong_have_newcombes_interval_and_fishers_test() -> None:
    found = unpaired(Sample([1.0] * 30 + [0.0] * 20), Sample([1.0] * 56 + [0.0] * 24))
    low, high = confint_proportions_2indep(56, 80, 30, 50, method="newcomb", compare="diff")
    assert found.test == "fisher_exact"
    assert bounds(found) == pytest.approx((low, high), **CLOSE)
    assert found.p_value == pytest.approx(stats.fisher_exact([[30, 20], [56, 24]]).pvalue, **CLOSE)


def test_different_rows_of_any_scores_are_tested_by_welch() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.normal(5, 1, 30), rng.normal(5.5, 2, 45)
    found = unpaired(Sample(first.tolist()), Sample(second.tolist()), level=0.9)
    oracle = stats.ttest_ind(second, first, equal_var=False)
    assert found.test == "welch"
    assert found.p_value == pytest.approx(oracle.pvalue, **CLOSE)
    assert bounds(found) == pytest.approx(tuple(oracle.confidence_interval(0.9)), **CLOSE)


@pytest.mark.parametrize(
    ("first", "second", "clusters", "why"),
    [
        ([], [], None, "no pairs"),
        ([1.0], [0.0], None, "One pair"),
        ([0.2] * 3, [0.4] * 3, None, "same"),
        ([3.0] * 3, [3.0] * 3, None, "same"),
        ([1.0, 0.0], [0.0, 0.0], ["a", "a"], "one cluster"),
    ],
)
def test_where_nothing_is_known_there_is_no_test_but_a_reason(
    first: list[float], second: list[float], clusters: list[str | None] | None, why: str
) -> None:
    found = paired(first, second, clusters=clusters)
    assert (found.low, found.high, found.p_value, found.test) == (None, None, None, "none")
    assert found.note is not None
    assert why in found.note
    assert verdict(found).decision == "unclear"


def test_two_sides_that_never_differ_may_still_differ_elsewhere() -> None:
    graded = paired([0.5] * 58, [0.5] * 58)
    assert graded.p_value == 1
    assert bounds(graded) == pytest.approx((-0.0616, 0.0616), abs=1e-4)
    low, high = bounds(paired(*pairs(30, 0, 0, 28)))
    assert -0.08 < low < 0 < high < 0.08


def test_one_side_without_an_interval_leaves_the_plain_difference() -> None:
    found = unpaired(Sample([0.5]), Sample([1.0, 0.0]))
    assert (found.difference, found.p_value, found.low) == (0.0, None, None)
    assert "One value" in (found.note or "")
    assert unpaired(Sample([]), Sample([1.0])).difference is None


def test_lengths_have_to_match() -> None:
    with pytest.raises(ValueError, match="2 and 1"):
        paired([1.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="is nan"):
        paired([1.0, math.nan], [1.0, 0.0])


def test_a_verdict_goes_by_the_p_value_or_the_adjusted_one() -> None:
    found = paired(*pairs(400, 86, 142, 691))
    assert verdict(found).decision == "better"
    assert verdict(paired(*reversed(pairs(400, 86, 142, 691)))).decision == "worse"
    held_back = verdict(found, p_value=0.2)
    assert held_back.decision == "unclear"
    small = paired(*pairs(40, 8, 14, 60))
    told = verdict(small)
    assert told.more_rows is not None
    assert f"about {told.more_rows:,} more rows" in told.text
    again = paired(*pairs(*(count * (122 + told.more_rows) // 122 for count in (40, 8, 14, 60))))
    assert again.minimum_detectable == pytest.approx(6 / 122, rel=0.02)


def test_no_number_of_rows_shows_a_difference_of_nothing() -> None:
    told = verdict(paired(*pairs(10, 4, 4, 10)))
    assert (told.decision, told.more_rows) == ("unclear", None)


def test_a_difference_in_every_one_of_too_few_rows_is_not_called_small() -> None:
    found = paired([1.0, 1.0], [0.0, 0.0])
    assert (found.difference, found.p_value) == (-1.0, 0.5)
    assert verdict(found).text == "Cannot tell yet: these are too few rows."


def test_few_rows_that_differ_among_many_alike_are_no_difference_more_often_than_promised() -> None:
    """Scores on a scale, most of them the same: a test by Student's t errs in one draw of seven here."""
    random = np.random.default_rng(5)
    steps = random.choice([-0.5, -0.25, 0.25, 0.5], size=(400, 50)) * (random.random((400, 50)) < 0.1)
    found = [paired([0.5] * 50, list(0.5 + some)) for some in steps if some.any()]
    assert {one.test for one in found} == {"sign_flips"}
    assert np.mean([one.p_value is not None and one.p_value <= 0.05 for one in found]) <= 0.05
    assert paired([0.5] * 50, [0.5] * 38 + [0.75] * 12).p_value == pytest.approx(2 / 2**12)
