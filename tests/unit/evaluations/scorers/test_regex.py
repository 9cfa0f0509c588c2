from __future__ import annotations

import pytest

from penstock.evaluations.scorers.base import Scored, Unscorable
from penstock.evaluations.scorers.regex import Regex, RegexSettings


@pytest.mark.parametrize(
    ("pattern", "answer", "truth", "more", "value"),
    [
        (r"answer is (\w+)", "The answer is Paris.", "Paris", {}, 1),
        (r"answer is (\w+)", "The answer is Rome. No, the answer is Paris.", "Paris", {}, 1),
        (r"answer is (\w+)", "The answer is Rome. No, the answer is Paris.", "Paris", {"which": "first"}, 0),
        (r"(?i)ANSWER: (?P<city>\w+) in (\w+)", "answer: Paris in France", "France", {"group": 2}, 1),
        (r"(?i)ANSWER: (?P<city>\w+) in (\w+)", "answer: Paris in France", "Paris", {"group": "city"}, 1),
        (r"\d+ eggs", "18 eggs", "18 eggs", {}, 1),
        (r"(a)|b", "b", "x", {"compare": "none"}, 0),
        (r"= (\S+)", "= 1,000.0", 1000, {"compare": "number"}, 1),
        (r"= (\S+)", "= 999", 1000, {"compare": "number"}, 0),
        (r"= (\S+)", "= many", 1000, {"compare": "number"}, 0),
        (r"^\d{3}$", "123", None, {"compare": "none"}, 1),
        (r"^\d{3}$", "1234", None, {"compare": "none"}, 0),
        (r"(\S+)$", "It is PARIS", ["Rome", "paris"], {"ignoreCase": True}, 1),
        (r"答案是(.)", "答案是五。", "五", {}, 1),
    ],
)
def test_the_part_that_a_pattern_finds_is_compared(grade, pattern, answer, truth, more, value) -> None:
    assert grade("regex", answer, truth, pattern=pattern, **more).value == value


def test_an_answer_without_a_match_is_wrong_or_left_out(grade) -> None:
    said = "The pattern matches nothing in the answer."
    assert grade("regex", "", "a", pattern="a+") == Scored(0.0, None, said)
    assert grade("regex", "", "a", pattern="a+", onNoAnswer="unscorable") == Unscorable(said)


@pytest.mark.parametrize(
    ("truth", "more"), [(None, {}), (None, {"compare": "number"}), ("many", {"compare": "number"})]
)
def test_a_row_without_a_fitting_truth_cannot_be_scored(grade, truth, more) -> None:
    assert isinstance(grade("regex", "5", truth, pattern=r"\d", **more), Unscorable)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"pattern": "(a"}, "pattern"),
        ({"pattern": r"(a)\1"}, "pattern"),
        ({"pattern": "(?=a)"}, "pattern"),
        ({"pattern": "((a{100}){100}){100}"}, "pattern"),
        ({"pattern": "(a)", "group": 2}, "group"),
        ({"pattern": "(a)", "group": "city"}, "group"),
        ({"pattern": "(a)", "group": -1}, "group"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(given, path) -> None:
    assert [fault[0] for fault in Regex.check(RegexSettings.model_validate(given))] == [path]


def test_a_good_pattern_is_not_refused() -> None:
    assert not list(Regex.check(RegexSettings(pattern="(a)(?P<b>b)", group="b")))
