"""`chrf`: n-grams of characters that the answer shares with the truth."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from penstock.evaluations.scorers.base import ScorerSettings, scorer
from penstock.evaluations.scorers.sacrebleu_scores import SacrebleuScorer


class ChrfSettings(ScorerSettings):
    type: Literal["chrf"] = "chrf"
    word_order: Annotated[int, Field(ge=0, le=2)] = 0
    """Up to which order words count as well; 2 is chrF++."""
    ignore_case: bool = False


@scorer
class Chrf(SacrebleuScorer[ChrfSettings]):
    """Sentence chrF (Popović 2015) as sacrebleu computes it, over 100: F2 of character n-grams up to order 6, spaces
    left out."""

    kind = "chrf"
    title = "chrF"
    settings_type = ChrfSettings

    def _made(self) -> Any:
        from sacrebleu.metrics.chrf import CHRF

        return CHRF(word_order=self.settings.word_order, lowercase=self.settings.ignore_case)
