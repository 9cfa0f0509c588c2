"""`/evaluations`: models and flows on benchmarks. Steering one is steering its execution (`/executions`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from penstock.errors import FieldError, Invalid
from penstock.evaluations.model import EvaluationFilter, Order
from penstock.evaluations.requests import EvaluationRequest
from penstock.evaluations.results import RowFilter, RowStatus, ScoreOutcome
from penstock.evaluations.service import Started
from penstock.executions.model import Status
from penstock.server.annotation_answers import AgreementStanding
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.bodies import NDJSON
from penstock.server.describe import OBJECT, TEXT, Cursor, Limit, content, doc, page_of, path_id, ref
from penstock.server.evaluation_answers import evaluation_body, evaluation_links, row_body, rows_as_csv, rows_as_lines
from penstock.server.evaluation_requests import Body, EvaluationWork, ScorerSpec
from penstock.server.execution_answers import handle, progress
from penstock.server.execution_schemas import Progress
from penstock.server.idempotency import KEY, idempotency
from penstock.server.waiting import ServerStopping, wait_for_end
from penstock.server.webhook_urls import WEBHOOK, given_header, webhook_url

router = APIRouter(tags=["evaluations"])
Reads = Annotated[Call, needs("evaluations:read")]
Runs = Annotated[Call, needs("evaluations:run")]
EvaluationId = Annotated[str, path_id("evaluation")]

CSV = "text/csv"
MOST_ROWS = 200


class RescoreBody(Body):
    """With which scorers the answers are scored again."""

    scorers: list[ScorerSpec] = Field(min_length=1, max_length=50)
    name: str | None = Field(None, min_length=1, max_length=200)


class EvaluationRetry(Body):
    """What is run again: rows that `failed`, or `scores` that went wrong, whose answers are kept."""

    what: Literal["failed", "scores"] = "failed"


class EvaluationHandle(msgspec.Struct, rename="camel"):
    """Evaluations that go on in the background."""

    evaluation_id: str
    evaluation_ids: list[str]
    execution_id: str
    status: str
    links: dict[str, Any]
    queue: dict[str, Any]
    warnings: list[str]


class ScoreSummary(msgspec.Struct, rename="camel"):
    """One scorer's mean over rows, with its interval; null where there is none. `n` of `expected` rows have a value;
    `coverage` is the share of answers, each epoch's, that do."""

    mean: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    n: int
    clusters: int | None
    note: str | None
    expected: int
    coverage: float
    unscorable: int
    errors: int
    reasons: list[dict[str, Any]]


class EvaluationObject(msgspec.Struct, rename="camel"):
    """An evaluation. `metrics` are by scorer; the first scorer's mean is its accuracy. `agreement` has, for each scorer
    that is a judge, how far it agrees with people."""

    id: str
    name: str
    status: str
    execution_id: str
    variant: str
    experiment: dict[str, Any] | None
    source: dict[str, Any] | None
    model: str | None
    flow: dict[str, Any] | None
    benchmark: dict[str, Any]
    scorers: list[str]
    tags: list[str]
    definition_hash: str
    rows: int
    epochs: int
    answered_rows: int
    failed_rows: int
    metrics: dict[str, ScoreSummary]
    latency: dict[str, Any]
    usage: dict[str, Any]
    error: dict[str, Any] | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    links: dict[str, Any]
    definition: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    subsets: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    agreement: dict[str, AgreementStanding | None] | msgspec.UnsetType = msgspec.UNSET
    progress: Progress | msgspec.UnsetType = msgspec.UNSET


class EvaluationRow(msgspec.Struct, rename="camel"):
    """One row in one epoch. `scores` are outcomes by scorer: `scored`, `unscorable` or `error`."""

    number: int
    row_id: str | None
    epoch: int
    subset: str | None
    cluster: str | None
    status: str
    input: Any
    truth: Any
    metadata: dict[str, Any] | None
    output: Any
    finish_reason: str | None
    cached: bool
    latency_ms: float | None
    first_token_ms: float | None
    scores: dict[str, Any]
    usage: dict[str, Any]
    error: dict[str, Any] | None


SCHEMAS = (
    EvaluationWork,
    RescoreBody,
    EvaluationRetry,
    EvaluationHandle,
    EvaluationObject,
    ScoreSummary,
    EvaluationRow,
)

_HANDED_OVER = {202: {"description": "It goes on", **content({"application/json": ref(EvaluationHandle)})}}
_REFUSALS = (400, 402, 404, 409, 413, 415, 422, 429)


