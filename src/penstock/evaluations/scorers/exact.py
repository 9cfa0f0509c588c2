"""`exact`: the answer is the truth."""

from __future__ import annotations

from typing import Literal

from penstock.evaluations.scorers.base import Outcome, Sample, as_text, scored, scorer
from penstock.evaluations.scorers.pure import NO_TRUTH, PureScorer, shown, truths_of
from penstock.evaluations.scorers.reading.normalising import TextSettings


class ExactSettings(TextSettings):
    type: Literal["exact"] = "exact"


@scorer
class Exact(PureScorer[ExactSettings]):
    """1 when the answer is the truth, character by character once what is to be ignored is left out; any of several
    truths will do. A truth that is no text is compared with the answer's value, or with its text as JSON."""

    kind = "exact"
    title = "Exact match"
    settings_type = ExactSettings

    def grade(self, sample: Sample) -> Outcome:
        if sample.truth is None:
            return NO_TRUTH
        answer = self.settings.normalised(sample.text)
        expected = [self.settings.normalised(as_text(truth)) for truth in (*truths_of(sample), sample.truth)]
        if answer in expected:
            return scored(1.0, answer)
        return scored(0.0, answer, f"{shown(answer)} is not {shown(expected[0])}.")
