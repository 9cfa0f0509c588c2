"""`multiple_choice`: which of the choices an answer takes."""

from __future__ import annotations

from typing import Literal

from penstock.evaluations.scorers.base import Outcome, Sample, Unscorable, as_text, scored, scorer
from penstock.evaluations.scorers.pure import NO_TRUTH, ExtractingSettings, PureScorer, shown, truths_of
from penstock.evaluations.scorers.reading.choices import choices_of, chosen, label_of, letters


class MultipleChoiceSettings(ExtractingSettings):
    type: Literal["multiple_choice"] = "multiple_choice"


@scorer
class MultipleChoice(PureScorer[MultipleChoiceSettings]):
    """1 when the one choice an answer takes is that of the truth; any of several truths will do. The choices are the
    row's `metadata.choices` (`{"A": text, …}`, a list of texts, or of `{label, text}`), else the letters. The truth is
    a label, a choice's text, or its place from 0. An answer that takes several choices is wrong."""

    kind = "multiple_choice"
    title = "Multiple choice"
    settings_type = MultipleChoiceSettings

    def grade(self, sample: Sample) -> Outcome:
        truths = truths_of(sample)
        if not truths:
            return NO_TRUTH
        choices = choices_of(sample.metadata.get("choices")) or letters(as_text(truths[0]).strip("()[]. ").upper()[:1])
        expected = {label for truth in truths if (label := label_of(truth, choices)) is not None}
        if not expected:
            return Unscorable(f"The truth {shown(sample.truth_text)} is none of the choices.")
        found = chosen(sample.text, choices)
        if not found:
            return self.settings.nothing_found("The answer takes none of the choices.")
        named = ", ".join(sorted(found))
        if len(found) > 1:
            return scored(0.0, named, f"The answer is ambiguous: it takes {named}.")
        right = found <= expected
        return scored(float(right), named, None if right else f"{named} is not {' or '.join(sorted(expected))}.")
