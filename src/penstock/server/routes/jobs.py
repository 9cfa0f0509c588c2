"""`/public/v1`: the older face of the same executions, in snake_case."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.bodies import JSON
from penstock.server.describe import OBJECT, content, doc, path_id, ref
from penstock.server.execution_answers import progress
from penstock.server.routes.runs import start_async

router = APIRouter(tags=["jobs"], prefix="/public/v1")

_STATUS = {"pending": "queued"}


class NewJob(msgspec.Struct):
    """A run that has been accepted."""

    job_id: str
    status: str
    flow_id: str


class JobError(msgspec.Struct):
    """Why a job failed."""

    code: str
    message: str
    node: str | None
    item_index: int | None
    item_path: str | None
    retryable: bool
    attempts: int
    cause: str | None


class Job(NewJob):
    """A run and how far it is."""

    progress: int
    current_node: str | None
    items_processed: int
    total_items: int | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    results: Any
    error: JobError | None


SCHEMAS = (NewJob, Job)


@router.post(
    "/flows/execute/{flowId}",
    **doc(
        "Run a flow as a job",
        status=202,
        returns=ref(NewJob),
        problems=(400, 402, 404, 409, 413, 415, 422, 429),
        extra={"requestBody": {"required": True, **content({JSON: OBJECT})}},
    ),
)
async def execute_job(
    call: Annotated[Call, needs("executions:run")], flow_id: Annotated[str, path_id("flowId")]
) -> Response:
    """The body is the flow's input. The same as `execute-async`."""
    submitted = await start_async(call, flow_id)
    execution = submitted.execution
    status = execution.status.value if submitted.replayed else "pending"
    headers = {"Location": call.path(f"/public/v1/jobs/{execution.id}")}
    return answer(NewJob(execution.id, _status(status), execution.subject_id), 202, headers)


@router.get("/jobs/{jobId}", **doc("Get a job", returns=ref(Job), problems=(404,)))
async def get_job(
    call: Annotated[Call, needs("executions:read")], job_id: Annotated[str, path_id("jobId")]
) -> Response:
    """The same as an execution."""
    execution, body = await progress(call, job_id)
    error = execution.error
    shown = Job(
        job_id=execution.id,
        status=_status(execution.status.value),
        flow_id=execution.subject_id,
        progress=body["progress"],
        current_node=body["currentNode"],
        items_processed=body["itemsProcessed"],
        total_items=body["totalItems"],
        created_at=body["createdAt"],
        started_at=body["startedAt"],
        finished_at=body["finishedAt"],
        results=body["results"],
        error=None if error is None else JobError(**msgspec.structs.asdict(error)),
    )
    return answer(shown)


def _status(status: str) -> str:
    return _STATUS.get(status, status)