@router.post(
    "/evaluations",
    **doc(
        "Evaluate a model or a flow",
        body=ref(EvaluationWork),
        returns=ref(EvaluationObject),
        responses=_HANDED_OVER,
        problems=_REFUSALS,
        extra={"parameters": [KEY, WEBHOOK]},
    ),
)
async def create_evaluation(call: Runs) -> Response:
    """Answers with the handle, or with the evaluation when it is over within `wait` seconds."""
    body = await call.body(EvaluationWork)
    started = await start(call, body.asked(), body.webhook, body.model_dump(mode="json"))
    return await accepted(call, started, body.wait or 0)


@router.post(
    "/evaluations/estimate",
    **doc("Estimate an evaluation", body=ref(EvaluationWork), returns=OBJECT, problems=_REFUSALS),
)
async def estimate_evaluation(call: Reads) -> Response:
    """What it would take: rows, calls, the most tokens and money, and the smallest difference it can show."""
    body = await call.body(EvaluationWork)
    return answer(await call.engine.evaluation_estimates.estimate(call.tenant, body.asked()))


@router.get(
    "/evaluations",
    **doc("List evaluations", returns=page_of(EvaluationObject), problems=(400,)),
)
async def list_evaluations(
    call: Reads,
    benchmark: Annotated[list[str] | None, Query(max_length=100, description="Ids or keys.")] = None,
    model: Annotated[list[str] | None, Query(max_length=100, description="Names of models, or ids of flows.")] = None,
    status: Annotated[list[Status] | None, Query(max_length=10)] = None,
    tag: Annotated[str | None, Query(max_length=64)] = None,
    search: Annotated[str | None, Query(max_length=200, description="In name, target and benchmark.")] = None,
    latest: Annotated[bool, Query(description="Only the newest of each target on each benchmark.")] = False,
    sort: Annotated[Order, Query()] = "created",
    order: Annotated[Literal["asc", "desc"], Query()] = "desc",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Newest first by default; `accuracy` is the first scorer's mean, `duration` the mean latency of a row."""
    offset = _number(cursor)
    wanted = EvaluationFilter(
        benchmarks=tuple(benchmark or ()),
        targets=tuple(model or ()),
        statuses=tuple(one.value for one in status or ()),
        tag=tag,
        text=search,
        latest_only=latest,
        order=sort,
        descending=order == "desc",
    )
    found, total = await call.engine.evaluations.page(call.tenant, wanted, offset, limit)
    following = str(offset + limit) if offset + limit < total else None
    return page([await evaluation_body(call, evaluation, whole=False) for evaluation in found], following)


@router.get("/evaluations/{evaluation}", **doc("Get an evaluation", returns=ref(EvaluationObject), problems=(404,)))
async def get_evaluation(call: Reads, evaluation: EvaluationId) -> Response:
    """With what its rows add up to so far, its definition, and how far its execution is."""
    found = await call.engine.evaluations.get(call.tenant, evaluation)
    return answer(await evaluation_body(call, found))


@router.get(
    "/evaluations/{evaluation}/results",
    **doc(
        "List an evaluation's rows",
        returns=page_of(EvaluationRow),
        responses={
            200: {"description": "OK", **content({"application/json": page_of(EvaluationRow), NDJSON: TEXT, CSV: TEXT})}
        },
        problems=(400, 404),
    ),
)
async def list_evaluation_rows(
    call: Reads,
    evaluation: EvaluationId,
    status: Annotated[RowStatus | None, Query()] = None,
    outcome: Annotated[ScoreOutcome | None, Query(description="By the first scorer, or the one named.")] = None,
    scorer: Annotated[str | None, Query(max_length=64)] = None,
    subset: Annotated[str | None, Query(max_length=300)] = None,
    search: Annotated[str | None, Query(max_length=200, description="In input, truth and output.")] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50,
) -> Response:
    """In the order of the benchmark, also while it runs; with `Accept` NDJSON or CSV, all of them.

    A page behind a filter may be short, or empty, and still have a `nextCursor`.
    """
    service = call.engine.evaluations
    media = call.request.headers.get("accept", "")
    if NDJSON in media or CSV in media:
        found = await service.get(call.tenant, evaluation)
        pieces = rows_as_lines if NDJSON in media else rows_as_csv
        return StreamingResponse(pieces(found, service.every_row(found)), media_type=NDJSON if NDJSON in media else CSV)
    wanted = RowFilter(status, outcome, scorer, subset, search)
    found, rows, following = await service.rows(call.tenant, evaluation, wanted, _number(cursor) - 1, limit)
    return page([row_body(found, row) for row in rows], None if following is None else str(following + 1))


@router.post(
    "/evaluations/{evaluation}/rescore",
    **doc(
        "Score an evaluation's answers again",
        status=202,
        body=ref(RescoreBody),
        returns=ref(EvaluationHandle),
        problems=_REFUSALS,
        extra={"parameters": [KEY]},
    ),
)
async def rescore_evaluation(call: Runs, evaluation: EvaluationId) -> Response:
    """As a new evaluation, with other scorers; no model is asked again, but those that scorers ask."""
    body = await call.body(RescoreBody)
    key, digest = idempotency(call, "rescore", evaluation, body.model_dump(mode="json"))
    request = EvaluationRequest(
        benchmark="",
        variants=(),
        name=body.name,
        idempotency_key=key,
        request_hash=digest,
        created_by=call.principal.key_id,
    )
    return await accepted(
        call, await call.engine.evaluations.rescore(call.tenant, evaluation, body.scorers, request), 0
    )


@router.post(
    "/evaluations/{evaluation}/retry",
    **doc(
        "Run what failed of an evaluation again",
        status=202,
        returns=ref(Progress),
        problems=(400, 402, 404, 409),
        extra={"requestBody": {"required": False, **content({"application/json": ref(EvaluationRetry)})}},
    ),
)
async def retry_evaluation(call: Runs, evaluation: EvaluationId) -> Response:
    """Inside the same execution: rows that failed, or scores that went wrong. Answers that are there are kept."""
    body = await call.body(EvaluationRetry)
    reopened = await call.engine.evaluations.retry(call.tenant, evaluation, body.what)
    _, shown = await progress(call, reopened.id)
    return answer(shown, 202, {"Location": call.path(f"/evaluations/{evaluation}")})


@router.delete("/evaluations/{evaluation}", **doc("Delete an evaluation", status=204, problems=(404, 409)))
async def delete_evaluation(call: Runs, evaluation: EvaluationId) -> Response:
    """With its rows, when no other variant of its execution is left. Only one that is over."""
    await call.engine.evaluations.delete(call.tenant, evaluation)
    return nothing()


async def start(call: Call, request: EvaluationRequest, webhook: str | None, payload: Any) -> Started:
    """Submit a request with its call's idempotency key and webhook."""
    key, digest = idempotency(call, "evaluation", payload, *given_header(call))
    url = await webhook_url(call, webhook)
    keyed = replace(
        request, webhook_url=url, idempotency_key=key, request_hash=digest, created_by=call.principal.key_id
    )
    return await call.engine.evaluations.start(call.tenant, keyed)


async def accepted(call: Call, started: Started, patience_seconds: float) -> Response:
    """The handle; or the first evaluation, when it is over in time."""
    execution, evaluations = started.submitted.execution, started.evaluations
    headers = {"Execution-Id": execution.id, "Location": call.path(f"/evaluations/{evaluations[0].id}")}
    if started.submitted.replayed:
        headers["Idempotent-Replayed"] = "true"
    if patience_seconds > 0:
        try:
            execution = await wait_for_end(call, execution, patience_seconds, until_paused=True)
        except ServerStopping:
            # It is on disk and goes on after the start; the handle says where.
            pass
        if execution.status.terminal:
            again = await call.engine.evaluations.get(call.tenant, evaluations[0].id)
            return answer(await evaluation_body(call, again), 200, headers)
    return answer(await _handle(call, started, evaluations), 202, {**headers, "Retry-After": "1"})


async def _handle(call: Call, started: Started, evaluations: Sequence[Any]) -> EvaluationHandle:
    waiting: Any = await handle(call, started.submitted.execution)
    return EvaluationHandle(
        evaluation_id=evaluations[0].id,
        evaluation_ids=[evaluation.id for evaluation in evaluations],
        execution_id=waiting["executionId"],
        status=waiting["status"] if started.submitted.replayed else Status.PENDING.value,
        links=dict(evaluation_links(call, evaluations[0])),
        queue=waiting["queue"],
        warnings=await call.engine.evaluations.warnings(call.tenant, evaluations),
    )


def _number(cursor: str | None) -> int:
    """Where a page begins. Raises `Invalid` for a cursor that was not made here."""
    if cursor is None:
        return 0
    if not cursor.isdecimal() or len(cursor) > 12:
        detail = "This cursor was not made here; take nextCursor of the page before."
        raise Invalid("cursor_invalid", detail, errors=(FieldError("cursor", detail),))
    return int(cursor)
