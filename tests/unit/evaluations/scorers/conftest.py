from __future__ import annotations

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
        assert isinstance(scorer, PureScorer)
        return scorer.grade(Sample("1", "the question", output, truth, metadata or {}))

    return graded


@pytest.fixture
def unused_context() -> ScoringContext:
    """For scorers that use nothing of the outside world."""
    return ScoringContext(Tenant("organization", "project"), cast(Services, cast(Any, None)))
