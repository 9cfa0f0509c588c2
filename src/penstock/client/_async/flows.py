"""Flows: keep them, and run them in the request or in the background."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, overload

from penstock.client import calls
from penstock.client._async.executions import AsyncExecutions
from penstock.client._async.handles import AsyncExecutionHandle, ProgressListener
from penstock.client._async.transport import AsyncPages, AsyncTransport
from penstock.client.calls import Answer, Call
from penstock.client.errors import OUTCOME_ERRORS, APIStatusError
from penstock.client.objects import ErrorObject, Execution, Flow, FlowVersion, Validation
from penstock.client.options import RunOptions


class AsyncFlows:
    """`client.flows`. A flow is named by its id or its name."""

    def __init__(self, transport: AsyncTransport, executions: AsyncExecutions) -> None:
        self._transport = transport
        self._executions = executions

    async def create(self, document: Mapping[str, Any] | str, *, deploy: bool = True) -> Flow:
        """Save a new flow from a document, or from its YAML text.

        Raises UnprocessableEntityError naming each fault and its place in the document.
        """
        path = "/flows" if deploy else "/flows?deploy=false"
        return await self._transport.fetch(_document("POST", path, document), Flow)

    async def update(self, flow: str, document: Mapping[str, Any] | str, *, deploy: bool = True) -> Flow:
        """Save a new version of a flow."""
        path = f"/flows/{calls.segment(flow)}" + ("" if deploy else "?deploy=false")
        return await self._transport.fetch(_document("PUT", path, document), Flow)

    async def validate(self, document: Mapping[str, Any] | str) -> Validation:
        """Check a document without saving it; every fault it has is in the answer."""
        return await self._transport.fetch(_document("POST", "/flows/validate", document), Validation)

    async def get(self, flow: str) -> Flow:
        """One flow with its document. Raises NotFoundError."""
        return await self._transport.fetch(calls.get(f"/flows/{calls.segment(flow)}"), Flow)

    def list(self) -> AsyncPages[Flow]:
        """Every flow of the project."""
        return self._transport.pages("/flows", Flow)

    def versions(self, flow: str) -> AsyncIterator[FlowVersion]:
        """Every version of a flow."""
        return self._transport.pages(f"/flows/{calls.segment(flow)}/versions", FlowVersion)

    async def version(self, flow: str, number: int) -> FlowVersion:
        """One version of a flow with its document. Raises NotFoundError."""
        path = f"/flows/{calls.segment(flow)}/versions/{number}"
        return await self._transport.fetch(calls.get(path), FlowVersion)

    async def deploy(self, flow: str, version: int) -> Flow:
        """Make this the version that calls run."""
        call = calls.post(f"/flows/{calls.segment(flow)}/deploy", {"version": version}, repeatable=True)
        return await self._transport.fetch(call, Flow)

    async def delete(self, flow: str) -> None:
        """Delete a flow with its versions. Its executions are kept."""
        await self._transport.send(calls.delete(f"/flows/{calls.segment(flow)}"))

    @overload
    async def execute(
        self,
        flow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        wait: None = None,
        idempotency_key: str | None = None,
    ) -> Any: ...

    @overload
    async def execute(
        self, flow: str, inputs: Mapping[str, Any] | None = None, *, wait: float, idempotency_key: str | None = None
    ) -> Any | AsyncExecutionHandle: ...

    async def execute(
        self,
        flow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Run a flow on one input and return its results.

        Without `wait` the answer is waited for; after 300 s the run ends and ExecutionTimeout is raised. With `wait=30`
        the results come if they are there within 30 s, otherwise the handle of that same run, which goes on: nothing
        starts again. A connection lost on the way is taken up again with the same idempotency key, so the run is the
        same one then, too.

        Raises BadRequestError naming each wrong input, ExecutionFailed or ExecutionCancelled when the run ended so.
        """
        call = calls.start(
            f"/flows/{calls.segment(flow)}/execute",
            inputs or {},
            idempotency_key=idempotency_key,
            headers={} if wait is None else {"prefer": f"wait={math.ceil(wait)}"},
            hold_seconds=calls.SYNC_LIMIT_SECONDS if wait is None else wait,
        )
        answer = await self._start(call)
        return self._handle(answer) if answer.status == 202 else answer.json()

    async def execute_async(
        self,
        flow: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        webhook: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncExecutionHandle:
        """Run a flow on one input in the background; returns its handle at once. `webhook` is a URL told of the end."""
        path = f"/flows/{calls.segment(flow)}/execute-async"
        headers = {} if webhook is None else {"webhook-url": webhook}
        call = calls.start(path, inputs or {}, idempotency_key=idempotency_key, headers=headers)
        return self._handle(await self._start(call))

    async def run(
        self,
        flow: str,
        inputs: Sequence[Mapping[str, Any]] | None = None,
        *,
        dataset: str | None = None,
        options: RunOptions | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncExecutionHandle:
        """Run a flow in the background on many inputs, or on the rows of a data set (id or name); returns the handle.

        Raises ValueError unless exactly one of `inputs` and `dataset` is given.
        """
        if (inputs is None) == (dataset is None):
            raise ValueError("give either inputs or dataset")
        source = {"dataset": dataset} if inputs is None else {"inputs": inputs}
        body = {"mode": "async", **source, **(options or RunOptions()).body()}
        path = f"/flows/{calls.segment(flow)}/executions"
        return self._handle(await self._start(calls.start(path, body, idempotency_key=idempotency_key)))

    async def wait_for_completion(
        self,
        execution: str | AsyncExecutionHandle,
        timeout: float = 300.0,
        on_progress: ProgressListener | None = None,
        *,
        show_progress: bool = False,
    ) -> Execution:
        """Wait until a run is over; the same as `executions.wait_for_completion`."""
        return await self._executions.wait_for_completion(execution, timeout, on_progress, show_progress=show_progress)

    async def _start(self, call: Call) -> Answer:
        try:
            return await self._transport.send(call)
        except APIStatusError as refusal:
            execution_id = refusal.problem.get("executionId")
            if not isinstance(execution_id, str):
                raise
            raise self._ended_badly(execution_id, refusal) from refusal

    def _handle(self, answer: Answer) -> AsyncExecutionHandle:
        return AsyncExecutionHandle(self._transport, answer.parse(Execution))

    def _ended_badly(self, execution_id: str, refusal: APIStatusError) -> Exception:
        """A sync run's bad end comes as a problem that names the execution."""
        status = _outcome(refusal)
        error = refusal.problem.get("error")
        known = calls.parse(error, ErrorObject) if isinstance(error, dict) else ErrorObject(message=refusal.detail)
        handle = AsyncExecutionHandle(self._transport, Execution(execution_id=execution_id, status=status, error=known))
        return OUTCOME_ERRORS[status](execution_id, known, handle)


def _outcome(refusal: APIStatusError) -> Any:
    told = refusal.problem.get("executionStatus")
    if told in OUTCOME_ERRORS:
        return told
    if refusal.status == 504:
        return "timeout"
    return "cancelled" if "cancelled" in refusal.code else "failed"


def _document(method: Any, path: str, document: Mapping[str, Any] | str) -> Call:
    is_text = isinstance(document, str)
    kind = "application/yaml" if is_text else "application/json"
    body = document.encode() if isinstance(document, str) else calls.encode(document)
    return Call(method=method, path=path, headers={"content-type": kind}, body=body, repeatable=method == "PUT")
