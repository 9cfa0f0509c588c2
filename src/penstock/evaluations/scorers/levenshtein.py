"""`levenshtein`: how near the answer's text is to the truth's."""

from __future__ import annotations

from typing import Literal

from penstock.evaluations.scorers.base import Outcome, Sample, as_text, scored, scorer
from penstock.evaluations.scorers.pure import NO_TRUTH, PureScorer, truths_of
from penstock.evaluations.scorers.reading.normalising import TextSettings

MAX_CHARS = 20_000
"""The work grows with the product of the lengths; twenty thousand characters against as many take some 10 ms."""


class LevenshteinSettings(TextSettings):
    type: Literal["levenshtein"] = "levenshtein"


@scorer
class Levenshtein(PureScorer[LevenshteinSettings]):
    """1 minus the edit distance over the length of the longer text (Levenshtein 1966: insertions, deletions and
    replacements of one character cost 1 each). Of several truths the nearest counts. Of longer texts the first 20,000
    characters are compared, and the explanation says so."""

    kind = "levenshtein"
    title = "Edit distance"
    settings_type = LevenshteinSettings
    inline_chars = 4_000

    def grade(self, sample: Sample) -> Outcome:
        from rapidfuzz.distance import Levenshtein as Distance

        texts = [self.settings.normalised(as_text(truth)) for truth in truths_of(sample)]
        if not texts:
            return NO_TRUTH
        answer = self.settings.normalised(sample.text)
        cut = max(len(answer), *map(len, texts), 0) > MAX_CHARS
        nearest = max(Distance.normalized_similarity(answer[:MAX_CHARS], text[:MAX_CHARS]) for text in texts)
        return scored(nearest, None, f"Only the first {MAX_CHARS:,} characters were compared." if cut else None)
