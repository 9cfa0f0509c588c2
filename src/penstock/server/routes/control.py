"""Steering an execution: cancel, pause, resume, retry; under `/executions` and the same under `/flows/executions`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.executions.model import ResumeRequest, RetryRequest, Status
from penstock.flows.budget import BudgetSettings
from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.describe import content, doc, path_id, ref
from penstock.server.execution_answers import links, progress
from penstock.server.execution_schemas import Cancelled, CancelReceipt, Progress
from penstock.server.idempotency import KEY, idempotency

router = APIRouter()
Runs = Annotated[Call, needs("executions:run")]
ExecutionId = Annotated[str, path_id("executionId")]


class RetryBody(BaseModel):
    """Which items to run again. What succeeded is kept, and not paid for again."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    items: Literal["failed", "unfinished"] | Annotated[list[str], Field(min_length=1, max_length=10_000)] = "failed"
    error_codes: list[str] = Field(default=[], max_length=100, description="Only items that failed with one of these.")
    flow_version: Literal["same"] | Annotated[int, Field(ge=1, le=2**31 - 1)] = "same"


class ResumeBody(BaseModel):
    """How it goes on; what is left out stays as it was."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    concurrency: int | None = Field(None, ge=1)
    budget: BudgetSettings | None = Field(None, description="What it may consume in all, from its beginning.")


SCHEMAS = (RetryBody, ResumeBody)


async def cancel_execution(call: Runs, execution_id: ExecutionId) -> Response:
    """No step starts any more, calls in flight are cut off, finished items are kept.

    200 with the receipt, or 202 while calls are still being stopped. Doing so again changes nothing.
    """
    execution = await call.engine.executions.cancel(call.tenant, execution_id)
    receipt = msgspec.convert(execution.cancel_receipt, CancelReceipt | None)
    shown = Cancelled(execution.id, execution.status.value, receipt, links(call, execution.id))
    return answer(shown, 200 if execution.status.terminal else 202)


async def pause_execution(call: Runs, execution_id: ExecutionId) -> Response:
    """No step starts any more; those in flight finish and are kept. It holds no place while it is paused, and its
    deadline stands still.

    200 when it is paused, or 202 while steps are finishing. Doing so again changes nothing.
    """
    execution = await call.engine.executions.pause(call.tenant, execution_id)
    _, shown = await progress(call, execution.id)
    return answer(shown, 200 if shown["status"] == Status.PAUSED else 202)


async def resume_execution(call: Runs, execution_id: ExecutionId) -> Response:
    """It goes on where it stopped: nothing that is recorded runs again."""
    body = await call.body(ResumeBody)
    budget = None if body.budget is None else body.budget.budget()
    resumed = await call.engine.flows.resume(call.tenant, execution_id, ResumeRequest(body.concurrency, budget))
    _, shown = await progress(call, resumed.id)
    return answer(shown, 202, {"Location": call.path(f"/executions/{resumed.id}")})


async def retry_execution(call: Runs, execution_id: ExecutionId) -> Response:
    """Inside the same execution: only those items run, and everything is merged. It must be over."""
    body = await call.body(RetryBody)
    key, digest = idempotency(call, "retry", execution_id, body.model_dump())
    wanted = RetryRequest(
        items=body.items if isinstance(body.items, str) else tuple(body.items),
        error_codes=tuple(body.error_codes),
        version=None if body.flow_version == "same" else body.flow_version,
        idempotency_key=key,
        request_hash=digest,
    )
    reopened = await call.engine.flows.retry(call.tenant, execution_id, wanted)
    _, shown = await progress(call, reopened.id)
    return answer(shown, 202, {"Location": call.path(f"/executions/{reopened.id}")})


def _optional(body: type[BaseModel], *parameters: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"requestBody": {"required": False, **content({"application/json": ref(body)})}}
    return {**described, "parameters": list(parameters)} if parameters else described


def _still(what: str, shape: type) -> dict[int, Any]:
    return {202: {"description": what, **content({"application/json": ref(shape)})}}


_ROUTES = (
    (
        "cancel",
        cancel_execution,
        doc(
            "Cancel an execution",
            returns=ref(Cancelled),
            responses=_still("It is stopping", Cancelled),
            problems=(404, 409),
        ),
    ),
    (
        "pause",
        pause_execution,
        doc(
            "Pause an execution",
            returns=ref(Progress),
            responses=_still("Steps in flight are finishing", Progress),
            problems=(404, 409),
        ),
    ),
    (
        "resume",
        resume_execution,
        doc(
            "Resume an execution",
            status=202,
            returns=ref(Progress),
            problems=(400, 402, 404, 409),
            extra=_optional(ResumeBody),
        ),
    ),
    (
        "retry",
        retry_execution,
        doc(
            "Retry items",
            status=202,
            returns=ref(Progress),
            problems=(400, 402, 404, 409, 422),
            extra=_optional(RetryBody, KEY),
        ),
    ),
)

for base, tag, suffix in (
    ("/executions", "executions", ""),
    ("/flows/executions", "executions, under flows", "_of_flow"),
):
    for action, handler, described in _ROUTES:
        router.add_api_route(
            f"{base}/{{executionId}}/{action}",
            handler,
            methods=["POST"],
            name=handler.__name__ + suffix,
            tags=[tag],
            **described,
        )
