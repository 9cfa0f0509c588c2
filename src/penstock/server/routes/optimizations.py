"""`/optimizations`: better instructions for judges and prompts. Steering one is steering its execution, whose id it
has."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from penstock.clock import iso
from penstock.errors import Conflict
from penstock.models.usage import usd_from_nanos
from penstock.optimization.bodies import OptimizationWork
from penstock.optimization.model import (
    BudgetName,
    Candidate,
    Optimization,
    OptimizationEstimate,
    OptimizationFilter,
    Parts,
    Report,
    Started,
)
from penstock.optimization.picture import kappa_picture
from penstock.server.answers import answer, maybe_iso, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, content, doc, page_of, path_id, ref
from penstock.server.execution_answers import handle, links
from penstock.server.idempotency import KEY, idempotency
from penstock.server.routes.comparisons import PICTURE, svg
from penstock.server.waiting import ServerStopping, wait_for_end
from penstock.server.webhook_urls import WEBHOOK, given_header, webhook_url

router = APIRouter(tags=["optimizations"])
Reads = Annotated[Call, needs("optimizations:read")]
Runs = Annotated[Call, needs("optimizations:run")]
Id = Annotated[str, path_id("optimization")]
_REFUSALS = (400, 402, 403, 404, 409, 413, 415, 422, 429)
_WRITES = {"judge": "judges:write", "prompt": "prompts:write"}
"""What applying to a subject of each kind needs beside."""


class OptimizationHandle(msgspec.Struct, rename="camel"):
    """An optimization that goes on in the background; `id` and `executionId` are the same."""

    id: str
    execution_id: str
    status: str
    links: dict[str, Any]
    queue: dict[str, Any]


class SubjectObject(msgspec.Struct):
    """What is optimized, as it was when it started."""

    kind: Literal["judge", "prompt"]
    id: str
    name: str
    version: int


class OptimizationObject(msgspec.Struct, rename="camel"):
    """One optimization. `report` is null until it is over; `metricCalls` are those it may make. `annotations` counts
    the labels it uses, `leftOut` those it does not, by why."""

    id: str
    execution_id: str
    status: str
    subject: SubjectObject
    budget: BudgetName | None
    metric_calls: int
    reflection_model: str
    seed: int
    annotations: int
    parts: Parts
    left_out: dict[str, int]
    notes: list[str]
    instruction: str
    estimated_cost_usd: str
    report: Report | None
    applied_version: int | None
    applied_at: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    error: dict[str, Any] | None
    links: dict[str, Any]


class OptimizationEstimateObject(msgspec.Struct, rename="camel"):
    """What an optimization would take at most. `neededCalls` is the least budget that is accepted: one pass.
    `unpricedModels` are left out of the cost."""

    budget: BudgetName | None
    metric_calls: int
    needed_calls: int
    reflection_calls: int
    annotations: int
    parts: Parts
    left_out: dict[str, int]
    notes: list[str]
    worst_case: dict[str, Any]


class Candidates(msgspec.Struct):
    """What was tried so far, in order; number 0 is the instruction that there was."""

    data: list[Candidate]


class AppliedObject(msgspec.Struct, rename="camel"):
    """The version that was made. `again`: it had been made before, and nothing has changed now."""

    subject: SubjectObject
    new_version: int
    again: bool


SCHEMAS = (
    OptimizationWork,
    OptimizationHandle,
    OptimizationObject,
    OptimizationEstimateObject,
    Candidates,
    AppliedObject,
)
_HANDED_OVER = {202: {"description": "It goes on", **content({"application/json": ref(OptimizationHandle)})}}


@router.post(
    "/optimizations",
    **doc(
        "Optimize a judge or a prompt",
        body=ref(OptimizationWork),
        returns=ref(OptimizationObject),
        responses=_HANDED_OVER,
        problems=_REFUSALS,
        extra={"parameters": [KEY, WEBHOOK]},
    ),
)
async def create_optimization(call: Runs) -> Response:
    """Answers with the handle, or with what came of it when it is over within `wait` seconds."""
    body = await call.body(OptimizationWork)
    key, digest = idempotency(call, "optimization", body.model_dump(mode="json"), *given_header(call))
    url = await webhook_url(call, body.webhook)
    keyed = replace(
        body.asked(), webhook_url=url, idempotency_key=key, request_hash=digest, created_by=call.principal.key_id
    )
    started = await call.engine.optimizations.start(call.tenant, keyed)
    return await _accepted(call, started, body.wait or 0)


@router.post(
    "/optimizations/estimate",
    **doc(
        "Estimate an optimization",
        body=ref(OptimizationWork),
        returns=ref(OptimizationEstimateObject),
        problems=_REFUSALS,
    ),
)
async def estimate_optimization(call: Reads) -> Response:
    """The most it would take: metric calls, proposals, model calls, tokens, money, compute units."""
    body = await call.body(OptimizationWork)
    return answer(_estimated(await call.engine.optimizations.estimate(call.tenant, body.asked())))


@router.get("/optimizations", **doc("List optimizations", returns=page_of(OptimizationObject), problems=(400,)))
async def list_optimizations(
    call: Reads,
    kind: Annotated[Literal["judge", "prompt"] | None, Query(description="Of subjects of one kind.")] = None,
    subject: Annotated[
        str | None, Query(max_length=300, description="Of one judge or prompt: its id, or its name at the time.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Newest first."""
    wanted = OptimizationFilter(kind, subject)
    found = await call.engine.optimizations.page(call.tenant, wanted, cursor, limit + 1)
    following = found[limit - 1].id if len(found) > limit else None
    return page([_shown(call, one) for one in found[:limit]], following)


