"""Items whose inputs were sent with the submission, read back page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator

from penstock.executions import paths
from penstock.executions.model import Execution, ItemStatus, Planned
from penstock.storage import items as item_rows
from penstock.storage.executions import loads
from penstock.storage.store import Store

PAGE = 256


async def stored_inputs(store: Store, execution: Execution) -> AsyncIterator[list[Planned]]:
    """The plan of a job whose submission carried its inputs: those that are not finished, in order."""
    at_hand = execution.inputs
    if at_hand is not None:
        yield [Planned(number, loads(text), stored=True) for number, text in enumerate(at_hand)]
        return
    after = -1
    while True:
        found = await store.read(item_rows.inputs_after(execution.no, after, PAGE))
        if found:
            yield [
                Planned(paths.ordinal_of(row["path"]), loads(row["input"]), stored=True)
                for row in found
                if row["status"] == ItemStatus.PENDING
            ]
        if len(found) < PAGE:
            return
        after = paths.ordinal_of(found[-1]["path"])
