"""Running one scorer on one sample: whatever it does, one of the three outcomes comes out."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from penstock.errors import StepError, Unavailable
from penstock.evaluations.scorers.base import (
    MAX_EXPLANATION_CHARS,
    MAX_VALUE,
    Outcome,
    Sample,
    Scored,
    ScoreError,
    Scorer,
    ScoringContext,
    Unscorable,
    scored,
)
from penstock.executions.item import Stopping
from penstock.executions.journal import LeaseLost

logger = logging.getLogger(__name__)


async def run_scorer(scorer: Scorer[Any], sample: Sample, ctx: ScoringContext) -> Outcome:
    """The outcome of one scorer on one sample.

    Raises `StepError` only for a `recorded` scorer that may fare better when it is tried again (a model that cannot be
    reached, a time limit), and what stops the execution itself (`Stopping`, `LeaseLost`, `Unavailable`); every other
    failure is an `error` outcome, and costs only this score.
    """
    limit = asyncio.timeout(scorer.timeout_seconds)
    try:
        async with limit:
            return checked(await scorer.score(sample, ctx))
    except (Stopping, LeaseLost, Unavailable):
        # The execution is being stopped, or the store has to be waited for: no outcome, it is scored later.
        raise
    except StepError as error:
        if scorer.recorded and error.retryable:
            raise
        reason = error.message if error.cause is None else f"{error.message}: {error.cause}"
        return ScoreError(reason[:MAX_EXPLANATION_CHARS])
    except TimeoutError as error:
        message = "The scorer took too long" + (
            f": more than {scorer.timeout_seconds:g} s." if limit.expired() else "."
        )
        if scorer.recorded:
            raise StepError("scorer_timeout", message, retryable=True) from error
        return ScoreError(message)
    except Exception as error:
        # A fault of a scorer, ours or a package's, costs one score; the log has the rest.
        logger.exception("the scorer %r broke on the row %r", scorer.name, sample.id)
        return broke(error)


def broke(error: BaseException) -> ScoreError:
    """The outcome of a scorer that raised something it should not have."""
    return ScoreError(f"The scorer broke: {type(error).__name__}: {error}"[:MAX_EXPLANATION_CHARS])


def checked(outcome: Any) -> Outcome:
    """What a scorer returned, as an outcome: a plug-in may return anything."""
    if isinstance(outcome, Scored):
        value = outcome.value
        if type(value) is float and abs(value) <= MAX_VALUE and _short(outcome.answer) and _short(outcome.explanation):
            return outcome
        if isinstance(value, bool | int | float):
            return scored(float(value), _cut(outcome.answer), _cut(outcome.explanation))
    elif isinstance(outcome, Unscorable | ScoreError):
        return outcome if len(outcome.reason) <= MAX_EXPLANATION_CHARS else type(outcome)(_cut(outcome.reason) or "")
    elif isinstance(outcome, bool | int | float):
        return scored(float(outcome))
    return ScoreError(f"The scorer returned {outcome!r}, which is no score."[:MAX_EXPLANATION_CHARS])


def _short(text: str | None) -> bool:
    return text is None or len(text) <= MAX_EXPLANATION_CHARS


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_EXPLANATION_CHARS else text[: MAX_EXPLANATION_CHARS - 1] + "…"
