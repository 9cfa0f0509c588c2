"""`rouge_l`: how much of the truth's words the answer has, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from penstock.evaluations.scorers.base import Outcome, Sample, ScorerSettings, as_text, scored, scorer
from penstock.evaluations.scorers.pure import NO_TRUTH, PureScorer, truths_of
from penstock.evaluations.scorers.reading.words import words

MAX_WORDS = 5_000


class RougeLSettings(ScorerSettings):
    type: Literal["rouge_l"] = "rouge_l"
    measure: Literal["f1", "precision", "recall"] = "f1"


@scorer
class RougeL(PureScorer[RougeLSettings]):
    """ROUGE-L of Lin (2004), section 3.1: with L the length of the longest common subsequence of words, recall is
    L / words of the truth, precision L / words of the answer, F1 their harmonic mean (beta 1). Words are runs of
    letters and digits in lower case, without stemming. Of several truths the best counts. Of longer texts the first
    5,000 words are compared, and the explanation says so."""

    kind = "rouge_l"
    title = "ROUGE-L"
    settings_type = RougeLSettings
    inline_chars = 4_000

    def grade(self, sample: Sample) -> Outcome:
        references = [words(as_text(truth).lower()) for truth in truths_of(sample)]
        if not references:
            return NO_TRUTH
        answer = words(sample.text.lower())
        cut = max(len(answer), *map(len, references), 0) > MAX_WORDS
        best = max(self._value(answer[:MAX_WORDS], reference[:MAX_WORDS]) for reference in references)
        return scored(best, None, f"Only the first {MAX_WORDS:,} words were compared." if cut else None)

    def _value(self, answer: Sequence[str], reference: Sequence[str]) -> float:
        if not answer or not reference:
            return float(not answer and not reference)
        common = longest_common_subsequence(answer, reference)
        precision, recall = common / len(answer), common / len(reference)
        if self.settings.measure == "f1":
            return 2 * common / (len(answer) + len(reference))
        return precision if self.settings.measure == "precision" else recall


def longest_common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """The length of the longest common subsequence, in len(right) operations on integers of len(left) bits.

    Bit-parallel, after H. Hyyrö, Bit-parallel LCS-length computation revisited (2004): a zero at bit i of the row
    means that the row of the usual table grows by one at column i.
    """
    shared = set(right)
    places: dict[str, int] = {}
    for index, word in enumerate(left):
        if word in shared:
            places[word] = places.get(word, 0) | 1 << index
    row = full = (1 << len(left)) - 1
    for word in right:
        matches = row & places.get(word, 0)
        row = (row + matches) | (row - matches)
    return len(left) - (row & full).bit_count()
