"""Tools that run flows, and follow executions of every kind."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from penstock import AsyncPenstock
from penstock.client.objects import Flow, Status
from penstock.mcp.bounds import preview, whole_or_cut
from penstock.mcp.results import Listed, Run, RunResult, rows_of
from penstock.mcp.toolbox import READS, RUNS, STOPS, Cursor, Id, Limit, Toolbox, Wait, over_or_on


class FlowFacts(BaseModel):
    """A flow, and what it is given."""

    flow: str = Field(description="Its name.")
    id: str
    deployed_version: int | None
    inputs: Any = Field(default=None, description="Its input fields by name, where one flow was asked for.")
    description: str | None = None

    @classmethod
    def of(cls, flow: Flow) -> FlowFacts:
        """What there is to say of a flow."""
        document = flow.document or {}
        return cls(
            flow=flow.name,
            id=flow.id,
            deployed_version=flow.deployed_version,
            inputs=whole_or_cut(document.get("input"), 4_000),
            description=preview(document.get("description")),
        )


class FlowList(Listed):
    """A page of flows."""

    rows: list[FlowFacts]


class RunList(Listed):
    """A page of executions."""

    rows: list[Run]


class Cancelled(BaseModel):
    """What a cancel did."""

    execution_id: str
    status: str
    receipt: Any = None


class FlowTools:
    """Tools over one client."""

    def __init__(self, client: AsyncPenstock) -> None:
        self._client = client

    def give(self, box: Toolbox) -> None:
        """Put them into the box."""
        box.add(READS, self.list_flows, self.list_executions, self.get_execution)
        box.add(RUNS, self.run_flow)
        box.add(STOPS, self.cancel_execution)

    async def list_flows(
        self,
        flow: Annotated[str | None, Field(description="Only this one, by name or id, with its input fields.")] = None,
        cursor: Cursor = None,
        limit: Limit = 20,
    ) -> FlowList:
        """List the project's flows, or show what one of them has to be given."""
        if flow is not None:
            return FlowList(rows=[FlowFacts.of(await self._client.flows.get(flow))], next_cursor=None)
        return FlowList(**rows_of(await self._client.flows.list().page(cursor, limit), FlowFacts.of))

    async def run_flow(
        self,
        flow: Id,
        inputs: Annotated[dict[str, Any] | None, Field(description="Its input fields; list_flows shows them.")] = None,
        wait_seconds: Wait = 30,
    ) -> RunResult:
        """Run a flow on one input. The answer is its results, or the execution that goes on."""
        handle = await self._client.flows.execute_async(flow, inputs or {})
        return RunResult.with_results(await over_or_on(handle, wait_seconds))

    async def list_executions(
        self,
        status: Status | None = None,
        flow: Annotated[str | None, Field(description="Only of this flow, by id.")] = None,
        cursor: Cursor = None,
        limit: Limit = 20,
    ) -> RunList:
        """List executions of every kind (flows, evaluations, judges, optimizations), newest first."""
        found = self._client.executions.list(status=status, flow=flow)
        return RunList(**rows_of(await found.page(cursor, limit), Run.of))

    async def get_execution(self, execution_id: Id, wait_seconds: Wait = 0) -> RunResult:
        """Show how far an execution is, and its results where they are small; or wait for its end first."""
        handle = await self._client.executions.get(execution_id)
        return RunResult.with_results(await over_or_on(handle, wait_seconds))

    async def cancel_execution(self, execution_id: Id) -> Cancelled:
        """Stop an execution. What is finished is kept; nothing new starts, and calls in flight are aborted."""
        receipt = await (await self._client.executions.get(execution_id)).cancel()
        return Cancelled(execution_id=receipt.execution_id, status=receipt.status, receipt=receipt.receipt)
