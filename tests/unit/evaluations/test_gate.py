"""What a pipeline demands of an evaluation, decided from its rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from penstock.evaluations.gate import (
    Bound,
    Check,
    Gate,
    MaxRegression,
    PairedDifference,
    RowFacts,
    Tally,
    parse_demand,
    parse_regression,
)
from penstock.evaluations.model import ItemOutput, Shape
from penstock.evaluations.scores import RowValues, Scores, Tried
from penstock.evaluations.summary import summarise


def tally(*scores: float | None, **more: object) -> Tally:
    rows = [
        RowFacts(str(n), {"exact": score}, failed=score is None, latency_ms=10.0 * (n + 1), cost_usd=Decimal("0.001"))
        for n, score in enumerate(scores)
    ]
    return Tally(["exact"], **more).add_all(rows)  # type: ignore[arg-type]


def one(gate: Gate, rows: Tally, difference: PairedDifference | None = None) -> Check:
    (check,) = gate.check(rows, {} if difference is None else {"exact": difference})
    return check


@pytest.mark.parametrize(
    ("bound", "passed"),
    [
        (Bound("accuracy", 0.75), True),
        (Bound("accuracy", 0.7501), False),
        (Bound("exact", 0.75), True),
        (Bound("exact", 0.7, upper=True), False),
        (Bound("coverage", 0.8), True),
        (Bound("coverage", 0.81), False),
        (Bound("failed_rows", 1, upper=True), True),
        (Bound("failed_rows", 0, upper=True), False),
        (Bound("cost_usd", 0.005, upper=True), True),
        (Bound("cost_usd", 0.0049, upper=True), False),
        (Bound("latency_p50_ms", 30, upper=True), True),
        (Bound("latency_p95_ms", 49, upper=True), False),
        (Bound("latency_mean_ms", 30, upper=True), True),
    ],
)
def test_each_measure_is_held_against_its_bound(bound: Bound, passed: bool) -> None:
    assert one(Gate(bounds=(bound,)), tally(1, 1, 1, 0, None)).passed is passed


def test_rows_that_never_came_count_as_missing() -> None:
    rows = tally(1, 1, expected=8)
    assert rows.coverage() == 0.25
    assert rows.measure("failed_rows")[0] == 6
    assert not one(Gate(bounds=(Bound("coverage", 0.5),)), rows).passed


def test_no_score_at_all_is_never_good_enough() -> None:
    check = one(Gate(bounds=(Bound("accuracy", 0.0),)), tally(None, None))
    assert (check.passed, check.state) == (False, "not_met")
    assert check.message == "accuracy has no value: 0 of 2 scored."
    assert one(Gate(bounds=(Bound("accuracy", 0.0),)), tally()).passed is False


def test_an_unknown_price_is_not_taken_for_cheap() -> None:
    rows = Tally(["exact"]).add_all([RowFacts("1", {"exact": 1.0}, cost_usd=None)])
    assert "price of 1 rows' calls is not known" in one(Gate(bounds=(Bound("cost_usd", 5, upper=True),)), rows).message


def test_epochs_of_a_row_become_one_value_first() -> None:
    rows = [RowFacts(row, {"exact": value}) for row, value in [("a", 1.0), ("a", 0.0), ("a", 0.0), ("b", 1.0)]]
    assert Tally(["exact"]).add_all(rows).mean("exact") == pytest.approx(2 / 3)
    assert Tally(["exact"], reduce=max).add_all(rows).mean("exact") == 1.0


def test_accuracy_is_the_first_scorer_unless_one_has_that_name() -> None:
    row = RowFacts("1", {"exact": 1.0, "accuracy": 0.0})
    assert Tally(["exact", "f1"]).scorer("accuracy") == "exact"
    assert Tally(["exact", "accuracy"]).add_all([row]).measure("accuracy")[0] == 0.0


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="row 'x' has the score nan"):
        Tally(["exact"]).add(RowFacts("x", {"exact": float("nan")}))


@pytest.mark.parametrize(
    ("difference", "state", "passed", "strictly"),
    [
        (PairedDifference(0.01, -0.01, 0.03, 500), "met", True, True),
        (PairedDifference(0.0, -0.02, 0.02, 500), "met", True, True),
        (PairedDifference(0.78 - 0.8, -0.02, 0.0, 500), "met", True, True),
        (PairedDifference(0.0, -0.05, 0.05, 90), "cannot_tell", True, False),
        (PairedDifference(0.0, None, None, 1), "cannot_tell", True, False),
        (PairedDifference(-0.03, -0.06, 0.0, 200), "not_met", False, False),
        (PairedDifference(-0.10, -0.12, -0.08, 900), "not_met", False, False),
        (PairedDifference(0.0, None, None, 0), "not_met", False, False),
    ],
)
def test_a_regression_is_decided_by_the_paired_difference(
    difference: PairedDifference, state: str, passed: bool, strictly: bool
) -> None:
    demand = (MaxRegression(0.02),)
    check = one(Gate(regressions=demand), tally(1), difference)
    assert (check.state, check.passed) == (state, passed)
    assert one(Gate(regressions=demand, strict=True), tally(1), difference).passed is strictly


def test_a_regression_says_whether_chance_may_explain_it() -> None:
    demand = Gate(regressions=(MaxRegression(0.02),))
    doubtful = one(demand, tally(1), PairedDifference(-0.03, -0.06, 0.0, 200))
    assert "-0.0300 (95 % interval -0.0600 to +0.0000) over 200 paired rows" in doubtful.message
    assert "chance alone" in doubtful.message
    assert "chance alone" not in one(demand, tally(1), PairedDifference(-0.1, -0.12, -0.08, 900)).message


def test_metrics_that_the_evaluation_does_not_have_are_named() -> None:
    gate = Gate((Bound("accuracy", 1), Bound("bleu", 1), Bound("cost_usd", 1)), (MaxRegression(0, "coverage"),))
    assert gate.unknown(["exact"]) == ("bleu", "coverage")


def test_demands_are_read_as_they_are_typed() -> None:
    assert parse_demand("a=b=0.5") == ("a=b", 0.5)
    assert parse_regression("0.02") == MaxRegression(0.02, "accuracy")
    assert parse_regression("f1=0.1") == MaxRegression(0.1, "f1")
    for text in ("accuracy", "=1", "accuracy=high", "accuracy=nan", "accuracy="):
        with pytest.raises(ValueError, match=r"accuracy|=1"):
            parse_demand(text)
    with pytest.raises(ValueError, match="not negative"):
        parse_regression("-0.1")


def test_percentiles_and_coverage_are_those_of_the_summary() -> None:
    for n, expected in ((1, [1, 1, 1]), (2, [1, 2, 2]), (100, [50, 95, 99]), (101, [51, 96, 100])):
        scores, counted = Scores(Shape(n, 1, 1)), Tally(())
        for number in range(n):
            scores.add(ItemOutput(str(number), {}, latency_ms=n - number), number)
            counted.add(RowFacts(str(number), {}, latency_ms=n - number))
        latency: Any = summarise(scores, "mean", {})["latency"]
        assert [latency[f"p{percent}Ms"] for percent in (50, 95, 99)] == expected
        assert [counted.measure(f"latency_p{percent}_ms")[0] for percent in (50, 95, 99)] == expected


def test_an_epoch_without_a_score_is_missing_here_and_in_the_summary() -> None:
    scores, counted = Scores(Shape(2, 1, 2)), Tally(("exact",), expected=4)
    scores.values["exact"], scores.tried["exact"] = RowValues(), Tried()
    for number, epochs in ((0, 2), (1, 1)):
        for epoch in range(epochs):
            scores.add(ItemOutput(str(number), {"exact": {"status": "scored", "value": 1.0}}, epoch), number)
            counted.add(RowFacts(str(number), {"exact": 1.0}))
    found: Any = summarise(scores, "mean", {})["scores"]
    assert (found["exact"]["n"], found["exact"]["expected"]) == (2, 2)
    assert found["exact"]["coverage"] == counted.coverage() == 0.75
