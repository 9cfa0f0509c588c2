"""Agreement beyond chance, beside other people's programs, published examples, and simulation."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from benchmarks.agreement_coverage import held, scale_units, tables, true_alpha
from statsmodels.stats.inter_rater import cohens_kappa as oracle

from penstock.judges.agreement import Metric, Weights, agreement, cohens_kappa, krippendorff_alpha

_ = None
# Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve units.
PUBLISHED = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3),
    (_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _),
)
UNITS = [[value for value in unit if value is not None] for unit in zip(*PUBLISHED, strict=True)]


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_kappa_and_its_error_are_those_of_statsmodels(size: int, weights: Weights) -> None:
    table = np.random.default_rng(size).integers(0, 20, (size, size)) + 9 * np.eye(size, dtype=int)
    found = cohens_kappa(table.tolist(), weights=weights)
    expected = oracle(table, wt=None if weights == "none" else weights)
    assert found.value == pytest.approx(expected.kappa, abs=1e-9)
    assert found.standard_error == pytest.approx(expected.std_kappa, abs=1e-9)
    assert found.asymptotic == pytest.approx((expected.kappa_low, expected.kappa_upp), abs=1e-9)
    assert found.interval is not None
    assert found.interval[0] < expected.kappa < found.interval[1]


def by_definition(units: Sequence[Sequence[float]], metric: Metric) -> float:
    """Alpha from the coincidences of all pairs of values, as the book writes it."""
    rated = [unit for unit in units if len(unit) > 1]
    values = sorted(value for unit in rated for value in unit)
    counts = {value: values.count(value) for value in values}

    def distance(a: float, b: float) -> float:
        if metric == "nominal":
            return float(a != b)
        if metric == "interval":
            return (a - b) ** 2
        between = sum(count for value, count in counts.items() if min(a, b) <= value <= max(a, b))
        return (between - (counts[a] + counts[b]) / 2) ** 2

    n = len(values)
    observed = sum(distance(*pair) / (len(unit) - 1) for unit in rated for pair in itertools.permutations(unit, 2)) / n
    return 1 - observed / (sum(distance(*pair) for pair in itertools.permutations(values, 2)) / (n * (n - 1)))


@pytest.mark.parametrize(("metric", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(metric: Metric, value: float) -> None:
    found = krippendorff_alpha(UNITS, metric=metric)
    assert (found.value, found.n) == (pytest.approx(value, abs=5e-4), 11)
    assert found.value == pytest.approx(by_definition(UNITS, metric), abs=1e-9)


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
def test_alpha_follows_its_definition_and_its_error_the_jackknife(metric: Metric) -> None:
    random = np.random.default_rng(7)
    units = [list(map(float, random.integers(1, 5, random.integers(1, 5)))) for _ in range(25)]
    rated = [unit for unit in units if len(unit) > 1]
    found = krippendorff_alpha(units, metric=metric)
    assert found.value == pytest.approx(by_definition(units, metric), abs=1e-9)
    without = [by_definition(rated[:place] + rated[place + 1 :], metric) for place in range(len(rated))]
    n = len(rated)
    error = ((n - 1) / n * sum((value - found.value) ** 2 for value in without)) ** 0.5
    assert found.standard_error == pytest.approx(error, abs=1e-9)


def test_intervals_hold_the_true_value_where_the_usual_ones_do_not() -> None:
    for n, share, kappa in ((30, 0.5, 0.4), (30, 0.93, 0.8), (60, 0.8, 0.4)):
        found = [one for one in map(cohens_kappa, tables(n, share, kappa, 300)) if one.value is not None]
        assert held(found, "interval", kappa) >= 0.92, (n, share, kappa)
    rare = [one for one in map(cohens_kappa, tables(30, 0.93, 0.8, 300)) if one.value is not None]
    assert held(rare, "asymptotic", 0.8) < 0.7
    scales = [krippendorff_alpha(units, metric="interval") for units in scale_units(30, 60)]
    assert held(scales, "interval", true_alpha()) >= 0.88


def test_what_is_not_defined_says_why() -> None:
    assert cohens_kappa([[0, 0], [0, 0]]).note == "nothing was rated by both"
    one_sided = cohens_kappa([[12, 0], [0, 0]])
    assert (one_sided.value, one_sided.n, one_sided.interval) == (None, 12, None)
    assert one_sided.note == "both gave one and the same answer throughout"
    assert krippendorff_alpha([[1], [0], []]).note == "nothing was rated by two people"
    assert krippendorff_alpha([[1, 1], [1, 1, 1]]).value is None
    with pytest.raises(ValueError, match="level"):
        cohens_kappa([[1, 0], [0, 1]], level=95)


def test_few_perfect_labels_are_not_certain() -> None:
    """The usual intervals would say [1, 1]."""
    few, many = cohens_kappa([[3, 0], [0, 3]]), cohens_kappa([[300, 0], [0, 300]])
    assert few.value == many.value == 1
    assert few.interval is not None
    assert many.interval is not None
    assert (few.interval[0] < 0.2, many.interval[0] > 0.97) == (True, True)
    assert few.interval[1] == many.interval[1] == 1
    assert few.bootstrap == (1, 1)
    people = krippendorff_alpha([[1, 1], [0, 0], [1, 1, 1]])
    assert people.value == 1
    assert people.interval is not None
    assert people.interval[0] < 0.5


def test_an_interval_on_a_scale_says_that_few_labels_make_it_too_narrow() -> None:
    few, many = [[9, 2, 0], [1, 9, 2], [0, 1, 9]], [[40, 4, 0], [2, 40, 4], [0, 2, 40]]
    assert "on a scale the interval may be too narrow" in (cohens_kappa(few, weights="quadratic").note or "")
    assert cohens_kappa(many, weights="quadratic").note is None
    assert cohens_kappa(few).note is None


def test_the_same_labels_give_the_same_intervals() -> None:
    table = [[20, 4], [6, 10]]
    assert cohens_kappa(table) == cohens_kappa(table)
    assert krippendorff_alpha(UNITS) == krippendorff_alpha(list(reversed(UNITS)))


def test_a_table_counts_each_answer() -> None:
    pairs = [("pass", "pass")] * 5 + [("pass", "fail")] * 2 + [("fail", "fail")] * 3
    found = agreement(pairs, ("pass", "fail"))
    assert found.confusion == ((5, 2), (0, 3))
    assert (found.n, found.accuracy) == (10, 0.8)
    passes, fails = found.classes
    assert (passes.given, passes.predicted, passes.both) == (7, 5, 5)
    assert (passes.precision, passes.recall) == (1.0, 5 / 7)
    assert (fails.precision, fails.recall) == (3 / 5, 1.0)
    (nothing, _) = agreement([], ("pass", "fail")).classes
    assert (nothing.precision, nothing.recall) == (None, None)
    with pytest.raises(ValueError, match="maybe"):
        agreement([("maybe", "pass")], ("pass", "fail"))


@pytest.mark.parametrize("table", [[[50, 3], [0, 0]], [[0, 4], [0, 9]], [[1, 1], [0, 0]]])
@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_where_one_of_them_says_the_same_throughout_kappa_says_nothing_and_so_it_is_said(
    table: list[list[int]], weights: Weights
) -> None:
    found = cohens_kappa(table, weights=weights)
    assert found.value == pytest.approx(0)
    assert found.note is not None
    assert "one and the same answer" in found.note
    assert found.interval is not None
    assert found.interval[0] <= 0 < found.interval[1]


def test_one_or_two_things_have_a_value_that_is_said_to_be_worth_little() -> None:
    for found in (cohens_kappa([[1, 0], [0, 1]]), krippendorff_alpha([[1, 0]]), krippendorff_alpha([[1, 1], [0, 0]])):
        assert found.note is not None
        assert "says little" in found.note
        assert found.interval is not None
        assert found.interval[1] - found.interval[0] > 0.9
    assert cohens_kappa([[1, 0], [0, 0]]).value is None
    assert krippendorff_alpha([[1.0], [0.0]]).value is None
