"""`/experiments`: several variants on the same rows, held against a baseline. Its id is its execution's."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from penstock.clock import iso
from penstock.evaluations.experiments import Experiment as Found
from penstock.evaluations.experiments import ExperimentLine, Held, VariantFound
from penstock.evaluations.model import MAX_VARIANTS
from penstock.evaluations.service import Started
from penstock.executions.model import Status
from penstock.server.answers import answer, maybe_iso, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, content, doc, page_of, path_id, ref
from penstock.server.evaluation_requests import NamedVariant, WorkBody
from penstock.server.execution_answers import handle, links
from penstock.server.idempotency import KEY, idempotency
from penstock.server.routes.evaluations import ScoreSummary
from penstock.server.waiting import ServerStopping, wait_for_end
from penstock.server.webhook_urls import WEBHOOK, given_header, webhook_url

router = APIRouter(tags=["experiments"])
Reads = Annotated[Call, needs("evaluations:read")]
Runs = Annotated[Call, needs("evaluations:run")]
ExperimentId = Annotated[str, path_id("experiment")]

_REFUSALS = (400, 402, 404, 409, 413, 415, 422, 429)


class ExperimentWork(WorkBody):
    """Variants of a model's or flow's settings, on the same rows, by the same scorers."""

    name: str = Field(min_length=1, max_length=200)
    variants: list[NamedVariant] = Field(min_length=2, max_length=MAX_VARIANTS)
    baseline: str | None = Field(
        None, min_length=1, max_length=200, description="The variant that others are held against; the first one."
    )


class ExperimentHandle(msgspec.Struct, rename="camel"):
    """An experiment that goes on in the background. `executionId` is the same as `experimentId`."""

    experiment_id: str
    execution_id: str
    evaluation_ids: list[str]
    status: str
    links: dict[str, Any]
    queue: dict[str, Any]


class VariantDifference(msgspec.Struct, rename="camel"):
    """A variant's mean minus the baseline's, over the rows that both have, with its 95 % interval.

    `adjustedP` takes into account how many variants were held against the baseline (Holm), and `decision` goes by it.
    `moreRows` are about how many could tell, where these cannot.
    """

    difference: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    p_value: float | None
    adjusted_p: float | None
    test: str
    n: int
    decision: str
    text: str
    more_rows: int | None
    minimum_detectable: float | None


class ExperimentVariant(msgspec.Struct, rename="camel"):
    """One variant and its evaluation. `differences` are by scorer; none for the baseline, or while it is not over."""

    name: str
    baseline: bool
    evaluation_id: str
    model: str | None
    flow: dict[str, Any] | None
    answered_rows: int
    failed_rows: int
    metrics: dict[str, ScoreSummary]
    latency: dict[str, Any]
    usage: dict[str, Any]
    differences: dict[str, VariantDifference]


class ExperimentObject(msgspec.Struct, rename="camel"):
    """An experiment and what its variants found so far."""

    id: str
    name: str
    status: str
    execution_id: str
    baseline: str
    benchmark: dict[str, Any]
    scorers: list[str]
    rows: int
    epochs: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    variants: list[ExperimentVariant]
    links: dict[str, Any]


class ExperimentSummary(msgspec.Struct, rename="camel"):
    """An experiment in a list."""

    id: str
    name: str
    status: str
    baseline: str
    variants: list[str]
    benchmark: str
    created_at: str
    finished_at: str | None


SCHEMAS = (
    ExperimentWork,
    ExperimentHandle,
    ExperimentObject,
    ExperimentVariant,
    VariantDifference,
    ExperimentSummary,
)


@router.post(
    "/experiments",
    **doc(
        "Start an experiment",
        body=ref(ExperimentWork),
        returns=ref(ExperimentObject),
        responses={202: {"description": "It goes on", **content({"application/json": ref(ExperimentHandle)})}},
        problems=_REFUSALS,
        extra={"parameters": [KEY, WEBHOOK]},
    ),
)
async def create_experiment(call: Runs) -> Response:
    """Answers with the handle, or with the experiment when it is over within `wait` seconds."""
    body = await call.body(ExperimentWork)
    request = body.request(tuple(variant.variant(variant.name) for variant in body.variants))
    key, digest = idempotency(call, "experiment", body.model_dump(mode="json"), *given_header(call))
    keyed = replace(
        request,
        webhook_url=await webhook_url(call, body.webhook),
        idempotency_key=key,
        request_hash=digest,
        created_by=call.principal.key_id,
    )
    started = await call.engine.experiments.start(call.tenant, body.name, body.baseline, keyed)
    return await _accepted(call, started, body.wait or 0)


@router.get("/experiments", **doc("List experiments", returns=page_of(ExperimentSummary), problems=(400,)))
async def list_experiments(call: Reads, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Newest first."""
    found = await call.engine.experiments.page(call.tenant, cursor, limit + 1)
    following = found[limit - 1].evaluation.id if len(found) > limit else None
    return page([_line(line) for line in found[:limit]], following)


