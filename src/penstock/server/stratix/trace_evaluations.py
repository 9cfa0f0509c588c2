"""`…/trace-evaluations`: one judge on one trace, what it said, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from pydantic import BaseModel, Field
from starlette.responses import Response

from penstock.clock import iso
from penstock.errors import NotFound
from penstock.executions.model import Status
from penstock.judges.model import Step as KeptStep
from penstock.judges.model import TraceEvaluation as Kept
from penstock.judges.model import TraceEvaluationFilter, VerdictOutcome
from penstock.judges.requests import MAX_VERDICTS, JudgeRef, TraceEvaluationRequest
from penstock.server.answers import maybe_iso
from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.judge_references import JudgeSnapshot, known_id, shown_id, snapshot_of
from penstock.server.stratix.references import ModelReferences
from penstock.server.stratix.statuses import QUEUED_WORK

PAGE_SIZE = 20
MAX_PAGE_SIZE = 100

routes = Routes()

_OUTCOMES: dict[str, VerdictOutcome] = {"pass": "pass", "fail": "fail"}
_SORTS = ("created_at",)


class TraceEvaluationBody(BaseModel):
    """A judge for a trace."""

    trace_id: str = Field(min_length=1, max_length=300)
    judge_id: str = Field(min_length=1, max_length=300)


class EstimateBody(BaseModel):
    """A judge for some traces."""

    trace_ids: list[str] = Field(min_length=1, max_length=MAX_VERDICTS)
    judge_id: str = Field(min_length=1, max_length=300)


class TraceEvaluation(msgspec.Struct, kw_only=True):
    """A judge on a trace; a failed one says why in `status_description`."""

    id: str
    trace_id: str
    judge_id: str
    status: str
    status_description: str
    judge_snapshot: JudgeSnapshot
    created_at: str
    started_at: str | None
    finished_at: str | None


class Step(msgspec.Struct):
    """A use of a tool. Earlier clients read `step`, its number from 1, and `reasoning`, which is what came of it."""

    tool: str
    args: dict[str, Any]
    result: str
    step: int
    reasoning: str


class TraceEvaluationResult(msgspec.Struct, kw_only=True):
    """What the judge said: a score from 0 to 1. `total_cost` is in dollars, 0 where nobody knows."""

    id: str
    trace_evaluation_id: str
    trace_id: str
    judge_id: str
    score: float
    passed: bool
    reasoning: str
    steps: list[Step]
    model: str
    turns: int
    latency_ms: int
    prompt_tokens: int
    completion_tokens: int
    total_cost: float
    created_at: str


class Estimate(msgspec.Struct):
    """The most that it takes, in dollars and tokens."""

    estimated_cost: float
    input_tokens: int
    output_tokens: int
    model: str
    trace_count: int


@routes.get(PROJECT + "/trace-evaluations/{evaluation_id}", "judges:read")
async def get_trace_evaluation(call: StratixCall) -> Response:
    return wrapped(await shown(call, await call.engine.trace_evaluations.get(call.tenant, call.id("evaluation_id"))))


@routes.get(PROJECT + "/trace-evaluations/{evaluation_id}/results", "judges:read")
async def get_trace_evaluation_result(call: StratixCall) -> Response:
    """404 until there is one, and for good where the judge gave none."""
    found = await call.engine.trace_evaluations.get(call.tenant, call.id("evaluation_id"))
    if found.verdict is None:
        why = f": {found.reasoning}" if found.reasoning else ""
        detail = f"Trace evaluation {found.id} has no result; it is {status_of(found)}{why}."
        raise NotFound("result_unknown", detail)
    return wrapped(result_of(found))


@routes.post(PROJECT + "/trace-evaluations", "judges:run")
async def create_trace_evaluation(call: StratixCall) -> Response:
    """Have a trace judged, in the background."""
    body = call.sent(TraceEvaluationBody)
    request = _request(call, body.judge_id, [body.trace_id])

    async def make() -> str:
        return (await call.engine.trace_evaluations.start(call.tenant, request)).evaluation_ids[0]

    return wrapped(await shown(call, await call.engine.trace_evaluations.get(call.tenant, await call.once(make))))


@routes.get(PROJECT + "/trace-evaluations", "judges:read")
async def list_trace_evaluations(call: StratixCall) -> Response:
    """Newest first unless asked otherwise. All of them are counted in `total`, not in `total_count`."""
    query = call.query
    page = query.page(PAGE_SIZE, MAX_PAGE_SIZE)
    query.word("sort_by", _SORTS, "created_at")
    judge, outcome = query.text("judge_id"), query.text("outcome")
    wanted = TraceEvaluationFilter(
        judge=None if judge is None else known_id(judge),
        trace_id=query.text("trace_id"),
        outcome=None if outcome is None else _OUTCOMES[query.word("outcome", _OUTCOMES, "pass")],
        since=query.since(),
        text=query.text("search"),
    )
    found, total = await call.engine.trace_evaluations.numbered(
        call.tenant, wanted, page.offset, page.size, descending=query.descending(True)
    )
    models = ModelReferences(call.engine.catalog, call.tenant)
    listed = [await _shown(models, one) for one in found]
    return wrapped({"trace_evaluations": listed, "count": len(listed), "total": total})


@routes.post(PROJECT + "/trace-evaluations/estimate", "judges:read")
async def estimate_trace_evaluations(call: StratixCall) -> Response:
    """What it would take at most to have these traces judged; nothing is started."""
    body = call.sent(EstimateBody)
    made = await call.engine.trace_evaluations.estimate(call.tenant, _request(call, body.judge_id, body.trace_ids))
    (most,) = made["judges"]
    model = await ModelReferences(call.engine.catalog, call.tenant).shown(most["model"])
    cost = float(most["costUsd"])
    return wrapped(Estimate(cost, most["inputTokens"], most["outputTokens"], model.key, made["traces"]))


async def shown(call: StratixCall, evaluation: Kept) -> TraceEvaluation:
    """A trace evaluation as those clients read it."""
    return await _shown(ModelReferences(call.engine.catalog, call.tenant), evaluation)


def status_of(evaluation: Kept) -> str:
    """Its word. One without a verdict on the menu has failed, and so has one that will not come any more."""
    if evaluation.status == "pending":
        over = Status(evaluation.execution_status).terminal
        return "failure" if over else QUEUED_WORK[evaluation.execution_status]
    return "success" if evaluation.status == "scored" else "failure"


def result_of(evaluation: Kept) -> TraceEvaluationResult:
    """What the judge said, of an evaluation that has it."""
    said = evaluation.verdict
    assert said is not None  # noqa: S101 - those without one are refused before
    return TraceEvaluationResult(
        id=evaluation.id,
        trace_evaluation_id=evaluation.id,
        trace_id=evaluation.trace_id,
        judge_id=shown_id(evaluation.judge_id),
        score=said.score,
        passed=said.passed,
        reasoning=said.reasoning,
        steps=_steps(said.steps),
        model=said.model,
        turns=said.turns,
        latency_ms=round(said.latency_ms),
        prompt_tokens=said.input_tokens,
        completion_tokens=said.output_tokens,
        total_cost=float(said.cost_usd or 0),
        created_at=iso(evaluation.judged_at or evaluation.created_at),
    )


async def _shown(models: ModelReferences, evaluation: Kept) -> TraceEvaluation:
    status = status_of(evaluation)
    return TraceEvaluation(
        id=evaluation.id,
        trace_id=evaluation.trace_id,
        judge_id=shown_id(evaluation.judge_id),
        status=status,
        status_description=_description(evaluation) if status == "failure" else "",
        judge_snapshot=await snapshot_of(models, evaluation.snapshot),
        created_at=iso(evaluation.created_at),
        started_at=maybe_iso(evaluation.started_at),
        finished_at=maybe_iso(evaluation.judged_at),
    )


def _description(evaluation: Kept) -> str:
    if evaluation.status != "pending":
        return evaluation.reasoning or evaluation.status
    stopped = (
        "stopped by request" if evaluation.execution_status == Status.CANCELLED else "it ended before this verdict"
    )
    return f"{evaluation.execution_status}: {stopped}"


def _steps(steps: Sequence[KeptStep]) -> list[Step]:
    return [Step(one.tool, one.args, one.result, number, one.result) for number, one in enumerate(steps, 1)]


def _request(call: StratixCall, judge_id: str, trace_ids: Sequence[str]) -> TraceEvaluationRequest:
    judge = JudgeRef(known_id(judge_id))
    return TraceEvaluationRequest(judges=(judge,), traces=tuple(trace_ids), created_by=call.principal.key_id)
