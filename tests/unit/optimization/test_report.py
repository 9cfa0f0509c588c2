"""What is said of two instructions on the test part."""

from __future__ import annotations

import pytest

from penstock.evaluations.statistics.differences import mcnemar_exact
from penstock.judges.agreement import agreement
from penstock.optimization.model import Example, Result
from penstock.optimization.report import NOT_READ, compare, measured
from penstock.optimization.targets import Classes

BINARY = Classes(("yes", "no"))
SCALE = Classes(("1", "2", "3", "4", "5"), "quadratic")


def labelled(*truths: str) -> list[Example]:
    return [Example(str(n), truth) for n, truth in enumerate(truths)]


def said(test: list[Example], *answers: str | None) -> list[Result]:
    return [Result(float(one.truth == answer), answer) for one, answer in zip(test, answers, strict=True)]


def test_kappa_is_that_of_agreement_with_its_interval() -> None:
    test = labelled(*["yes"] * 6, *["no"] * 4)
    results = said(test, *["yes"] * 5, *["no"] * 3, "yes", "no")
    found = measured(BINARY, test, results)
    pairs = [(one.truth, str(result.predicted)) for one, result in zip(test, results, strict=True)]
    expected = agreement(pairs, BINARY.labels)
    assert found.kappa is not None
    assert (found.kappa.value, (found.kappa.low, found.kappa.high)) == (
        expected.kappa.value,
        expected.kappa.interval,
    )
    assert (found.n, found.agreement, found.recalls) == (10, 0.8, {"yes": 5 / 6, "no": 3 / 4})


def test_an_answer_that_cannot_be_read_is_wrong_and_never_left_out() -> None:
    test = labelled("yes", "yes", "no", "no")
    found = measured(BINARY, test, said(test, "yes", None, "no", "no"))
    assert (found.n, found.unscorable, found.agreement, found.recalls["yes"]) == (4, 1, 0.75, 0.5)
    assert NOT_READ not in found.recalls
    on_scale = labelled("1", "5", "5", "1")
    unread = measured(SCALE, on_scale, said(on_scale, None, None, None, None))
    assert unread.kappa is not None
    assert unread.kappa.value == pytest.approx(-1), "as far from the truth as an answer can be"

    of_four = labelled("2", "0", "3")
    unread = measured(Classes(("0", "1", "2", "3"), "quadratic"), of_four, said(of_four, None, None, None))
    as_far = said(of_four, "0", "3", "0")
    assert unread.kappa == measured(Classes(("0", "1", "2", "3"), "quadratic"), of_four, as_far).kappa


def test_better_needs_more_than_chance() -> None:
    test = labelled(*["no"] * 20)
    classes = Classes(("yes", "no"))
    worse = said(test, *["yes"] * 20)
    sure = compare(classes, test, worse, said(test, *["no"] * 20))
    assert (sure.outcome, sure.paired and sure.paired.p_value) == ("better", mcnemar_exact(0, 20))
    unsure = compare(classes, test, worse, said(test, "no", "no", *["yes"] * 18))
    assert (unsure.outcome, "too few to be sure" in unsure.summary) == ("higher", True)
    same = compare(classes, test, worse, worse)
    assert (same.outcome, same.paired and same.paired.difference) == ("kept", 0)
    nothing = compare(classes, test, worse, None)
    assert (nothing.outcome, nothing.after, nothing.paired) == ("kept", None, None)


def test_without_classes_scores_alone_are_compared() -> None:
    test = labelled("a", "b", "c", "d")
    before = [Result(score, str(n)) for n, score in enumerate([0.1, 0.2, 0.3, 0.2])]
    after = [Result(score, str(n)) for n, score in enumerate([0.9, 0.8, 0.9, 0.7])]
    few = compare(None, test, before, after)
    assert (few.outcome, few.before.kappa, few.before.score) == ("higher", None, pytest.approx(0.2))
    assert few.paired is not None
    assert (few.paired.test, few.paired.p_value) == ("sign_flips", 2 / 2**4)
    assert compare(None, test * 2, before * 2, after * 2).outcome == "better"


def test_a_scale_on_which_everything_is_better_by_the_same_is_better() -> None:
    test = labelled(*["5"] * 20)
    found = compare(SCALE, test, [Result(0.75, "4")] * 20, [Result(1.0, "5")] * 20)
    assert (found.outcome, found.paired and found.paired.text) == ("better", "The new instruction is better.")
