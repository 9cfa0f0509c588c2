"""Holding one side against another, on rows whose outcome is known."""

from __future__ import annotations

import pytest

from penstock.evaluations.comparison import OUTCOMES, Outcomes, Side, compare, judged_together
from penstock.evaluations.pairs import RowScores
from penstock.evaluations.statistics import holm, paired


def side(values: dict[str, float], clusters: dict[str, str] | None = None) -> Side:
    numbers = {row: int(row) for row in values}
    subsets = {row: "low" if int(row) < 6 else "high" for row in values}
    return Side(RowScores(values, {row: (clusters or {}).get(row) for row in values}), numbers, subsets)


FIRST = {str(row): float(row % 2) for row in range(12)}
SECOND = {str(row): float(row % 3 == 0) for row in range(12)}


def test_each_row_has_one_of_four_outcomes() -> None:
    found = compare(side(FIRST), side(SECOND))
    assert found.whole.outcomes == Outcomes(both_succeed=2, both_fail=4, reference_fails=2, comparison_fails=4)
    assert [*found.row_numbers] == list(range(12))
    named = [OUTCOMES[code] for code in found.row_outcomes]
    assert named[:4] == ["reference_fails", "comparison_fails", "both_fail", "both_succeed"]
    assert found.whole.difference == paired([*FIRST.values()], [*SECOND.values()])
    assert found.whole.adjusted_p == found.whole.difference.p_value


def test_a_half_is_no_success() -> None:
    found = compare(side({"0": 0.5, "1": 0.51}), side({"0": 0.51, "1": 0.5}))
    assert found.whole.outcomes == Outcomes(reference_fails=1, comparison_fails=1)


def test_rows_of_one_side_are_left_out_counted_and_their_effect_told() -> None:
    first = {**FIRST, "12": 1.0, "13": 1.0}
    second = {row: value for row, value in SECOND.items() if row not in ("0", "3")}
    found = compare(side(first), side(second))
    assert found.whole.difference.n_pairs == 10
    assert (found.unpaired.reference_only, found.unpaired.comparison_only) == (4, 0)
    plain = 2 / 10 - 8 / 14
    assert found.unpaired.effect == pytest.approx(plain - (2 - 5) / 10)
    assert compare(side(FIRST), side(SECOND)).unpaired.effect == 0


def test_sides_that_share_no_row_leave_nothing_to_test() -> None:
    found = compare(side({"0": 1.0, "1": 0.0}), side({"2": 1.0}))
    assert (found.whole.difference.difference, found.whole.adjusted_p) == (None, None)
    assert found.whole.verdict.decision == "unclear"
    assert (found.unpaired.reference_only, found.unpaired.comparison_only, found.unpaired.effect) == (2, 1, None)


def test_subsets_are_compared_each_and_judged_together() -> None:
    found = compare(side(FIRST), side(SECOND))
    assert {name: one.difference.n_pairs for name, one in found.subsets.items()} == {"high": 6, "low": 6}
    p_values = [one.difference.p_value or 0 for one in found.subsets.values()]
    assert [one.adjusted_p for one in found.subsets.values()] == holm(p_values)


def test_what_is_clear_alone_may_not_be_among_many() -> None:
    better = {str(row): 1.0 for row in range(12)} | {"0": 0.0}
    alone = compare(side({row: 0.0 if int(row) < 6 else 1.0 for row in FIRST}), side(better)).whole
    weak = compare(side({row: 0.0 if int(row) < 7 else 1.0 for row in FIRST}), side(better)).whole
    assert weak.verdict.decision == "better"
    assert alone.verdict.decision == "unclear"
    together = judged_together({1: weak, 2: alone, 3: alone})
    assert together[1].adjusted_p == pytest.approx(3 * (weak.difference.p_value or 0))
    assert together[1].verdict.decision == "unclear"


def test_clusters_of_the_benchmark_are_taken_into_account() -> None:
    clusters = {row: str(int(row) // 3) for row in FIRST}
    found = compare(side(FIRST, clusters), side(SECOND, clusters)).whole.difference
    assert (found.test, found.clusters) == ("paired_t_clustered", 4)