@router.get(
    "/optimizations/{optimization}",
    **doc("Get an optimization", returns=ref(OptimizationObject), problems=(404,)),
)
async def get_optimization(call: Reads, optimization: Id) -> Response:
    """With what came of it, once it is over."""
    return answer(_shown(call, await call.engine.optimizations.get(call.tenant, optimization)))


@router.get(
    "/optimizations/{optimization}/candidates",
    **doc("List what an optimization has tried", returns=ref(Candidates), problems=(404,)),
)
async def list_candidates(call: Reads, optimization: Id) -> Response:
    """Accepted and rejected instructions with their scores; also while it runs."""
    return answer(Candidates(await call.engine.optimizations.candidates(call.tenant, optimization)))


@router.get(
    "/optimizations/{optimization}/kappa.svg",
    **doc("Draw what an optimization came to", responses=PICTURE, problems=(404, 409)),
)
async def plot_optimization(call: Reads, optimization: Id) -> Response:
    """As SVG: agreement with people before and after, with its intervals. 409 while there is no report."""
    found = await call.engine.optimizations.get(call.tenant, optimization)
    if found.report is None:
        detail = f"The optimization is {found.execution.status.value} and has no report to draw."
        raise Conflict("optimization_not_over", detail)
    return svg(kappa_picture(found, found.report))


@router.post(
    "/optimizations/{optimization}/apply",
    **doc("Apply what an optimization has found", returns=ref(AppliedObject), problems=(400, 403, 404, 409)),
)
async def apply_optimization(
    call: Runs,
    optimization: Id,
    force: Annotated[
        bool, Query(description="Although the subject has changed since, or the test part shows nothing better.")
    ] = False,
) -> Response:
    """Makes a new version of the judge or prompt; again, it answers the same. Also needs the scope that changes it."""
    found = await call.engine.optimizations.get(call.tenant, optimization)
    call.principal.require(_WRITES[found.plan.target_kind])
    applied = await call.engine.optimizations.apply(call.tenant, optimization, force=force, by=call.principal.key_id)
    return answer(AppliedObject(_subject(found), applied.new_version, applied.again))


async def _accepted(call: Call, started: Started, patience_seconds: float) -> Response:
    execution = started.submitted.execution
    headers = {"Execution-Id": execution.id, "Location": call.path(f"/optimizations/{execution.id}")}
    if started.submitted.replayed:
        headers["Idempotent-Replayed"] = "true"
    if patience_seconds > 0:
        try:
            execution = await wait_for_end(call, execution, patience_seconds, until_paused=True)
        except ServerStopping:
            # It is on disk and goes on after the start; the handle says where.
            pass
        if execution.status.terminal:
            found = await call.engine.optimizations.get(call.tenant, execution.id)
            return answer(_shown(call, found), 200, headers)
    waiting: Any = await handle(call, execution)
    shown = OptimizationHandle(
        id=execution.id,
        execution_id=execution.id,
        status=waiting["status"],
        links=_links(call, execution.id),
        queue=waiting["queue"],
    )
    return answer(shown, 202, {**headers, "Retry-After": "1"})


def _shown(call: Call, one: Optimization) -> OptimizationObject:
    plan, execution = one.plan, one.execution
    return OptimizationObject(
        id=one.id,
        execution_id=one.id,
        status=execution.status.value,
        subject=_subject(one),
        budget=plan.budget,
        metric_calls=plan.metric_calls,
        reflection_model=plan.reflection_model,
        seed=plan.seed,
        annotations=plan.annotations,
        parts=plan.parts,
        left_out=dict(plan.left_out),
        notes=list(plan.notes),
        instruction=plan.instruction,
        estimated_cost_usd=usd_from_nanos(plan.estimated.nanos),
        report=one.report,
        applied_version=one.applied_version,
        applied_at=maybe_iso(one.applied_at),
        created_at=iso(execution.created_at),
        started_at=maybe_iso(execution.started_at),
        finished_at=maybe_iso(execution.finished_at),
        error=None if execution.error is None else msgspec.to_builtins(execution.error),
        links=_links(call, one.id),
    )


def _subject(one: Optimization) -> SubjectObject:
    plan = one.plan
    return SubjectObject(
        "judge" if plan.target_kind == "judge" else "prompt", plan.subject_id, plan.subject_name, plan.subject_version
    )


def _links(call: Call, optimization_id: str) -> dict[str, Any]:
    here = call.path(f"/optimizations/{optimization_id}")
    return {"self": here, "candidates": f"{here}/candidates", "execution": links(call, optimization_id)}


def _estimated(found: OptimizationEstimate) -> OptimizationEstimateObject:
    return OptimizationEstimateObject(
        budget=found.budget,
        metric_calls=found.metric_calls,
        needed_calls=found.needed_calls,
        reflection_calls=found.reflection_calls,
        annotations=found.annotations,
        parts=found.parts,
        left_out=dict(found.left_out),
        notes=list(found.notes),
        worst_case=dict(found.most.body()),
    )
