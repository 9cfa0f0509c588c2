"""Means and their intervals, against numpy, scipy and statsmodels, and against themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from penstock.evaluations.statistics import Estimate, estimate
from penstock.evaluations.statistics.clusters import clustered_mean

CLOSE = {"rel": 1e-9, "abs": 1e-12}


def bounds(found: Estimate) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


@pytest.mark.parametrize(("right", "n"), [(0, 3), (3, 3), (1, 10), (37, 50), (1319, 1319), (742, 1319)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_right_and_wrong_have_wilsons_interval(right: int, n: int, level: float) -> None:
    found = estimate([1.0] * right + [0.0] * (n - right), level=level)
    assert found.method == "wilson"
    assert found.mean == pytest.approx(right / n, **CLOSE)
    assert bounds(found) == pytest.approx(proportion_confint(right, n, 1 - level, method="wilson"), **CLOSE)


def test_symmetric_values_have_students_interval() -> None:
    values = [2.0, 3.0, 5.0, 7.0, 8.0, 4.5, 5.5, 3.1, 6.9, 5.0]
    found = estimate(values, level=0.9)
    assert (found.method, found.degrees) == ("t", 9)
    assert found.standard_error == pytest.approx(stats.sem(values), **CLOSE)
    assert bounds(found) == pytest.approx(stats.t.interval(0.9, 9, np.mean(values), stats.sem(values)), **CLOSE)


def test_skewed_values_have_the_interval_whose_transformed_ends_are_students() -> None:
    values = np.random.default_rng(1).lognormal(0, 1, 60) * 5
    found = estimate(values.tolist())
    low, high = bounds(found)
    assert found.method == "t_skewness"
    assert high - values.mean() > values.mean() - low, "it reaches further where the long tail is"
    skewness, noise = stats.skew(values, bias=False), 6 * 60 * 59 / (58 * 61 * 63)
    kept = skewness * (1 - noise / skewness**2)

    def transformed(bound: float) -> float:
        t = (values.mean() - bound) / stats.sem(values)
        root = math.sqrt(60)
        return float(t + kept * t**2 / (3 * root) + kept**2 * t**3 / (27 * 60) + kept / (6 * root))

    assert transformed(low) == pytest.approx(stats.t.ppf(0.975, 59), **CLOSE)
    assert transformed(high) == pytest.approx(stats.t.ppf(0.025, 59), **CLOSE)


def test_graded_answers_have_the_score_interval_of_the_rows_they_are_worth() -> None:
    values = np.random.default_rng(2).choice([0, 0.25, 0.5, 1], 80)
    found = estimate(values.tolist())
    worth = values.mean() * (1 - values.mean()) / (values.var(ddof=1) / 80)
    assert found.method == "wilson_effective"
    for bound in bounds(found):
        distance = abs(values.mean() - bound) / math.sqrt(bound * (1 - bound) / worth)
        assert distance == pytest.approx(stats.t.ppf(0.975, 79), **CLOSE)


def test_clusters_of_one_size_have_the_usual_sandwich_and_students_t() -> None:
    rng = np.random.default_rng(3)
    members = np.repeat(np.arange(12), 4)
    values = 10 + rng.normal(size=12)[members] + rng.normal(size=48)
    usual = sm.OLS(values, np.ones(48)).fit(cov_type="cluster", cov_kwds={"groups": members, "use_correction": False})
    found = estimate(values.tolist(), clusters=[f"text {member}" for member in members])
    assert (found.method, found.clusters) == ("t_clustered", 12)
    assert found.degrees == pytest.approx(11, **CLOSE)
    assert found.standard_error == pytest.approx(usual.bse[0] * math.sqrt(12 / 11), **CLOSE)


def test_clusters_of_unequal_sizes_have_the_bias_reduced_variance_and_its_degrees() -> None:
    """Both computed from the matrices of their definitions."""
    rng = np.random.default_rng(4)
    members = np.repeat(np.arange(8), [1, 2, 3, 5, 8, 13, 2, 1])
    n = len(members)
    values = rng.normal(size=8)[members] + rng.normal(size=n)
    found = clustered_mean(values, members)
    design = np.full((n, 1), 1.0)
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    residuals = values - values.mean()
    rho = found.correlation
    covariance = (1 - rho) * np.eye(n) + rho * (members[:, None] == members[None, :])
    variance, columns = 0.0, []
    for cluster in range(8):
        own = np.flatnonzero(members == cluster)
        eigenvalues, vectors = np.linalg.eigh(np.eye(len(own)) - hat[np.ix_(own, own)])
        adjust = vectors @ np.diag(eigenvalues**-0.5) @ vectors.T
        weight = adjust @ np.ones(len(own)) / n
        variance += float(weight @ residuals[own]) ** 2
        columns.append((np.eye(n) - hat)[:, own] @ weight)
    spread = np.array(columns) @ covariance @ np.array(columns).T
    assert found.pivot.standard_error == pytest.approx(math.sqrt(variance), **CLOSE)
    assert found.pivot.degrees == pytest.approx(np.trace(spread) ** 2 / np.trace(spread @ spread), **CLOSE)
    assert 0 < found.correlation < 1


def test_rows_that_rise_and_fall_together_say_less_than_independent_ones() -> None:
    values = [float(cluster % 3 > 0) for cluster in range(60) for _ in range(10)]
    together = estimate(values, clusters=[str(row // 10) for row in range(600)])
    apart = estimate(values)
    assert together.method == "wilson_clustered"
    assert together.standard_error is not None
    assert apart.standard_error is not None
    assert together.standard_error / apart.standard_error == pytest.approx(math.sqrt(10), rel=0.03)


def test_rows_of_no_cluster_are_their_own() -> None:
    values = [0.0, 1.0, 1.0, 1.0, 0.0]
    assert estimate(values, clusters=[None] * 5) == estimate(values, clusters=list("abcde"))
    assert bounds(estimate(values, clusters=[None] * 5)) == bounds(estimate(values))
    mixed = estimate(values * 20, clusters=["a", "a", None, None, None] * 20)
    assert mixed.clusters == 61


@pytest.mark.parametrize(
    ("values", "clusters", "why"),
    [
        ([], None, "no values"),
        ([0.5], None, "One value"),
        ([3.0, 3.0, 3.0], None, "same"),
        ([1.0, 0.0, 1.0], ["a", "a", "a"], "one cluster"),
        ([3.0, 3.0, 3.0, 3.0], ["a", "a", "b", "b"], "same mean"),
    ],
)
def test_where_nothing_is_known_there_are_no_bounds_but_a_reason(
    values: list[float], clusters: list[str | None] | None, why: str
) -> None:
    found = estimate(values, clusters=clusters)
    assert (found.low, found.high, found.standard_error, found.method) == (None, None, None, "none")
    assert found.note is not None
    assert why in found.note
    assert found.mean == (sum(values) / len(values) if values else None)


@pytest.mark.parametrize("values", [[1.0] * 20, [0.7] * 20, [0.1 + 0.2] * 20])
def test_values_without_spread_are_not_taken_for_certain(values: list[float]) -> None:
    low, high = bounds(estimate(values))
    assert low < values[0] <= high
    assert high - low > 0.1


def test_rare_failures_in_few_clusters_are_said_to_be_uncertain() -> None:
    values = [0.0 if row in (7, 8, 9) else 1.0 for row in range(200)]
    found = estimate(values, clusters=[str(row // 10) for row in range(200)])
    assert found.method == "t_clustered"
    assert found.note is not None
    assert "few clusters" in found.note
    low, high = bounds(found)
    assert 0 <= low < 0.93
    assert high <= 1


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="value 1 is"):
        estimate([1.0, bad])


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="2 values but 1 clusters"):
        estimate([1.0, 0.0], clusters=["a"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        estimate([1.0, 0.0], level=95)


def test_order_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    values, clusters = rng.random(40), [str(number) for number in rng.integers(0, 9, 40)]
    turned = rng.permutation(40)
    first = estimate(values.tolist(), clusters=clusters)
    second = estimate(values[turned].tolist(), clusters=[clusters[place] for place in turned])
    assert bounds(first) == pytest.approx(bounds(second), **CLOSE)


def test_few_successes_in_few_clusters_lean_only_the_way_they_are_known_to() -> None:
    answers = [0.0, 0.0, 1.0, 0.0, *[0.0] * 4, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    clusters = [f"lamps {number // 4}" for number in range(16)]
    rare = estimate(answers, clusters=clusters)
    common = estimate([1 - answer for answer in answers], clusters=clusters)
    assert rare.high is not None
    assert rare.high >= 0.1875 + 3.18 * 0.0625 - 1e-3, "at least what Student's t with three degrees of freedom says"
    assert common.low == pytest.approx(1 - rare.high)
