"""`readability`: how easy an English answer is to read."""

from __future__ import annotations

from typing import Literal

from penstock.evaluations.scorers.base import Outcome, Sample, scored, scorer
from penstock.evaluations.scorers.pure import ExtractingSettings, PureScorer
from penstock.evaluations.scorers.reading.words import english_words, sentences, syllables


class ReadabilitySettings(ExtractingSettings):
    type: Literal["readability"] = "readability"


@scorer
class Readability(PureScorer[ReadabilitySettings]):
    """Flesch reading ease (Flesch 1948), 206.835 - 1.015 words/sentences - 84.6 syllables/words, as a share of 100 and
    held between 0 and 1: 0.9 is very easy, 0.6 plain English, 0.3 and less academic. It means something for English
    prose only; words are runs of Latin letters, syllables are counted by rule. It needs no truth."""

    kind = "readability"
    title = "Readability"
    settings_type = ReadabilitySettings
    inline_chars = 4_000

    def grade(self, sample: Sample) -> Outcome:
        words = english_words(sample.text)
        if not words:
            return self.settings.nothing_found("There is no word of Latin letters in the answer.")
        ease = flesch_reading_ease(len(words), max(1, len(sentences(sample.text))), sum(map(syllables, words)))
        return scored(min(1.0, max(0.0, ease / 100)), None, f"Flesch reading ease {ease:.1f}.")


def flesch_reading_ease(words: int, sentences: int, syllables: int) -> float:
    """206.835 - 1.015 words/sentences - 84.6 syllables/words (R. Flesch, A new readability yardstick, 1948)."""
    return 206.835 - 1.015 * words / sentences - 84.6 * syllables / words
