"""What two evaluations must have in common before they are compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from penstock.errors import Conflict, FieldError
from penstock.evaluations.definition import TASK, Difference, definition_of, differences
from penstock.evaluations.model import Evaluation
from penstock.executions.model import Status

_MOST_NAMED = 20
_LONGEST_VALUE = 80


def check_comparable(reference: Evaluation, comparison: Evaluation, scorer: str) -> None:
    """Raises `Conflict` (`not_comparable`), listing the differences, unless both measured the same task by the scorer:
    the benchmark's content, which of its rows, the scorer's version and settings, epochs and how they become one.

    What was measured (model, flow, prompt, parameters), and other scorers, may differ. Raises `Conflict`
    (`evaluation_not_over`) while one of them runs: a test that is looked at while rows come in shows a difference
    sooner or later, whether there is one or not.
    """
    for evaluation in (reference, comparison):
        if not Status(evaluation.status).terminal:
            detail = f"Evaluation {evaluation.id} is {evaluation.status}; compare it when it is over."
            raise Conflict("evaluation_not_over", detail)
    found = list(_between(reference, comparison, scorer))
    if found:
        named = [FieldError(one.path, _told(one)) for one in found[:_MOST_NAMED]]
        more = f", and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        listed = "; ".join(f"{one.path}: {one.message}" for one in named)
        detail = (
            f"Evaluations {reference.id} and {comparison.id} did not measure the same ({listed}{more}). Run one "
            "of them again with what the other has, or compare others."
        )
        raise Conflict("not_comparable", detail, errors=tuple(named))


def _between(reference: Evaluation, comparison: Evaluation, scorer: str) -> Iterator[Difference]:
    return differences(_task(reference, scorer), _task(comparison, scorer))


def _task(evaluation: Evaluation, scorer: str) -> dict[str, Any]:
    """The task as far as one scorer goes; `scorer` is None where the evaluation does not have it."""
    definition: Any = definition_of(evaluation.spec, evaluation.variant)
    task = dict(definition[TASK])
    scorers = task.pop("scorers")
    return {**task, "scorer": next((snapshot for snapshot in scorers if snapshot["name"] == scorer), None)}


def _told(one: Difference) -> str:
    return f"{_short(one.first)} against {_short(one.second)}"


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
