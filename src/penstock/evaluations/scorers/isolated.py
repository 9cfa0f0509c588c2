"""Scorers that are plain functions of somebody's package, run where they can break nothing but their own score."""

from __future__ import annotations

import sys
from abc import abstractmethod
from functools import cache
from pathlib import Path
from typing import ClassVar, TypeVar

import msgspec

from penstock.errors import StepError
from penstock.evaluations.scorers.base import Outcome, Sample, ScoreError, Scorer, ScorerSettings, ScoringContext
from penstock.types import JsonObject
from penstock.workers import WorkerPool

_START_SECONDS = 20.0
"""What starting a worker and importing the package may take, beside the time of the function itself."""

S = TypeVar("S", bound=ScorerSettings)


class FunctionScorer(Scorer[S]):
    """A scorer of a package: a function of the sample, in a worker process that is killed when it hangs.

        @scorer
        class Polite(FunctionScorer[PoliteSettings]):
            '''1 when the answer says thank you.'''

            kind, title, settings_type = "polite", "Polite", PoliteSettings

            def grade(self, sample: Sample) -> bool:
                return "thank you" in sample.text.lower()

    It may block, use much memory, and die: that costs this score alone. It gets no environment variables, and no
    services: what it needs of the world it has to bring along. One that waits for the network does better with `Scorer`
    and `async def score`, which runs on Penstock's own event loop and must not block.
    """

    recorded: ClassVar[bool] = True
    timeout_seconds: ClassVar[float] = 3600.0  # To wait for a worker is no fault; the function has its own limit.
    grade_seconds: ClassVar[float] = 30.0
    """How long `grade` may take."""

    @abstractmethod
    def grade(self, sample: Sample) -> float | bool | Outcome:
        """The value, or an outcome. Whatever is raised is an `error` outcome."""

    async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
        made = type(self)
        task: JsonObject = {
            "path": sys.path,
            "module": made.__module__,
            "class": made.__qualname__,
            "settings": self.settings.model_dump(mode="json", by_alias=True),
            "sample": msgspec.to_builtins(sample),
        }
        try:
            answer = await workers().run(task, seconds=self.grade_seconds + _START_SECONDS)
        except StepError as error:
            # A function that hangs or kills its process does so again: not tried again here, but on demand.
            return ScoreError(f"{self.name}: {error.message}.")
        outcome: Outcome = msgspec.convert(answer, Outcome)
        return outcome


@cache
def workers() -> WorkerPool:
    """The workers of this process, for the scorers of every package."""
    return WorkerPool(Path(__file__).with_name("isolated_program.py"))
