"""`bleu`: n-grams of words that the answer shares with the truth."""

from __future__ import annotations

from typing import Any, Literal

from penstock.evaluations.scorers.base import ScorerSettings, scorer
from penstock.evaluations.scorers.sacrebleu_scores import SacrebleuScorer


class BleuSettings(ScorerSettings):
    type: Literal["bleu"] = "bleu"
    tokenize: Literal["13a", "intl", "zh", "char", "none"] = "13a"
    """How words are told apart: `13a` as the machine translation campaigns do, `intl` by Unicode, `zh` for Chinese,
    `char` each character, `none` at spaces."""
    ignore_case: bool = False


@scorer
class Bleu(SacrebleuScorer[BleuSettings]):
    """Sentence BLEU (Papineni et al. 2002) as sacrebleu computes it, over 100: orders that the texts are too short for
    are left out, smoothing is exponential. The mean of sentence scores is not the corpus BLEU of papers."""

    kind = "bleu"
    title = "BLEU"
    settings_type = BleuSettings

    def _made(self) -> Any:
        from sacrebleu.metrics.bleu import BLEU

        return BLEU(tokenize=self.settings.tokenize, lowercase=self.settings.ignore_case, effective_order=True)
