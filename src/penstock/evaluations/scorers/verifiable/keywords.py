"""Words an answer must have or must not have. The published checks take keywords for patterns; here they are texts."""

from __future__ import annotations

import re

from penstock.evaluations.scorers.verifiable.kinds import Arguments, BadInstruction, kind


@kind("keywords:existence")
def existence(answer: str, given: Arguments) -> bool:
    """Every keyword occurs, in any case, be it within a word."""
    return all(_literally(word).search(answer) for word in given.texts("keywords"))


@kind("keywords:frequency")
def frequency(answer: str, given: Arguments) -> bool:
    """A keyword occurs at least, or less than, so many times, in any case, be it within a word."""
    found = _literally(given.text("keyword")).findall(answer)
    return given.holds(len(found), "relation", "frequency")


@kind("keywords:forbidden_words")
def forbidden_words(answer: str, given: Arguments) -> bool:
    """None of the words occurs as a word, in any case."""
    return not any(_literally(word, r"\b").search(answer) for word in given.texts("forbidden_words"))


@kind("keywords:letter_frequency")
def letter_frequency(answer: str, given: Arguments) -> bool:
    """A letter (or sign) occurs at least, or less than, so many times, in any case."""
    letter = given.text("letter").lower()
    if len(letter) != 1:
        raise BadInstruction("its letter must be one character")
    return given.holds(answer.lower().count(letter), "let_relation", "let_frequency")


def _literally(text: str, edge: str = "") -> re.Pattern[str]:
    return re.compile(edge + re.escape(text) + edge, re.IGNORECASE)
