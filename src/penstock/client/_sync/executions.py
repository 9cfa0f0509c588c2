# Made from ../_async by scripts/unasync.py: change it there.
"""Executions of every kind."""

from __future__ import annotations

from datetime import datetime

from penstock.client import calls
from penstock.client._sync.handles import ExecutionHandle, ProgressListener
from penstock.client._sync.transport import Pages, Transport
from penstock.client.objects import Execution, Status


class Executions:
    """`client.executions`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, execution_id: str) -> ExecutionHandle:
        """The handle of a run, with how far it is. Raises NotFoundError."""
        progress = self._transport.fetch(calls.get(f"/executions/{calls.segment(execution_id)}"), Execution)
        return ExecutionHandle(self._transport, progress)

    def list(
        self,
        *,
        status: Status | None = None,
        flow: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        limit: int | None = None,
    ) -> Pages[Execution]:
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

    def wait_for_completion(
        self,
        execution: str | ExecutionHandle,
        timeout: float = 300.0,
        on_progress: ProgressListener | None = None,
        *,
        show_progress: bool = False,
    ) -> Execution:
        """Wait until a run is over, by its id or handle, and return how it ended. See `ExecutionHandle.wait`."""
        if isinstance(execution, str):
            execution = ExecutionHandle(self._transport, Execution(execution_id=execution, status="pending"))
        return execution.wait(timeout, on_progress, show_progress=show_progress)
