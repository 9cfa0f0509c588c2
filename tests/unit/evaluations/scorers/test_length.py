from __future__ import annotations

import pytest

from penstock.evaluations.scorers.base import Scored
from penstock.evaluations.scorers.length import Length, LengthSettings


@pytest.mark.parametrize(
    ("answer", "more", "value"),
    [
        ("one two three", {"max": 3}, 1),
        ("one two three four", {"max": 3}, 0),
        ("one", {"min": 1, "max": 1}, 1),
        ("", {"min": 1}, 0),
        ("", {"max": 0}, 1),
        (" abc ", {"unit": "characters", "max": 3}, 1),
        ("a\n\nb\n", {"unit": "lines", "max": 2}, 1),
        ("One. Two. Three.", {"unit": "sentences", "max": 2}, 0),
    ],
)
def test_the_length_lies_between_its_bounds(grade, answer, more, value) -> None:
    assert grade("length", answer, **more).value == value


def test_how_long_it_is_is_said(grade) -> None:
    assert grade("length", "a " * 1_500, max=1_000) == Scored(0.0, "1500", "1,500 words are more than 1,000.")
    assert grade("length", "a b", min=3) == Scored(0.0, "2", "2 words are fewer than 3.")


@pytest.mark.parametrize(("given", "path"), [({}, "max"), ({"min": 3, "max": 2}, "min")])
def test_bounds_that_make_no_sense_are_refused(given, path) -> None:
    assert [fault[0] for fault in Length.check(LengthSettings.model_validate(given))] == [path]
    assert not list(Length.check(LengthSettings(min=1, max=1)))
