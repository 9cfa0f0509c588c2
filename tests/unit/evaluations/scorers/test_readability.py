from __future__ import annotations

import pytest

from penstock.evaluations.scorers.base import Scored, Unscorable
from penstock.evaluations.scorers.reading.words import sentences, syllables


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "the cat make makes jumped called failed whale tree be strength don't through asked loves"),
        (2, "table boxes wanted handled agreed people water happy faces little making rather wishes"),
        (3, "beautiful computer banana yesterday animal important syllables"),
        (4, "information education necessary independent"),
    ],
)
def test_syllables_of_common_words(count: int, words: str) -> None:
    assert {word: syllables(word) for word in words.split()} == dict.fromkeys(words.split(), count)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three? Four", 4),
        ("Dr. Smith met Mr. J. Jones at 5 p.m. in St. Louis. They talked.", 2),
        ("It costs 3.50 dollars... really?! Yes.", 3),
        ("1. First point\n2. Second point\n\nThe end.", 2),
        ('He said "Stop." Then he left.', 2),
        ("第一句。第二句！第三句？", 3),
        ("No full stop", 1),
        ("", 0),
        ("...!!!", 0),
    ],
)
def test_sentences_end_where_a_reader_would_say(text: str, count: int) -> None:
    assert len(sentences(text)) == count


def test_the_score_is_the_share_of_a_hundred_of_flesch_reading_ease(grade) -> None:
    """6 words, 1 sentence, 6 syllables: 206.835 - 1.015 * 6 - 84.6 = 116.145, held at 1."""
    outcome = grade("readability", "The cat sat on the mat.")
    assert outcome == Scored(1.0, None, "Flesch reading ease 116.1.")
    # 4 words, 1 sentence, 3 + 3 + 3 + 4 syllables.
    outcome = grade("readability", "Beautiful computer animal information.")
    assert outcome.value == 0
    # 8 words, 2 sentences, 1 + 3 + 1 + 1 + 2 and 1 + 1 + 3 syllables.
    outcome = grade("readability", "The computer makes a table. We like bananas.")
    assert outcome.value == pytest.approx((206.835 - 1.015 * 4 - 84.6 * 13 / 8) / 100)


@pytest.mark.parametrize("answer", ["", "第一句。", "12 + 3"])
def test_an_answer_without_words_is_0_or_left_out(grade, answer: str) -> None:
    assert grade("readability", answer).value == 0
    assert isinstance(grade("readability", answer, onNoAnswer="unscorable"), Unscorable)
