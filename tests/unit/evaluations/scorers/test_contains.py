from __future__ import annotations

import pytest

from penstock.evaluations.scorers.base import Scored, Unscorable


@pytest.mark.parametrize(
    ("answer", "truth", "more", "value"),
    [
        ("It is Paris, of course", "Paris", {}, 1),
        ("It is paris", "Paris", {}, 0),
        ("It is paris", "Paris", {"ignoreCase": True}, 1),
        ("a category", "cat", {}, 1),
        ("a category", "cat", {"words": True}, 0),
        ("a concat, then a cat.", "cat", {"words": True}, 1),
        ("a (cat)", "(cat)", {"words": True}, 1),
        ("I saw a and c", ["a", "b"], {}, 1),
        ("I saw c", ["a", "b"], {"need": "all", "words": True}, 0),
        ("b and a", ["a", "b"], {"need": "all"}, 1),
        ("sorry, no", None, {"values": ["sorry", "afraid"]}, 1),
        ("It is 18", 18, {}, 1),
        ("", "Paris", {}, 0),
        ({"city": "Paris"}, "Paris", {}, 1),
    ],
)
def test_an_answer_mentions_what_it_should(grade, answer, truth, more, value) -> None:
    assert grade("contains", answer, truth, **more).value == value


def test_what_is_missing_is_named(grade) -> None:
    outcome = grade("contains", "a", ["a", "b", "c"], need="all")
    assert outcome == Scored(0.0, None, "The answer does not contain 'b', 'c'.")


@pytest.mark.parametrize("truth", [None, []])
def test_a_row_without_a_truth_cannot_be_scored(grade, truth) -> None:
    assert isinstance(grade("contains", "a", truth), Unscorable)
