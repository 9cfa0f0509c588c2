"""Experiments: several variants of a target on the same rows, as one execution, each held against a baseline.

An experiment is an execution of kind `evaluation` with more than one variant, and its id is the execution's: progress,
events, cancel, pause, resume and retry are what executions do. Here is only how it is started and what it found.

Differences are shown when it is over: whoever looks at a test again and again while rows come in will see a difference
sooner or later, whether there is one or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.errors import FieldError, Invalid, NotFound
from penstock.evaluations.model import Evaluation
from penstock.evaluations.pairs import RowScores, paired_difference
from penstock.evaluations.requests import EvaluationRequest
from penstock.evaluations.service import EvaluationService, Started
from penstock.evaluations.statistics.differences import Difference
from penstock.evaluations.statistics.multiple import holm
from penstock.evaluations.statistics.verdicts import Verdict, verdict
from penstock.executions.model import Status
from penstock.storage import experiments as rows
from penstock.storage.store import Store
from penstock.types import JsonObject, Tenant

_MOST_KEPT = 200
_LAST_ID = "g"
"""Behind every id."""


@dataclass(frozen=True, slots=True)
class Held:
    """A variant's scores held against the baseline's: variant − baseline, on the rows that both have.

    `adjusted_p` takes into account how many variants were held against the baseline by this scorer (Holm); the verdict
    goes by it.
    """

    difference: Difference
    adjusted_p: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class VariantFound:
    """One variant: its evaluation, what its rows add up to, and each scorer's difference from the baseline."""

    name: str
    evaluation: Evaluation
    metrics: JsonObject
    held: Mapping[str, Held]
    """By scorer; none for the baseline itself, and none while the experiment is not over."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as it stands. `baseline` is the name of the variant that the others are held against."""

    id: str
    name: str
    baseline: str
    variants: tuple[VariantFound, ...]

    @property
    def first(self) -> Evaluation:
        """Any of its evaluations, for what all of them share."""
        return self.variants[0].evaluation


@dataclass(frozen=True, slots=True)
class ExperimentLine:
    """An experiment in a list. Its cursor is the id of `evaluation`, one of its own."""

    id: str
    name: str
    baseline: str
    variants: tuple[str, ...]
    evaluation: Evaluation


class Experiments:
    """The experiments of all projects. Methods that take an id raise `NotFound`, also for another tenant's."""

    def __init__(self, store: Store, evaluations: EvaluationService) -> None:
        self._store = store
        self._evaluations = evaluations
        self._kept: dict[tuple[str, int], dict[int, dict[str, Held]]] = {}

    async def start(self, tenant: Tenant, name: str, baseline: str | None, request: EvaluationRequest) -> Started:
        """Start the variants of a request together. Without `baseline` the first variant is it.

        Raises `Invalid` for less than two variants or an unknown baseline, and what `EvaluationService.start` raises.
        """
        names = [variant.name or variant.model or variant.flow or "" for variant in request.variants]
        if len(names) < 2:
            raise _invalid("variants", "an experiment has at least two variants")
        if baseline is not None and baseline not in names:
            raise _invalid("baseline", f"{baseline!r} is none of the variants: {', '.join(names)}")
        wanted: JsonObject = {"name": name, "baseline": baseline or names[0]}
        return await self._evaluations.start(tenant, replace(request, name=name, experiment=wanted))

    async def get(self, tenant: Tenant, experiment_id: str) -> Experiment:
        """How its variants do so far; when it is over, how each differs from the baseline."""
        evaluations = await self._evaluations.of_execution(tenant, experiment_id)
        if not evaluations or evaluations[0].shape.variants < 2:
            raise NotFound("experiment_unknown", f"There is no experiment {experiment_id!r} in this project.")
        name, baseline = _named(evaluations[0])
        metrics = [await self._evaluations.metrics(evaluation) for evaluation in evaluations]
        held = await self._differences(evaluations, baseline)
        variants = (
            VariantFound(evaluation.settings["name"], evaluation, found, held.get(evaluation.variant, {}))
            for evaluation, found in zip(evaluations, metrics, strict=True)
        )
        return Experiment(experiment_id, name, baseline, tuple(variants))

    async def page(self, tenant: Tenant, before: str | None, limit: int) -> list[ExperimentLine]:
        """Experiments that are older than the one with this cursor (see `ExperimentLine`), newest first."""
        found = await self._store.read(rows.page(tenant, before or _LAST_ID, limit))
        return [_line(evaluation) for evaluation in found]

    async def _differences(self, evaluations: Sequence[Evaluation], baseline: str) -> dict[int, dict[str, Held]]:
        first = evaluations[0]
        against = next((one for one in evaluations if one.settings["name"] == baseline), None)
        if against is None or not Status(first.status).terminal:
            return {}
        key = first.execution_id, first.generation
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = await self._held(evaluations, against)
        return self._kept[key]

    async def _held(self, evaluations: Sequence[Evaluation], baseline: Evaluation) -> dict[int, dict[str, Held]]:
        """By variant and scorer. One variant's scores are in memory beside the baseline's at a time."""
        against = await self._values(baseline)
        found: dict[int, dict[str, Difference]] = {}
        for evaluation in evaluations:
            if evaluation.id != baseline.id:
                values = await self._values(evaluation)
                found[evaluation.variant] = await asyncio.to_thread(_differences, against, values)
        held: dict[int, dict[str, Held]] = {number: {} for number in found}
        for scorer in baseline.scorers:
            for number, one in _judged({number: of[scorer] for number, of in found.items()}).items():
                held[number][scorer] = one
        return held

    async def _values(self, evaluation: Evaluation) -> dict[str, RowScores]:
        _, scores = await self._evaluations.scores(evaluation.tenant, evaluation.id)
        return {scorer: RowScores.of(evaluation, scores, scorer) for scorer in evaluation.scorers}


def _differences(first: Mapping[str, RowScores], second: Mapping[str, RowScores]) -> dict[str, Difference]:
    return {scorer: paired_difference(first[scorer], second[scorer]) for scorer in first}


def _judged(found: Mapping[int, Difference]) -> dict[int, Held]:
    """Differences of one scorer, judged together: the more of them, the more one of them would show by chance."""
    tested = [(number, one.p_value) for number, one in found.items() if one.p_value is not None]
    adjusted = dict(zip((number for number, _ in tested), holm([p for _, p in tested]), strict=True))
    return {
        number: Held(one, adjusted.get(number), verdict(one, p_value=adjusted.get(number)))
        for number, one in found.items()
    }


def _named(evaluation: Evaluation) -> tuple[str, str]:
    """Name and baseline of the experiment that an evaluation belongs to; variants that were started without one are
    held against the first."""
    spec: Any = evaluation.spec
    told = spec.get("experiment") or {}
    return told.get("name") or evaluation.benchmark_key, told.get("baseline") or spec["variants"][0]["name"]


def _line(evaluation: Evaluation) -> ExperimentLine:
    spec: Any = evaluation.spec
    name, baseline = _named(evaluation)
    names = tuple(variant["name"] for variant in spec["variants"])
    return ExperimentLine(evaluation.execution_id, name, baseline, names, evaluation)


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("experiment_invalid", f"{field}: {message}", errors=(FieldError(field, message),))
