"""How long an answer must be, and how it is divided."""

from __future__ import annotations

import re

from penstock.evaluations.scorers.reading.words import sentences, words
from penstock.evaluations.scorers.verifiable.kinds import Arguments, kind

_BETWEEN_PARAGRAPHS = re.compile(r"\s?\*\*\*\s?")
_ENDS_OF_A_WORD = ".,?!'\""


@kind("length_constraints:number_words")
def number_words(answer: str, given: Arguments) -> bool:
    """At least, or less than, so many words (runs of letters, digits and underscores)."""
    return given.holds(len(words(answer)), "relation", "num_words")


@kind("length_constraints:number_sentences")
def number_sentences(answer: str, given: Arguments) -> bool:
    """At least, or less than, so many sentences. The published check asks a trained model where sentences end; here
    rules do (`reading.words.sentences`), so the counts can differ by one in unusual texts."""
    return given.holds(len(sentences(answer)), "relation", "num_sentences")


@kind("length_constraints:number_paragraphs")
def number_paragraphs(answer: str, given: Arguments) -> bool:
    """Exactly so many paragraphs with `***` between them; an empty one may stand first or last, not in between."""
    paragraphs = _BETWEEN_PARAGRAPHS.split(answer)
    if any(not paragraph.strip() for paragraph in paragraphs[1:-1]):
        return False
    return sum(1 for paragraph in paragraphs if paragraph.strip()) == given.number("num_paragraphs")


@kind("length_constraints:nth_paragraph_first_word")
def nth_paragraph_first_word(answer: str, given: Arguments) -> bool:
    """Exactly so many paragraphs with an empty line between them, one of which begins with a given word."""
    paragraphs = answer.split("\n\n")
    count = sum(1 for paragraph in paragraphs if paragraph.strip())
    place, wanted = given.number("nth_paragraph"), given.text("first_word").lower()
    # As published, the place counts empty paragraphs too.
    if count != given.number("num_paragraphs") or not 1 <= place <= count or not paragraphs[place - 1].strip():
        return False
    return _bare(paragraphs[place - 1].split()[0]) == wanted


def _bare(word: str) -> str:
    """A word in lower case without quotes before it, up to its first punctuation mark."""
    word = word.lstrip("'").lstrip('"')
    return next((word[:place] for place, char in enumerate(word) if char in _ENDS_OF_A_WORD), word).lower()
