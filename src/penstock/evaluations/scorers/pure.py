"""What the scorers that need nothing but the sample have in common."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import ClassVar, Literal, TypeVar

from penstock.evaluations.scorers.base import (
    Outcome,
    Sample,
    Scorer,
    ScorerSettings,
    ScoringContext,
    Unscorable,
    scored,
)
from penstock.types import Json

S = TypeVar("S", bound=ScorerSettings)


class PureScorer(Scorer[S]):
    """A scorer that computes its outcome from the sample alone, with `grade`.

    Ordinary samples are graded where they are; a sample of more than `inline_chars` characters (answer, truth and
    context of the comparison together) is graded in a thread, so that it holds nobody up.
    """

    inline_chars: ClassVar[int] = 20_000

    async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
        if len(sample.text) + len(sample.truth_text) <= self.inline_chars:
            return self.grade(sample)
        return await asyncio.to_thread(self.grade, sample)

    @abstractmethod
    def grade(self, sample: Sample) -> Outcome:
        """The outcome for one sample, in time proportional to its length or within a limit of its own."""


class ExtractingSettings(ScorerSettings):
    """Settings of scorers that look for an answer within what the model wrote."""

    on_no_answer: Literal["wrong", "unscorable"] = "wrong"
    """What it means when no answer can be found: 0, or no value for this sample."""

    def nothing_found(self, explanation: str) -> Outcome:
        """The outcome where no answer was found."""
        return scored(0.0, None, explanation) if self.on_no_answer == "wrong" else Unscorable(explanation)


NO_TRUTH = Unscorable("The row has no truth to compare with.")


def truths_of(sample: Sample) -> tuple[Json, ...]:
    """What counts as right: each member of a list, else the truth itself; nothing where the row has none."""
    if isinstance(sample.truth, list | tuple):
        return tuple(sample.truth)
    return () if sample.truth is None else (sample.truth,)


def shown(text: str, limit: int = 200) -> str:
    """A text as an explanation shows it: quoted, cut."""
    return repr(text if len(text) <= limit else text[:limit] + "…")
