from __future__ import annotations

import json

import pytest

from penstock.evaluations.scorers.base import Scored, Unscorable

TRUTH = {"name": "Ada", "born": {"year": 1815, "month": 12}, "tags": ["maths", "poetry"], "notes": []}


@pytest.mark.parametrize(
    ("answer", "truth", "more", "value"),
    [
        (json.dumps(TRUTH), TRUTH, {}, 1),
        (json.dumps(TRUTH), json.dumps(TRUTH), {}, 1),
        (TRUTH, TRUTH, {}, 1),
        (f"Here it is:\n```json\n{json.dumps(TRUTH)}\n```\nI hope it helps.", TRUTH, {}, 1),
        (f"Here it is: {json.dumps(TRUTH)}, I hope.", TRUTH, {}, 1),
        (f"Here it is: {json.dumps(TRUTH)}", TRUTH, {"find": False}, 0),
        ({**TRUTH, "name": "Bob"}, TRUTH, {}, 5 / 6),
        ({**TRUTH, "extra": 1}, TRUTH, {}, 6 / 7),
        ({**TRUTH, "extra": 1}, TRUTH, {"extra": "ignore"}, 1),
        ({"name": "Ada"}, TRUTH, {}, 1 / 6),
        ({**TRUTH, "born": 1815}, TRUTH, {}, 4 / 6),
        ({**TRUTH, "born": 1815}, TRUTH, {"ignore": ["born"]}, 1),
        ({**TRUTH, "notes": {}}, TRUTH, {}, 5 / 6),
        ({**TRUTH, "notes": ["a"]}, TRUTH, {}, 5 / 6),
        ([1, 2, 3], [1, 2, 3.0], {}, 1),
        ([1, 2], [1, 2, 3], {}, 2 / 3),
        ([3, 1, 2], [1, 2, 3], {}, 0),
        ([3, 1, 2], [1, 2, 3], {"ignoreOrder": True}, 1),
        ([3], [1, 2, 3], {"ignoreOrder": True}, 1 / 3),
        ([1, 1, 2], [1, 2, 2], {"ignoreOrder": True}, 2 / 3),
        ([{"a": 2, "b": 0}, {"a": 1, "b": 1}], [{"a": 1, "b": 1}, {"a": 2, "b": 2}], {"ignoreOrder": True}, 3 / 4),
        ([{"id": 7, "a": 1}], [{"id": 8, "a": 1}], {"ignore": ["[*].id"]}, 1),
        ([1, 9], [1, 2], {"ignore": ["[1]"]}, 1),
        ({"x": 1.04}, {"x": 1}, {"tolerance": 0.05}, 1),
        ({"x": 1.04}, {"x": 1}, {}, 0),
        ({"x": 1}, {"x": True}, {}, 0),
        ({"x": 0}, {"x": None}, {}, 0),
        ({"x": "1"}, {"x": 1}, {}, 0),
        ("5", 5, {}, 1),
        ("{}", {}, {}, 1),
        ("[]", {}, {}, 0),
    ],
)
def test_the_share_of_leaves_that_agree(grade, answer, truth, more, value) -> None:
    assert grade("json_diff", answer, truth, **more).value == pytest.approx(value)


def test_the_paths_that_differ_are_named(grade) -> None:
    answer = {"name": "Bob", "born": {"year": 1815}, "tags": ["maths", "poetry", "chess"], "notes": []}
    outcome = grade("json_diff", answer, TRUTH)
    assert outcome.explanation == "name is 'Bob', not 'Ada'; born.month is missing; tags[2] is extra"


def test_only_the_first_paths_are_named(grade) -> None:
    outcome = grade("json_diff", {"a": list(range(1, 51))}, {"a": list(range(50))})
    assert outcome.explanation.endswith("and 40 more")


@pytest.mark.parametrize("answer", ["", "I cannot", '{"a": 1', '{"a": NaN}', "[" * 100_000, "{" * 100_000])
def test_an_answer_without_json_is_wrong_or_left_out(grade, answer) -> None:
    wrong = grade("json_diff", answer, {"a": 1})
    assert isinstance(wrong, Scored)
    assert wrong.value == 0
    assert "JSON" in wrong.explanation or "empty" in wrong.explanation
    assert isinstance(grade("json_diff", answer, {"a": 1}, onNoAnswer="unscorable"), Unscorable)


def test_a_row_without_a_truth_cannot_be_scored(grade) -> None:
    assert isinstance(grade("json_diff", "{}"), Unscorable)
