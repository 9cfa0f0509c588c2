"""`math`: a mathematical answer that means what the truth means."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from penstock.evaluations.scorers.base import (
    Outcome,
    Sample,
    ScoreError,
    Scorer,
    ScoringContext,
    Unscorable,
    as_text,
    scored,
    scorer,
)
from penstock.evaluations.scorers.pure import NO_TRUTH, ExtractingSettings, shown, truths_of
from penstock.types import JsonObject
from penstock.workers import WorkerPool

MAX_CHARS = 10_000
"""The answer is looked for in the end of a longer text."""
_START_SECONDS = 20.0
"""What starting a worker and loading the algebra system may take, beside the time for the comparison itself."""


class MathSettings(ExtractingSettings):
    type: Literal["math"] = "math"
    digits: Annotated[int, Field(ge=0, le=30)] = 6
    """To how many decimals numbers that are not exact are compared."""
    seconds: Annotated[int, Field(ge=1, le=60)] = 5
    """How long reading and comparing may take, each."""


@scorer
class Math(Scorer[MathSettings]):
    """1 when the answer, found in the text and read as LaTeX or as a plain expression, equals the truth by algebra
    (math-verify): 1/2 is \\frac{1}{2} and 0.5, x + 1 is 1 + x. Any of several truths will do. It runs in a worker
    process; a comparison that takes too long is an error, since nothing is known of the answer then."""

    kind = "math"
    title = "Mathematics"
    settings_type = MathSettings
    recorded = True
    timeout_seconds = 600.0

    @classmethod
    def check(cls, settings: MathSettings) -> Iterable[tuple[str, str]]:
        if importlib.util.find_spec("math_verify") is None:
            yield "type", "needs the package math-verify; install it with: pip install 'penstock[scorers]'"

    async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
        truths = [as_text(truth) for truth in truths_of(sample)]
        if not truths:
            return NO_TRUTH
        settings = self.settings
        task: JsonObject = {
            "answer": sample.text[-MAX_CHARS:],
            "truths": [truth[:MAX_CHARS] for truth in truths],
            "digits": settings.digits,
            "seconds": settings.seconds,
        }
        answer = await pool().run(task, seconds=_START_SECONDS + 2 * settings.seconds)
        if "slow" in answer:
            return ScoreError(f"Comparing took longer than {settings.seconds} s.")
        if "unreadable" in answer:
            return Unscorable(f"The truth {shown(sample.truth_text)} cannot be read as mathematics.")
        if answer["answer"] is None:
            return settings.nothing_found("There is no mathematical expression in the answer.")
        found: str = answer["answer"]
        if answer["right"]:
            return scored(1.0, found)
        return scored(0.0, found, f"{shown(found)} does not equal {' or '.join(map(shown, truths[:5]))}.")


@cache
def pool() -> WorkerPool:
    """The workers of this process, for every evaluation in it."""
    return WorkerPool(Path(__file__).with_name("math_program.py"))
