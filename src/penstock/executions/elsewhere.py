"""How far executions are that this process does not run: they wait, are paused, or another process runs them."""

from __future__ import annotations

from collections import OrderedDict

from penstock.executions.ending import Sums, sums_of
from penstock.executions.model import Execution, Status
from penstock.executions.noting import noted_snapshot
from penstock.executions.progress import Snapshot, waiting_snapshot
from penstock.storage import tallies as tally_rows
from penstock.storage.store import Store

REMEMBERED = 1_000
NOTHING_YET = Sums({}, 0, {})


class Elsewhere:
    """Adds up the rows of an execution only when nobody has noted what they come to.

    Of one that waits, what was added up holds until its next event, so it is remembered.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sums: OrderedDict[tuple[int, int], Sums] = OrderedDict()

    async def snapshot(self, execution: Execution) -> Snapshot:
        """Of an execution that is not over."""
        if execution.status == Status.RUNNING:
            noted = await self._store.read(tally_rows.find(execution.no, execution.lease_number))
            if noted is not None:
                return noted_snapshot(execution, noted)
        sums = await self._sums_of(execution)
        reopening = execution.options.reopening
        waiting = {"pending", *(reopening.statuses if reopening and not reopening.error_codes else ())}
        recorded = {status: n for status, n in sums.recorded.items() if status not in waiting}
        return waiting_snapshot(execution, recorded, sums.nested, sums.usage)

    async def _sums_of(self, execution: Execution) -> Sums:
        if execution.lease_number == 0:
            return NOTHING_YET
        key = execution.no, execution.seq
        sums = self._sums.get(key)
        if sums is None:
            sums = await self._store.read(sums_of(execution.no))
            if execution.status != Status.RUNNING:
                self._sums[key] = sums
                if len(self._sums) > REMEMBERED:
                    self._sums.popitem(last=False)
        return sums
