"""Executions of every kind."""

from __future__ import annotations

from datetime import datetime

from penstock.client import calls
from penstock.client._async.handles import AsyncExecutionHandle, ProgressListener
from penstock.client._async.transport import AsyncPages, AsyncTransport
from penstock.client.objects import Execution, Status


class AsyncExecutions:
    """`client.executions`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, execution_id: str) -> AsyncExecutionHandle:
        """The handle of a run, with how far it is. Raises NotFoundError."""
        progress = await self._transport.fetch(calls.get(f"/executions/{calls.segment(execution_id)}"), Execution)
        return AsyncExecutionHandle(self._transport, progress)

    def list(
        self,
        *,
        status: Status | None = None,
        flow: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int | None = None,
    ) -> AsyncPages[Execution]:
        """Runs, newest first: all, or those that match; at most `limit`."""
        return self._transport.pages(
            "/executions",
            Execution,
            status=status,
            flowId=flow,
            createdAfter=created_after.isoformat() if created_after else None,
            createdBefore=created_before.isoformat() if created_before else None,
            most=limit,
        )

    async def wait_for_completion(
        self,
        execution: str | AsyncExecutionHandle,
        timeout: float = 300.0,
        on_progress: ProgressListener | None = None,
        *,
        show_progress: bool = False,
    ) -> Execution:
        """Wait until a run is over, by its id or handle, and return how it ended. See `AsyncExecutionHandle.wait`."""
        if isinstance(execution, str):
            execution = AsyncExecutionHandle(self._transport, Execution(execution_id=execution, status="pending"))
        return await execution.wait(timeout, on_progress, show_progress=show_progress)
