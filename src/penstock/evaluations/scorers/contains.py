"""`contains`: the answer mentions what it should."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from penstock.evaluations.scorers.base import Outcome, Sample, as_text, scored, scorer
from penstock.evaluations.scorers.pure import NO_TRUTH, PureScorer, shown, truths_of
from penstock.evaluations.scorers.reading.normalising import TextSettings
from penstock.evaluations.scorers.reading.words import has_words


class ContainsSettings(TextSettings):
    type: Literal["contains"] = "contains"
    values: Annotated[tuple[Annotated[str, Field(min_length=1)], ...] | None, Field(min_length=1, max_length=1_000)] = (
        None
    )
    """What is looked for in every answer; by default the row's truth, or each member of it where it is a list."""
    need: Literal["any", "all"] = "any"
    words: bool = False
    """Only as whole words: `cat` is not in `category`."""


@scorer
class Contains(PureScorer[ContainsSettings]):
    """1 when the answer has the truth in it: any one of several truths, or all of them."""

    kind = "contains"
    title = "Contains"
    settings_type = ContainsSettings

    def grade(self, sample: Sample) -> Outcome:
        wanted = self.settings.values or [as_text(truth) for truth in truths_of(sample)]
        if not wanted:
            return NO_TRUTH
        answer = self.settings.normalised(sample.text)
        found = [text for text in wanted if self._has(answer, self.settings.normalised(text))]
        if len(found) == len(wanted) or (found and self.settings.need == "any"):
            return scored(1.0, found[0])
        missing = [text for text in wanted if text not in found]
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        return scored(0.0, None, f"The answer does not contain {', '.join(map(shown, missing[:5]))}{more}.")

    def _has(self, answer: str, text: str) -> bool:
        return has_words(answer, text) if self.settings.words else text in answer
