"""Whatever a scorer does, one of the three outcomes comes out."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Literal

import msgspec
import pytest

from penstock.errors import StepError
from penstock.evaluations.scorers.base import (
    MAX_EXPLANATION_CHARS,
    Outcome,
    Sample,
    Scored,
    ScoreError,
    Scorer,
    ScorerSettings,
    ScoringContext,
    Unscorable,
)
from penstock.evaluations.scorers.running import run_scorer

SAMPLE = Sample("row-1", "q", "a", "t")
NOBODY: Any = None


class OddSettings(ScorerSettings):
    type: Literal["odd"] = "odd"


class Odd(Scorer[OddSettings]):
    """Does what its test says."""

    kind = "odd"
    title = "Odd"
    settings_type = OddSettings
    timeout_seconds: ClassVar[float] = 0.05
    does: Any = None

    async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
        if isinstance(self.does, BaseException):
            raise self.does
        if self.does == "hang":
            await asyncio.Event().wait()
        return self.does  # type: ignore[no-any-return]


class Recorded(Odd):
    recorded = True


def odd(does: Any, kind: type[Odd] = Odd) -> Odd:
    made = kind(OddSettings())
    made.does = does
    return made


@pytest.mark.parametrize(
    ("does", "outcome"),
    [
        (Scored(0.5, "a", "b"), Scored(0.5, "a", "b")),
        (Scored(1), Scored(1.0)),  # type: ignore[arg-type]
        (True, Scored(1.0)),
        (0.25, Scored(0.25)),
        (Unscorable("no truth"), Unscorable("no truth")),
        (ScoreError("later"), ScoreError("later")),
        (Scored(float("nan")), ScoreError("The scorer returned nan, which is no score.")),
        (Scored(1.7e308), ScoreError("The scorer returned 1.7e+308, which is no score.")),
        (float("inf"), ScoreError("The scorer returned inf, which is no score.")),
        (None, ScoreError("The scorer returned None, which is no score.")),
        ("1", ScoreError("The scorer returned '1', which is no score.")),
        (KeyError("subset"), ScoreError("The scorer broke: KeyError: 'subset'")),
        (StepError("x", "cannot"), ScoreError("cannot")),
        (StepError("x", "not now", retryable=True), ScoreError("not now")),
        ("hang", ScoreError("The scorer took too long: more than 0.05 s.")),
        (TimeoutError(), ScoreError("The scorer took too long.")),
    ],
)
async def test_an_outcome_comes_out(does: Any, outcome: Outcome) -> None:
    found = await run_scorer(odd(does), SAMPLE, NOBODY)
    assert msgspec.json.encode(found) == msgspec.json.encode(outcome)


@pytest.mark.parametrize("does", [StepError("model_unreachable", "no", retryable=True), "hang"])
async def test_what_may_pass_is_left_to_the_step_s_retries(does: Any) -> None:
    with pytest.raises(StepError) as caught:
        await run_scorer(odd(does, Recorded), SAMPLE, NOBODY)
    assert caught.value.retryable
    assert await run_scorer(odd(StepError("x", "never"), Recorded), SAMPLE, NOBODY) == ScoreError("never")


async def test_cancelling_is_no_outcome() -> None:
    with pytest.raises(asyncio.CancelledError):
        await run_scorer(odd(asyncio.CancelledError()), SAMPLE, NOBODY)


async def test_nothing_becomes_longer_than_it_may() -> None:
    long = "x" * 100_000
    found = await run_scorer(odd(Scored(1.0, long, long)), SAMPLE, NOBODY)
    assert isinstance(found, Scored)
    assert len(str(found.answer)) == len(str(found.explanation)) == MAX_EXPLANATION_CHARS
    refused = await run_scorer(odd(Unscorable(long)), SAMPLE, NOBODY)
    assert isinstance(refused, Unscorable)
    assert len(refused.reason) == MAX_EXPLANATION_CHARS
