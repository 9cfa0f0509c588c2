"""How an execution ends: sums its rows and gives it its terminal status, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from penstock.executions.charging import Charging
from penstock.executions.model import ErrorInfo, Execution, Status
from penstock.executions.patience import patiently
from penstock.executions.progress import summary_of
from penstock.failpoints import reached
from penstock.models.usage import Usage, total
from penstock.storage import executions as execution_rows
from penstock.storage import items as item_rows
from penstock.storage import steps as step_rows
from penstock.storage.store import Store, Transaction
from penstock.types import Json, JsonObject

CANCELLED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Sums:
    """What the rows of an execution add up to: items by status, elements among them, tokens and money by model."""

    recorded: Mapping[str, int]
    nested: int
    by_model: Mapping[str, Usage]

    @property
    def usage(self) -> Usage:
        return total(self.by_model.values())


def sums_of(execution_no: int) -> Transaction[Sums]:
    """Add up the rows of an execution."""
    recorded = yield from item_rows.counts(execution_no)
    nested = yield from item_rows.nested(execution_no)
    return Sums(recorded, nested, (yield from step_rows.usage_by_model(execution_no)))


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends: `total` items are known, `top_level` of them rows. `error` says why where no item does.

    `total` is None where nobody runs the execution: then it is what the rows tell. `sums` are given by whoever holds
    the lease and knows that nothing is written any more; otherwise they are added up on the way.
    """

    status: Status
    total: int | None
    top_level: int | None
    results: Json = None
    receipt: JsonObject | None = None
    error: ErrorInfo | None = None
    sums: Sums | None = None


def conclude(execution: Execution, ending: Ending, charging: Charging) -> Transaction[Execution | None]:
    """End an execution, and have it charged; None when its lease was lost or it is over already.

    `completed` becomes `failed` when items failed and none succeeded; of elements that did, nothing came out.
    """
    sums = ending.sums or (yield from sums_of(execution.no))
    recorded = dict(sums.recorded)
    items = ending.total if ending.total is not None else (execution.total_items or 0) + sums.nested
    status, error = ending.status, ending.error
    if status == Status.COMPLETED and recorded.get("failed") and not (yield from item_rows.any_succeeded(execution.no)):
        status = Status.FAILED
    if status == Status.FAILED and error is None:
        first = yield from item_rows.first_failed(execution.no, 1)
        error = msgspec.json.decode(first[0], type=ErrorInfo) if first else None
    if error is None and status in _REASONS:
        error = ErrorInfo(code=status.value, message=_REASONS[status])
    if status != Status.COMPLETED:
        while (yield from item_rows.drop_unfinished(execution.no, CANCELLED_AT_ONCE)):
            pass
        recorded["cancelled"] = recorded.get("cancelled", 0) + recorded.pop("pending", 0)
    summary = summary_of(recorded, sums.usage, items)
    ended = yield from execution_rows.end(
        execution,
        status,
        summary=summary,
        error=error,
        results=ending.results,
        receipt=ending.receipt,
        total_items=ending.top_level,
    )
    if ended is not None:
        yield from charging.settle(ended, sums.by_model)
    reached("end.in_transaction")
    return ended


async def cancel_unfinished(store: Store, execution: Execution) -> None:
    """Cancel what was never run of many items, in pieces, so that everybody else's writes come in between.

    For the owner of an execution that is about to end otherwise than completed, when nothing runs any more. What it
    leaves when its lease is lost, `conclude` finds.
    """

    def some() -> Transaction[bool]:
        held = yield from execution_rows.hold(execution.no, execution.lease_number, 0)
        return held is not None and (yield from item_rows.drop_unfinished(execution.no, CANCELLED_AT_ONCE))

    while await patiently(store, some):
        pass


_REASONS = {
    Status.TIMEOUT: "The execution reached its deadline; finished items are kept.",
    Status.CANCELLED: "The execution was cancelled; finished items are kept.",
}