@router.get("/experiments/{experiment}", **doc("Get an experiment", returns=ref(ExperimentObject), problems=(404,)))
async def get_experiment(call: Reads, experiment: ExperimentId) -> Response:
    """Each variant with its means; when it is over, with its differences from the baseline."""
    return answer(_shown(call, await call.engine.experiments.get(call.tenant, experiment)))


async def _accepted(call: Call, started: Started, patience_seconds: float) -> Response:
    execution = started.submitted.execution
    headers = {"Execution-Id": execution.id, "Location": call.path(f"/experiments/{execution.id}")}
    if started.submitted.replayed:
        headers["Idempotent-Replayed"] = "true"
    if patience_seconds > 0:
        try:
            execution = await wait_for_end(call, execution, patience_seconds, until_paused=True)
        except ServerStopping:
            # It is on disk and goes on after the start; the handle says where.
            pass
        if execution.status.terminal:
            return answer(_shown(call, await call.engine.experiments.get(call.tenant, execution.id)), 200, headers)
    waiting: Any = await handle(call, started.submitted.execution)
    body = ExperimentHandle(
        experiment_id=execution.id,
        execution_id=execution.id,
        evaluation_ids=[evaluation.id for evaluation in started.evaluations],
        status=waiting["status"] if started.submitted.replayed else Status.PENDING.value,
        links=_links(call, execution.id),
        queue=waiting["queue"],
    )
    return answer(body, 202, {**headers, "Retry-After": "1"})


def _links(call: Call, experiment_id: str) -> dict[str, Any]:
    return {"self": call.path(f"/experiments/{experiment_id}"), "execution": links(call, experiment_id)}


def _shown(call: Call, found: Found) -> ExperimentObject:
    first = found.first
    spec: Any = first.spec
    return ExperimentObject(
        id=found.id,
        name=found.name,
        status=first.status,
        execution_id=first.execution_id,
        baseline=found.baseline,
        benchmark=spec["benchmark"],
        scorers=list(first.scorers),
        rows=first.shape.rows,
        epochs=first.shape.epochs,
        created_at=iso(first.created_at),
        started_at=maybe_iso(first.started_at),
        finished_at=maybe_iso(first.finished_at),
        variants=[_variant(variant, found.baseline) for variant in found.variants],
        links=_links(call, found.id),
    )


def _variant(variant: VariantFound, baseline: str) -> ExperimentVariant:
    metrics: Any = variant.metrics
    target = variant.evaluation.settings["target"]
    return ExperimentVariant(
        name=variant.name,
        baseline=variant.name == baseline,
        evaluation_id=variant.evaluation.id,
        model=target.get("model"),
        flow=None if target["kind"] == "model" else {k: target[k] for k in ("flow", "name", "version")},
        answered_rows=metrics["answered"],
        failed_rows=metrics["failed"],
        metrics=metrics["scores"],
        latency=metrics["latency"],
        usage=metrics["usage"],
        differences={scorer: _difference(held) for scorer, held in variant.held.items()},
    )


def _difference(held: Held) -> VariantDifference:
    found = held.difference
    return VariantDifference(
        difference=found.difference,
        low=found.low,
        high=found.high,
        standard_error=found.standard_error,
        p_value=found.p_value,
        adjusted_p=held.adjusted_p,
        test=found.test,
        n=found.n_pairs or 0,
        decision=held.verdict.decision,
        text=held.verdict.text,
        more_rows=held.verdict.more_rows,
        minimum_detectable=found.minimum_detectable,
    )


def _line(line: ExperimentLine) -> ExperimentSummary:
    return ExperimentSummary(
        id=line.id,
        name=line.name,
        status=line.evaluation.status,
        baseline=line.baseline,
        variants=list(line.variants),
        benchmark=line.evaluation.benchmark_key,
        created_at=iso(line.evaluation.created_at),
        finished_at=maybe_iso(line.evaluation.finished_at),
    )
