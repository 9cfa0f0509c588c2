from __future__ import annotations

import pytest

from penstock.evaluations.scorers.base import Scored, Unscorable


@pytest.mark.parametrize(
    ("answer", "truth", "more", "value"),
    [
        ("Paris", "Paris", {}, 1),
        (" Paris\n", "Paris", {}, 1),
        (" Paris", "Paris", {"trim": False}, 0),
        ("paris", "Paris", {}, 0),
        ("paris", "Paris", {"ignoreCase": True}, 1),
        ("STRASSE", "straße", {"ignoreCase": True}, 1),
        ("Paris.", "Paris", {}, 0),
        ("«Paris», (really)…", "Paris really", {"ignorePunctuation": True}, 1),
        ("5 + 3 = $8", "5  3  8", {"ignorePunctuation": True, "normalizeWhitespace": True}, 0),
        ("a \n\t b", "a b", {"normalizeWhitespace": True}, 1),
        ("Ｐａｒｉｓ ﬁn", "Paris fin", {"normalizeUnicode": True}, 1),
        ("cafe\u0301", "café", {"normalizeUnicode": True}, 1),
        ("Paris", ["Rome", "Paris"], {}, 1),
        ("", "", {}, 1),
        ("", "Paris", {}, 0),
        ("5", 5, {}, 1),
        ("true", True, {}, 1),
        ({"a": [1]}, {"a": [1]}, {}, 1),
        (["a", "b"], ["a", "b"], {}, 1),
        (None, "Paris", {}, 0),
    ],
)
def test_an_answer_is_the_truth_once_what_is_ignored_is_left_out(grade, answer, truth, more, value) -> None:
    assert grade("exact", answer, truth, **more).value == value


def test_a_wrong_answer_is_shown_beside_the_truth_and_a_long_one_is_cut(grade) -> None:
    assert grade("exact", "Rome", "Paris") == Scored(0.0, "Rome", "'Rome' is not 'Paris'.")
    assert len(grade("exact", "x" * 10_000, "Paris").explanation) < 300


def test_a_row_without_a_truth_cannot_be_scored(grade) -> None:
    assert grade("exact", "Paris") == Unscorable("The row has no truth to compare with.")
