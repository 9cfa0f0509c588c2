"""What a webhook says: thin, in the form of Standard Webhooks, `{"type", "timestamp", "data"}`."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from penstock.accounts.compute_units.balances import LOW
from penstock.clock import iso
from penstock.errors import Conflict, NotFound
from penstock.executions.model import Execution, Status
from penstock.executions.results import results_of
from penstock.executions.service import ExecutionService
from penstock.types import Tenant

THRESHOLD = "trace_evaluation.threshold"
EVENT_TYPES = (
    *(
        f"execution.{status.value}"
        for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMEOUT, Status.PAUSED)
    ),
    THRESHOLD,
    LOW,
)
PAUSED = f"execution.{Status.PAUSED.value}"
TEST = "webhook.test"
MAX_RESULTS_BYTES = 16 * 1024
"""Larger results are not in the message: they are fetched from `links.results`."""

_LINKED = ("items", "results", "logs")
_encode = msgspec.json.Encoder().encode


async def payload_of(executions: ExecutionService, row: Any) -> str:
    """The message for a row of the outbox. What an execution was at that moment is kept in the row."""
    tenant = Tenant(row["organization_id"], row["project_id"])
    execution_id: str = row["execution_id"]
    here = f"/executions/{execution_id}"
    data: dict[str, Any] = {
        "executionId": execution_id,
        "status": row["status"],
        "seq": row["seq"],
        **msgspec.json.decode(row["body"]),
        "links": {"self": here, **{part: f"{here}/{part}" for part in _LINKED}},
    }
    data |= await _more(executions, tenant, row, data["error"])
    return message(f"execution.{row['status']}", row["at"], data)


def message(event: str, at_ms: int, data: Any) -> str:
    """A message as it is signed and sent."""
    return _encode({"type": event, "timestamp": iso(at_ms), "data": data}).decode()


async def _more(executions: ExecutionService, tenant: Tenant, row: Any, error: Any) -> dict[str, Any]:
    """Results where they are small, and the error, as they may be shown; of a paused one its counters."""
    execution_id: str = row["execution_id"]
    try:
        execution, progress = await executions.progress(tenant, execution_id)
    except NotFound:
        # What may be shown of its error was kept with it; the code says nothing of anybody's data.
        return {"error": error and {"code": error["code"], "message": "The execution has been deleted since."}}
    if row["status"] == Status.PAUSED:
        return {"counts": progress["counts"], "usage": progress["usage"]}
    redactor = await executions.redactor(execution)
    results = await _results(executions, execution, row)
    if redactor is None:
        return {} if results is None else {"results": results}
    more = {"error": error} if results is None else {"error": error, "results": msgspec.json.decode(results)}
    # Rules and texts are anybody's, so how long it takes is, too.
    return {name: await asyncio.to_thread(redactor.value, value) for name, value in more.items()}


async def _results(executions: ExecutionService, execution: Execution, row: Any) -> msgspec.Raw | None:
    """Of one that is completed, where they are small; None also when it has gone on or is gone."""
    if row["status"] != Status.COMPLETED:
        return None
    try:
        results = await results_of(executions, execution.tenant, execution).inline(MAX_RESULTS_BYTES)
        # Looked at last: what a retry was changing meanwhile is not told as the results of this end.
        now = await executions.get(execution.tenant, execution.id)
    except (NotFound, Conflict):
        return None
    return results if now.seq == row["seq"] else None
