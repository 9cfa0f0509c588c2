"""`/pairwise-evaluations`: which of two a judge prefers. Steering one is steering its execution; so is its id."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from penstock.executions.model import Status, Submitted
from penstock.judges.bodies import PairwiseWork
from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.describe import OBJECT, content, doc, path_id, ref
from penstock.server.execution_answers import handle, links
from penstock.server.idempotency import KEY, idempotency
from penstock.server.waiting import ServerStopping, wait_for_end
from penstock.server.webhook_urls import WEBHOOK, given_header, webhook_url

router = APIRouter(tags=["pairwise evaluations"])
Reads = Annotated[Call, needs("judges:read")]
Runs = Annotated[Call, needs("judges:run")]
_REFUSALS = (400, 402, 404, 409, 413, 415, 422, 429)


class PairwiseHandle(msgspec.Struct, rename="camel"):
    """Comparing that goes on in the background."""

    execution_id: str
    status: str
    links: dict[str, Any]
    queue: dict[str, Any]


class PairwiseEvaluation(msgspec.Struct, rename="camel"):
    """What a judge's preferences amount to, so far or in the end.

    `winRate` is how often A is better, a tie counting half. `firstRate` is how often the one shown first is, ties left
    out: about a half for a judge that does not mind places.
    """

    execution_id: str
    status: str
    judge: dict[str, Any]
    evaluations: list[str] | None
    seed: int
    expected: int
    scored: int
    unscorable: int
    failed: int
    pending: int
    coverage: float
    wins: dict[str, int]
    win_rate: dict[str, Any]
    shown_first: dict[str, int]
    chosen: dict[str, int]
    first_rate: dict[str, Any]
    links: dict[str, Any]


SCHEMAS = (PairwiseWork, PairwiseHandle, PairwiseEvaluation)
_HANDED_OVER = {202: {"description": "It goes on", **content({"application/json": ref(PairwiseHandle)})}}


@router.post(
    "/pairwise-evaluations",
    **doc(
        "Compare pairs",
        body=ref(PairwiseWork),
        returns=ref(PairwiseEvaluation),
        responses=_HANDED_OVER,
        problems=_REFUSALS,
        extra={"parameters": [KEY, WEBHOOK]},
    ),
)
async def create_pairwise_evaluation(call: Runs) -> Response:
    """Answers with the handle, or with what came of it when it is over within `wait` seconds.

    Each pair is an item of the execution: `/executions/{id}/items` says which was better, and why.
    """
    body = await call.body(PairwiseWork)
    request = body.asked()
    key, digest = idempotency(call, "pairwise_evaluation", body.model_dump(mode="json"), *given_header(call))
    url = await webhook_url(call, body.webhook)
    keyed = replace(
        request, webhook_url=url, idempotency_key=key, request_hash=digest, created_by=call.principal.key_id
    )
    return await _accepted(call, await call.engine.pairwise_evaluations.start(call.tenant, keyed), body.wait or 0)


@router.post(
    "/pairwise-evaluations/estimate",
    **doc("Estimate the comparing of pairs", body=ref(PairwiseWork), returns=OBJECT, problems=_REFUSALS),
)
async def estimate_pairwise_evaluation(call: Reads) -> Response:
    """The most it would take: pairs, calls, tokens and money."""
    body = await call.body(PairwiseWork)
    return answer(await call.engine.pairwise_evaluations.estimate(call.tenant, body.asked()))


@router.get(
    "/pairwise-evaluations/{execution}",
    **doc("Get what a judge prefers", returns=ref(PairwiseEvaluation), problems=(404,)),
)
async def get_pairwise_evaluation(call: Reads, execution: Annotated[str, path_id("execution")]) -> Response:
    """How often each side is better, and how often each place; also while it runs."""
    return answer(await _shown(call, execution))


async def _accepted(call: Call, submitted: Submitted, patience_seconds: float) -> Response:
    execution = submitted.execution
    headers = {"Execution-Id": execution.id, "Location": call.path(f"/pairwise-evaluations/{execution.id}")}
    if submitted.replayed:
        headers["Idempotent-Replayed"] = "true"
    if patience_seconds > 0:
        try:
            execution = await wait_for_end(call, execution, patience_seconds, until_paused=True)
        except ServerStopping:
            # It is on disk and goes on after the start; the handle says where.
            pass
        if execution.status.terminal:
            return answer(await _shown(call, execution.id), 200, headers)
    waiting: Any = await handle(call, execution)
    shown = PairwiseHandle(
        execution_id=execution.id,
        status=waiting["status"] if submitted.replayed else Status.PENDING.value,
        links=waiting["links"],
        queue=waiting["queue"],
    )
    return answer(shown, 202, {**headers, "Retry-After": "1"})


async def _shown(call: Call, execution_id: str) -> PairwiseEvaluation:
    execution, made = await call.engine.pairwise_evaluations.summary(call.tenant, execution_id)
    about = {"executionId": execution.id, "status": execution.status.value, "links": links(call, execution.id)}
    return msgspec.convert({**made, **about}, PairwiseEvaluation)
