"""A scorer of one's own: how polite is an answer?

    pip install ./examples/scorer_package
    penstock scorers types

then use it as any other: `{"type": "polite", "words": ["please", "thank you"]}`.
"""

from __future__ import annotations

from typing import Literal

from penstock.evaluations.scorers.base import Outcome, Sample, ScorerSettings, Unscorable, scored, scorer
from penstock.evaluations.scorers.isolated import FunctionScorer


class PoliteSettings(ScorerSettings):
    type: Literal["polite"] = "polite"
    words: tuple[str, ...] = ("please", "thank you")
    """Any of these makes an answer polite."""


@scorer
class Polite(FunctionScorer[PoliteSettings]):
    """1 when the answer has one of some polite words."""

    kind = "polite"
    title = "Polite"
    settings_type = PoliteSettings
    grade_seconds = 5.0

    def grade(self, sample: Sample) -> Outcome:
        if not sample.text.strip():
            return Unscorable("There is no answer.")
        found = [word for word in self.settings.words if word in sample.text.lower()]
        return scored(float(bool(found)), ", ".join(found) or None)
