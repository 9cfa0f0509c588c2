"""`/trace-evaluations`: what judges say of traces. Steering a run of them is steering its execution."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from penstock.clock import iso
from penstock.executions.model import Status
from penstock.judges.bodies import TraceEvaluationWork, moment
from penstock.judges.evaluations import Started
from penstock.judges.model import TraceEvaluation, TraceEvaluationFilter, Verdict, VerdictOutcome
from penstock.server.annotation_answers import AgreementStanding, standing_of
from penstock.server.answers import answer, maybe_iso, page
from penstock.server.auth import Call, needs
from penstock.server.describe import OBJECT, Cursor, Limit, content, doc, page_of, path_id, ref
from penstock.server.execution_answers import handle, links
from penstock.server.idempotency import KEY, idempotency
from penstock.server.waiting import ServerStopping, wait_for_end
from penstock.server.webhook_urls import WEBHOOK, given_header, webhook_url

router = APIRouter(tags=["trace evaluations"])
Reads = Annotated[Call, needs("judges:read")]
Runs = Annotated[Call, needs("judges:run")]
_REFUSALS = (400, 402, 404, 409, 413, 415, 422, 429)


class TraceEvaluationHandle(msgspec.Struct, rename="camel"):
    """Judging that goes on in the background. `evaluationIds` are the first thousand, by trace, then judge."""

    execution_id: str
    evaluation_ids: list[str]
    status: str
    links: dict[str, Any]
    queue: dict[str, Any]


class JudgeSummary(msgspec.Struct, rename="camel"):
    """What the verdicts of a judge's version amount to. Means have intervals; null where there is no ground for one.
    `agreement` is that with people."""

    judge: dict[str, Any]
    expected: int
    scored: int
    unscorable: int
    failed: int
    pending: int
    coverage: float
    pass_rate: dict[str, Any]
    score: dict[str, Any]
    agreement: AgreementStanding | None = None


class TraceEvaluationObject(msgspec.Struct, rename="camel"):
    """One judge on one trace. `reasoning` says why the score is what it is, or why there is none. `judge` is the judge
    as it was; `verdict`, told of one of them only, says what it took, turn by turn."""

    id: str
    execution_id: str
    trace_id: str
    trace_name: str
    judge: dict[str, Any]
    status: Literal["pending", "cancelled", "scored", "unscorable", "failed"]
    score: float | None
    passed: bool | None
    reasoning: str | None
    created_at: str
    judged_at: str | None
    links: dict[str, Any]
    verdict: Verdict | msgspec.UnsetType | None = msgspec.UNSET


class TraceEvaluationRun(msgspec.Struct, rename="camel"):
    """An execution of judges on traces that is over, and what came of it."""

    execution_id: str
    status: str
    evaluation_ids: list[str]
    judges: list[JudgeSummary]
    links: dict[str, Any]


class Summaries(msgspec.Struct):
    """One for each judge and version."""

    judges: list[JudgeSummary]


SCHEMAS = (
    TraceEvaluationWork,
    TraceEvaluationHandle,
    TraceEvaluationObject,
    TraceEvaluationRun,
    JudgeSummary,
    Summaries,
)
_HANDED_OVER = {202: {"description": "It goes on", **content({"application/json": ref(TraceEvaluationHandle)})}}

Judge = Annotated[str | None, Query(max_length=300, description="Id, or a name at the time.")]
Execution = Annotated[str | None, Query(max_length=100, description="Of one run only.")]
Since = Annotated[str | None, Query(max_length=40, description="Asked for at this time or later.")]
Until = Annotated[str | None, Query(max_length=40, description="Asked for before this time.")]


@router.post(
    "/trace-evaluations",
    **doc(
        "Judge traces",
        body=ref(TraceEvaluationWork),
        returns=ref(TraceEvaluationRun),
        responses=_HANDED_OVER,
        problems=_REFUSALS,
        extra={"parameters": [KEY, WEBHOOK]},
    ),
)
async def create_trace_evaluations(call: Runs) -> Response:
    """Answers with the handle, or with what came of it when it is over within `wait` seconds."""
    body = await call.body(TraceEvaluationWork)
    request = body.asked()
    key, digest = idempotency(call, "trace_evaluation", body.model_dump(mode="json"), *given_header(call))
    url = await webhook_url(call, body.webhook)
    keyed = replace(
        request, webhook_url=url, idempotency_key=key, request_hash=digest, created_by=call.principal.key_id
    )
    started = await call.engine.trace_evaluations.start(call.tenant, keyed)
    return await _accepted(call, started, body.wait or 0)


@router.post(
    "/trace-evaluations/estimate",
    **doc("Estimate the judging of traces", body=ref(TraceEvaluationWork), returns=OBJECT, problems=_REFUSALS),
)
async def estimate_trace_evaluations(call: Reads) -> Response:
    """The most it would take: verdicts, calls, tokens and money, in all and by judge."""
    body = await call.body(TraceEvaluationWork)
    return answer(await call.engine.trace_evaluations.estimate(call.tenant, body.asked()))


@router.get(
    "/trace-evaluations",
    **doc("List what judges said of traces", returns=page_of(TraceEvaluationObject), problems=(400,)),
)
async def list_trace_evaluations(
    call: Reads,
    judge: Judge = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Of the judge.")] = None,
    trace: Annotated[str | None, Query(max_length=300, description="The trace's own id.")] = None,
    execution: Execution = None,
    outcome: Annotated[VerdictOutcome | None, Query()] = None,
    since: Since = None,
    until: Until = None,
    search: Annotated[
        str | None, Query(min_length=1, max_length=200, description="In reasoning, and names of traces and judges.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Newest first; also those that are still to come."""
    wanted = TraceEvaluationFilter(
        judge=judge,
        judge_version=version,
        trace_id=trace,
        execution_id=execution,
        outcome=outcome,
        since=moment(since, "since"),
        until=moment(until, "until"),
        text=search,
    )
    found = await call.engine.trace_evaluations.page(call.tenant, wanted, cursor, limit + 1)
    following = found[limit - 1].id if len(found) > limit else None
    return page([_shown(call, one) for one in found[:limit]], following)


