"""What `bleu` and `chrf` have in common: sentence scores of the package sacrebleu."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from abc import abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any, TypeVar

from penstock.evaluations.scorers.base import Outcome, Sample, ScorerSettings, ScoringContext, as_text, scored
from penstock.evaluations.scorers.pure import NO_TRUTH, PureScorer, truths_of

S = TypeVar("S", bound=ScorerSettings)


class SacrebleuScorer(PureScorer[S]):
    """A sentence score over 100; a list of truths is the set of references."""

    inline_chars = 2_000

    @classmethod
    def check(cls, settings: S) -> Iterable[tuple[str, str]]:
        if importlib.util.find_spec("sacrebleu") is None:
            yield "type", "needs the package sacrebleu; install it with: pip install 'penstock[scorers]'"

    async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
        if "sacrebleu" not in sys.modules:
            await asyncio.to_thread(importlib.import_module, "sacrebleu")
        return await super().score(sample, ctx)

    def grade(self, sample: Sample) -> Outcome:
        references = [as_text(truth) for truth in truths_of(sample)]
        if not references:
            return NO_TRUTH
        return scored(self._metric.sentence_score(sample.text, references).score / 100)

    @cached_property
    def _metric(self) -> Any:
        return self._made()

    @abstractmethod
    def _made(self) -> Any:
        """The metric of sacrebleu with these settings."""
