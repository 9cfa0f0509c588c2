"""`length`: whether an answer is as long as it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import Field

from penstock.evaluations.scorers.base import Outcome, Sample, ScorerSettings, scored, scorer
from penstock.evaluations.scorers.pure import PureScorer
from penstock.evaluations.scorers.reading.words import sentences, words

Bound = Annotated[int, Field(ge=0)]

_COUNTS: dict[str, Callable[[str], int]] = {
    "characters": len,
    "words": lambda text: len(words(text)),
    "sentences": lambda text: len(sentences(text)),
    "lines": lambda text: sum(1 for line in text.splitlines() if line.strip()),
}


class LengthSettings(ScorerSettings):
    type: Literal["length"] = "length"
    unit: Literal["characters", "words", "sentences", "lines"] = "words"
    """Lines are those with something on them."""
    min: Bound | None = None
    max: Bound | None = None


@scorer
class Length(PureScorer[LengthSettings]):
    """1 when the answer's length, without space before and after, lies between `min` and `max`, both included. It needs
    no truth."""

    kind = "length"
    title = "Length"
    settings_type = LengthSettings

    @classmethod
    def check(cls, settings: LengthSettings) -> Iterable[tuple[str, str]]:
        if settings.min is None and settings.max is None:
            yield "max", "give a min, a max, or both"
        elif settings.min is not None and settings.max is not None and settings.min > settings.max:
            yield "min", f"is more than max, {settings.max}"

    def grade(self, sample: Sample) -> Outcome:
        settings = self.settings
        count = _COUNTS[settings.unit](sample.text.strip())
        if settings.min is not None and count < settings.min:
            return scored(0.0, str(count), f"{count:,} {settings.unit} are fewer than {settings.min:,}.")
        if settings.max is not None and count > settings.max:
            return scored(0.0, str(count), f"{count:,} {settings.unit} are more than {settings.max:,}.")
        return scored(1.0, str(count))
