"""`…/judge-optimizations`: a better goal for a judge, found against what people labelled."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field
from starlette.responses import Response

from penstock.clock import iso
from penstock.errors import NotFound
from penstock.executions.model import Status
from penstock.ids import EXECUTION_PREFIX
from penstock.models.usage import NANOS_PER_USD
from penstock.optimization.judge_target import NAME
from penstock.optimization.model import (
    BUDGETS,
    BudgetName,
    JudgeSubject,
    Measured,
    Optimization,
    OptimizationFilter,
    OptimizationRequest,
)
from penstock.server.answers import maybe_iso
from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.judge_references import JudgeSnapshot, known_id, snapshot_of
from penstock.server.stratix.references import ModelReferences
from penstock.server.stratix.statuses import QUEUED_WORK

PAGE_SIZE = 20

routes = Routes()

_BUDGETS: dict[str, BudgetName] = {"low": "light", "high": "heavy", **{name: name for name in BUDGETS}}


class OptimizationBody(BaseModel):
    """A judge to improve. `budget` says how much may be tried."""

    judge_id: str = Field(min_length=1, max_length=300)
    budget: Literal["light", "medium", "heavy", "low", "high"] = "medium"


class OptimizationEstimate(msgspec.Struct):
    """The most that it takes, in dollars, and how many labels there are to learn from."""

    estimated_cost: float
    annotation_count: int
    budget: str


class OptimizationHandle(msgspec.Struct):
    """An optimization that goes on in the background."""

    id: str
    judge_id: str
    budget: str
    status: str


class OptimizationRun(msgspec.Struct, kw_only=True):
    """An optimization. Accuracies are shares of the held-out examples on which the judge says what people say.

    Costs are in dollars; the actual one is known at the end.
    """

    id: str
    organization_id: str
    project_id: str
    judge_id: str
    user_id: str | None
    status: str
    status_description: str
    judge_snapshot: JudgeSnapshot
    annotation_count: int
    budget: str
    baseline_accuracy: float | None
    optimized_accuracy: float | None
    original_goal: str
    optimized_goal: str | None
    logs: str | None
    estimated_cost: float
    actual_cost: float
    created_at: str
    started_at: str | None
    finished_at: str | None
    applied_at: str | None
    applied_version: int | None


class Applied(msgspec.Struct):
    """Which version of the judge has the better goal."""

    judge_id: str
    new_version: int
    message: str


@routes.get(PROJECT + "/judge-optimizations/{optimization_id}", "optimizations:read")
async def get_optimization(call: StratixCall) -> Response:
    return wrapped(await shown(call, await optimization_of(call)))


@routes.post(PROJECT + "/judge-optimizations/estimate", "optimizations:read")
async def estimate_optimization(call: StratixCall) -> Response:
    """What it would take at most; nothing is started. Refused as starting it would be."""
    request = _request(call)
    made = await call.engine.optimizations.estimate(call.tenant, request)
    return wrapped(OptimizationEstimate(made.most.amounts.nanos / NANOS_PER_USD, made.annotations, str(request.budget)))


@routes.post(PROJECT + "/judge-optimizations", "optimizations:run")
async def create_optimization(call: StratixCall) -> Response:
    """Improve a judge, in the background."""
    request = _request(call)

    async def make() -> str:
        return (await call.engine.optimizations.start(call.tenant, request)).id

    made = await call.engine.optimizations.get(call.tenant, await call.once(make))
    handle = OptimizationHandle(_shown_id(made), made.plan.subject_id, _budget(made), _status(made))
    return wrapped(handle)


@routes.get(PROJECT + "/judge-optimizations", "optimizations:read")
async def list_optimizations(call: StratixCall) -> Response:
    """Newest first. All of them are counted in `total`, not in `total_count`."""
    page, judge = call.query.page(PAGE_SIZE), call.query.text("judge_id")
    wanted = OptimizationFilter(target_kind=NAME, subject=None if judge is None else known_id(judge))
    found, total = await call.engine.optimizations.numbered(call.tenant, wanted, page.offset, page.size)
    models = ModelReferences(call.engine.catalog, call.tenant)
    listed = [await _shown(models, one) for one in found]
    return wrapped({"optimization_runs": listed, "count": len(listed), "total": total})


@routes.post(PROJECT + "/judge-optimizations/{optimization_id}/apply", "optimizations:run")
async def apply_optimization(call: StratixCall) -> Response:
    """Make a version of the judge with the goal that was found. 409 while it runs, and where nothing better was."""
    call.principal.require("judges:write")
    found = await optimization_of(call)
    applied = await call.engine.optimizations.apply(call.tenant, found.id, by=call.principal.key_id)
    message = f"Judge {found.plan.subject_name!r} has the optimized goal in version {applied.new_version}."
    return wrapped(Applied(applied.judge_id, applied.new_version, message))


async def optimization_of(call: StratixCall) -> Optimization:
    """The one that the path names. Raises `NotFound`, also for one of something else than a judge."""
    given = call.id("optimization_id")
    found = await call.engine.optimizations.get(call.tenant, EXECUTION_PREFIX + given.removeprefix(EXECUTION_PREFIX))
    if found.plan.target_kind != NAME:
        raise NotFound("optimization_unknown", f"Optimization {given!r} is none of a judge.")
    return found


async def shown(call: StratixCall, optimization: Optimization) -> OptimizationRun:
    """An optimization as those clients read it."""
    return await _shown(ModelReferences(call.engine.catalog, call.tenant), optimization)


def _request(call: StratixCall) -> OptimizationRequest:
    body = call.sent(OptimizationBody)
    subject = JudgeSubject(known_id(body.judge_id))
    return OptimizationRequest(subject, _BUDGETS[body.budget], created_by=call.principal.key_id)


async def _shown(models: ModelReferences, optimization: Optimization) -> OptimizationRun:
    execution, plan, report = optimization.execution, optimization.plan, optimization.report
    usage: Any = (execution.summary or {}).get("usage")
    return OptimizationRun(
        id=_shown_id(optimization),
        organization_id=optimization.tenant.organization_id,
        project_id=optimization.tenant.project_id,
        judge_id=plan.subject_id,
        user_id=optimization.created_by,
        status=_status(optimization),
        status_description=_description(optimization),
        judge_snapshot=await snapshot_of(models, plan.snapshot),
        annotation_count=plan.annotations,
        budget=_budget(optimization),
        baseline_accuracy=None if report is None else _accuracy(report.before),
        optimized_accuracy=None if report is None else _accuracy(report.after or report.before),
        original_goal=plan.instruction,
        optimized_goal=None if report is None else report.optimized,
        logs=None if report is None else "\n".join((report.summary, *report.notes)),
        estimated_cost=plan.estimated.nanos / NANOS_PER_USD,
        actual_cost=float(usage["costUsd"]) if usage else 0.0,
        created_at=iso(execution.created_at),
        started_at=maybe_iso(execution.started_at),
        finished_at=maybe_iso(execution.finished_at),
        applied_at=maybe_iso(optimization.applied_at),
        applied_version=optimization.applied_version,
    )


def _shown_id(optimization: Optimization) -> str:
    """Its execution's id without the prefix: those clients look for 24 hexadecimal digits."""
    return optimization.id.removeprefix(EXECUTION_PREFIX)


def _status(optimization: Optimization) -> str:
    return QUEUED_WORK[optimization.execution.status]


def _budget(optimization: Optimization) -> str:
    """The name of its budget. One that was given as a number has that of the least that is as large."""
    plan = optimization.plan
    return plan.budget or next((name for name, calls in BUDGETS.items() if plan.metric_calls <= calls), "heavy")


def _description(optimization: Optimization) -> str:
    execution, report = optimization.execution, optimization.report
    if execution.status == Status.CANCELLED:
        return "cancelled: stopped by request"
    if execution.error is not None:
        return f"{execution.error.code}: {execution.error.message}"
    return "" if report is None else report.summary


def _accuracy(measured: Measured) -> float:
    return measured.score if measured.agreement is None else measured.agreement
