"""Holm's correction, epochs and power: against statsmodels and against enumeration."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import normal_sample_size_one_tail

from penstock.evaluations.statistics import (
    difference_deviation,
    holm,
    least_epochs,
    minimum_detectable,
    pass_at_k,
    pass_hat_k,
    reducer,
    rows_needed,
)


def test_holm_adjusts_like_statsmodels() -> None:
    for values in ([], [0.03], [0.01, 0.04, 0.03, 0.005], np.random.default_rng(1).random(30).tolist(), [0.5] * 4):
        oracle = multipletests(values, method="holm")[1].tolist() if values else []
        assert holm(values) == pytest.approx(oracle, rel=1e-9)
    with pytest.raises(ValueError, match="no p-value"):
        holm([0.5, 1.5])


@pytest.mark.parametrize(("n", "c"), [(5, 0), (5, 2), (5, 5), (6, 3)])
@pytest.mark.parametrize("k", [1, 2, 4])
def test_passing_at_k_and_k_times_count_all_choices_of_answers(n: int, c: int, k: int) -> None:
    chosen = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, chosen)) / len(chosen), rel=1e-9)
    assert pass_hat_k(n, c, k) == pytest.approx(sum(map(all, chosen)) / len(chosen), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("mean", [1.0, 0.0, 0.5], 0.5),
        ("mean", [], None),
        ("at_least_2", [1.0, 0.6, 0.5], 1.0),
        ("at_least_3", [1.0, 0.6, 0.5], 0.0),
        ("pass@2", [1.0, 0.0, 0.0], 2 / 3),
        ("pass^2", [1.0, 1.0, 0.0], 1 / 3),
        ("pass@4", [1.0, 1.0, 1.0], None),
    ],
)
def test_epochs_become_one_score(name: str, values: list[float], expected: float | None) -> None:
    found = reducer(name)(values)
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_reducer_that_is_none_is_refused() -> None:
    for name in ("median", "pass@0", "pass@", "at_least_x", "pass@2 "):
        with pytest.raises(ValueError, match="no way to reduce"):
            reducer(name)
    assert [least_epochs(name) for name in ("mean", "at_least_3", "pass^5")] == [1, 3, 5]
    with pytest.raises(ValueError, match="do not go together"):
        pass_at_k(3, 4, 1)


def test_what_rows_can_show_agrees_with_statsmodels() -> None:
    for n, deviation, power, alpha in ((100, 0.5, 0.8, 0.05), (1319, 0.41, 0.9, 0.01)):
        found = minimum_detectable(n, deviation, power=power, alpha=alpha)
        oracle = normal_sample_size_one_tail(found, power, alpha / 2, std_null=deviation)
        assert oracle == pytest.approx(n, rel=1e-9)
        assert rows_needed(found * (1 + 1e-9), deviation, power=power, alpha=alpha) == n


def test_the_spread_of_a_difference_follows_from_what_is_known() -> None:
    first, second = np.random.default_rng(2).multivariate_normal([0, 0], [[4, 3], [3, 4]], 200_000).T
    assert difference_deviation(standard_deviation=2, correlation=0.75) == pytest.approx(
        np.std(second - first), rel=0.01
    )
    assert difference_deviation(p=0.5) == pytest.approx(0.5**0.5)
    assert difference_deviation(discordance=0.25) == 0.5
    for wrong in ({}, {"p": 0.5, "standard_deviation": 1}, {"p": 1.5}, {"discordance": 0.1, "p": 0.5}):
        with pytest.raises(ValueError, match=r"give one|has to lie|leave out"):
            difference_deviation(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="rows"):
        minimum_detectable(0, 0.5)
    with pytest.raises(ValueError, match="difference of 0"):
        rows_needed(0, 0.5)


def test_a_difference_that_no_number_of_rows_shows_has_none() -> None:
    assert [rows_needed(difference, 0.5) for difference in (1e-3, -1e-3, 1e-158, -5e-324)] == [1_962_220] * 2 + [
        None
    ] * 2
    assert minimum_detectable(100, 0.5, power=0.01, alpha=0.5) == 0
