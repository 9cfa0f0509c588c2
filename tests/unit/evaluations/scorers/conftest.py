from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from penstock.evaluations.scorers import registry
from penstock.evaluations.scorers.base import Outcome, Sample, ScoringContext
from penstock.evaluations.scorers.pure import PureScorer
from penstock.flows.services import Services
from penstock.types import Json, JsonObject, Tenant

Grade = Callable[..., Outcome]


@pytest.fixture
def grade() -> Grade:
    """Grades one answer by a scorer of a type, with settings as an evaluation's definition gives them."""

    def graded(
        kind: str, output: Json, truth: Json = None, metadata: JsonObject | None = None, **settings: Any
    ) -> Outcome:
        scorer_type = registry()[kind]
        valid = scorer_type.settings_type.model_validate({"type": kind, **settings})
        scorer = scorer_type(valid)
        sample = Sample("1", "the question", output, truth, metadata or {})
        if isinstance(scorer, PureScorer):
            return scorer.grade(sample)
        return asyncio.run(scorer.score(sample, _unused_context()))

    return graded


@pytest.fixture
def unused_context() -> ScoringContext:
    """For scorers that use nothing of the outside world."""
    return _unused_context()


def _unused_context() -> ScoringContext:
    return ScoringContext(Tenant("organization", "project"), cast(Services, cast(Any, None)))
