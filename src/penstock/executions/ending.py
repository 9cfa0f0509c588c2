"""How an execution ends: sums its rows and gives it its terminal status, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from penstock.executions.model import ErrorInfo, Execution, Status
from penstock.executions.progress import summary_of
from penstock.storage import executions as execution_rows
from penstock.storage import items as item_rows
from penstock.storage import steps as step_rows
from penstock.storage.store import Transaction
from penstock.types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends: `total` items are known, `top_level` of them rows. `error` says why where no item does.

    `total` is None where nobody runs the execution: then it is what the rows tell.
    """

    status: Status
    total: int | None
    top_level: int | None
    results: Json = None
    receipt: JsonObject | None = None
    error: ErrorInfo | None = None


def conclude(execution: Execution, ending: Ending) -> Transaction[Execution | None]:
    """End an execution; None when its lease was lost or it is over already.

    `completed` becomes `failed` when items failed and none succeeded.
    """
    recorded = yield from item_rows.counts(execution.no)
    total = ending.total
    if total is None:
        total = (execution.total_items or 0) + (yield from item_rows.nested(execution.no))
    usage = yield from step_rows.usage(execution.no)
    status, error = ending.status, ending.error
    if status == Status.COMPLETED and recorded.get("failed") and not recorded.get("succeeded"):
        status = Status.FAILED
    if status == Status.FAILED and error is None:
        first = yield from item_rows.first_failed(execution.no, 1)
        error = msgspec.json.decode(first[0], type=ErrorInfo) if first else None
    if error is None and status in _REASONS:
        error = ErrorInfo(code=status.value, message=_REASONS[status])
    if status != Status.COMPLETED:
        yield from item_rows.drop_unfinished(execution.no)
        recorded["cancelled"] = recorded.get("cancelled", 0) + recorded.pop("pending", 0)
    summary = summary_of(recorded, usage, total)
    return (
        yield from execution_rows.end(
            execution,
            status,
            summary=summary,
            error=error,
            results=ending.results,
            receipt=ending.receipt,
            total_items=ending.top_level,
        )
    )


_REASONS = {
    Status.TIMEOUT: "The execution reached its deadline; finished items are kept.",
    Status.CANCELLED: "The execution was cancelled; finished items are kept.",
}