@router.get(
    "/trace-evaluations/summary",
    **doc("Add up what judges said of traces", returns=ref(Summaries), problems=(400,)),
)
async def summarize_trace_evaluations(
    call: Reads, judge: Judge = None, execution: Execution = None, since: Since = None, until: Until = None
) -> Response:
    """By judge and version: how many pass, with an interval, and how many there is a verdict of; also while it runs."""
    wanted = TraceEvaluationFilter(
        judge=judge, execution_id=execution, since=moment(since, "since"), until=moment(until, "until")
    )
    return answer(Summaries(await _summaries(call, wanted)))


@router.get(
    "/trace-evaluations/{evaluation}",
    **doc("Get what a judge said of a trace", returns=ref(TraceEvaluationObject), problems=(404,)),
)
async def get_trace_evaluation(call: Reads, evaluation: Annotated[str, path_id("evaluation")]) -> Response:
    """With each use of a tool, tokens, cost and time."""
    found = await call.engine.trace_evaluations.get(call.tenant, evaluation)
    shown = _shown(call, found)
    shown.verdict = found.verdict
    return answer(shown)


async def _accepted(call: Call, started: Started, patience_seconds: float) -> Response:
    execution = started.submitted.execution
    headers = {"Execution-Id": execution.id, "Location": call.path(f"/executions/{execution.id}")}
    if started.submitted.replayed:
        headers["Idempotent-Replayed"] = "true"
    if patience_seconds > 0:
        try:
            execution = await wait_for_end(call, execution, patience_seconds, until_paused=True)
        except ServerStopping:
            # It is on disk and goes on after the start; the handle says where.
            pass
        if execution.status.terminal:
            run = TraceEvaluationRun(
                execution_id=execution.id,
                status=execution.status.value,
                evaluation_ids=list(started.evaluation_ids),
                judges=await _summaries(call, TraceEvaluationFilter(execution_id=execution.id)),
                links=dict(links(call, execution.id)),
            )
            return answer(run, 200, headers)
    waiting: Any = await handle(call, execution)
    shown = TraceEvaluationHandle(
        execution_id=execution.id,
        evaluation_ids=list(started.evaluation_ids),
        status=waiting["status"] if started.submitted.replayed else Status.PENDING.value,
        links=waiting["links"],
        queue=waiting["queue"],
    )
    return answer(shown, 202, {**headers, "Retry-After": "1"})


async def _summaries(call: Call, wanted: TraceEvaluationFilter) -> list[JudgeSummary]:
    made = await call.engine.trace_evaluations.summary(call.tenant, wanted)
    shown = [msgspec.convert(one, JudgeSummary) for one in made]
    for one in shown:
        one.agreement = await standing_of(call, one.judge["id"], one.judge["version"])
    return shown


def _shown(call: Call, one: TraceEvaluation) -> TraceEvaluationObject:
    judge: Any = one.snapshot
    over = one.status == "pending" and Status(one.execution_status).terminal
    return TraceEvaluationObject(
        id=one.id,
        execution_id=one.execution_id,
        trace_id=one.trace_id,
        trace_name=one.trace_name,
        judge={
            **{name: judge[name] for name in ("id", "name", "version", "model", "threshold")},
            "evaluationGoal": judge["goal"],
        },
        status="cancelled" if over else one.status,
        score=one.score,
        passed=one.passed,
        reasoning=one.reasoning,
        created_at=iso(one.created_at),
        judged_at=maybe_iso(one.judged_at),
        links={"self": call.path(f"/trace-evaluations/{one.id}"), "execution": links(call, one.execution_id)},
    )
