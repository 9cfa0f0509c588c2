"""What a caller who started an execution is answered: its results, its handle, or why it ended badly.

    completed in time      200, the results themselves
    still going on         202, the handle of the same execution
    failed                 500 `execution_failed`
    cancelled              409 `execution_cancelled`
    past its deadline      504 `execution_timeout`
    server is stopping     503 `stopping`; the execution is parked, and goes on after the start

A bad end is a problem with the members `executionId`, `executionStatus`, `error` and `links`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from starlette.responses import Response, StreamingResponse

from penstock.errors import Problem, Unavailable
from penstock.executions.model import Execution, Status, Submitted
from penstock.executions.results import results_of
from penstock.server.answers import answer
from penstock.server.auth import Call
from penstock.server.bodies import JSON
from penstock.server.execution_answers import handle, links, server_timing
from penstock.server.problems import problem_response
from penstock.server.waiting import ServerStopping, wait_for_end

RESTART_SECONDS = 5


class ExecutionFailed(Problem):
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Execution failed"


class ExecutionCancelled(Problem):
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Execution cancelled"


class ExecutionTimeout(Problem):
    status: ClassVar[int] = 504
    title: ClassVar[str] = "Execution timed out"


_BAD_ENDS: Mapping[Status, type[Problem]] = {
    Status.FAILED: ExecutionFailed,
    Status.CANCELLED: ExecutionCancelled,
    Status.TIMEOUT: ExecutionTimeout,
}


async def outcome(
    call: Call, submitted: Submitted, patience_seconds: float, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a call that waits so long at most; 0 waits for nothing."""
    execution = submitted.execution
    sent = {"Execution-Id": execution.id, "Location": call.path(f"/executions/{execution.id}"), **(headers or {})}
    if submitted.replayed:
        sent["Idempotent-Replayed"] = "true"
    if patience_seconds > 0:
        try:
            execution = await wait_for_end(call, execution, patience_seconds, until_paused=True)
        except ServerStopping:
            return _stopping(call, sent)
    if patience_seconds <= 0 or not execution.status.terminal:
        body = await handle(call, execution)
        if patience_seconds <= 0 and not submitted.replayed:
            # Whoever asks for a handle is told what was accepted; that it may have begun since is for the next look.
            body["status"] = Status.PENDING.value
        return answer(body, 202, {**sent, "Retry-After": "1"})
    sent["Server-Timing"] = server_timing(execution)
    if execution.status == Status.COMPLETED:
        return await _results(call, execution, sent)
    return _bad_end(call, execution, sent)


async def _results(call: Call, execution: Execution, headers: dict[str, str]) -> Response:
    summary: Any = execution.summary
    if summary is not None and summary["counts"]["failed"]:
        headers["Execution-Partial"] = "true"
    results = results_of(call.engine.executions, call.tenant, execution)
    few = await results.inline(call.running.settings.limits.max_inline_results_bytes)
    if few is not None:
        return Response(bytes(few), headers=headers, media_type=JSON)
    return StreamingResponse(results.as_json(), headers=headers, media_type=JSON)


def _bad_end(call: Call, execution: Execution, headers: Mapping[str, str]) -> Response:
    error = execution.error
    what = f"Execution {execution.id} ended as {execution.status.value}"
    detail = f"{what}: {error.message}" if error is not None else f"{what}."
    problem = _BAD_ENDS[execution.status](f"execution_{execution.status.value}", detail)
    members = {
        "executionId": execution.id,
        "executionStatus": execution.status.value,
        "error": msgspec.to_builtins(error),
        "links": links(call, execution.id),
    }
    return problem_response(call.request_id, problem, members=members, headers=headers)


def _stopping(call: Call, headers: Mapping[str, str]) -> Response:
    detail = (
        f"The server is stopping; execution {headers['Execution-Id']} goes on when it is back. Ask for it there, or "
        "repeat the request with the same Idempotency-Key."
    )
    problem = Unavailable("stopping", detail, retry_after_seconds=RESTART_SECONDS)
    return problem_response(call.request_id, problem, headers=headers)
