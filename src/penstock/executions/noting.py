"""How far executions are, noted once a second by the process that runs them, for every other process.

A poll of an execution that runs elsewhere reads one row instead of adding up a million. One that ends within its
first second is never noted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.errors import Unavailable
from penstock.executions.model import Execution
from penstock.executions.progress import Snapshot, live_snapshot
from penstock.executions.runner import Run
from penstock.storage import tallies as tally_rows
from penstock.storage.executions import dumps
from penstock.storage.store import Store

logger = logging.getLogger(__name__)

NOTE_SECONDS = 1.0


class _Noted(msgspec.Struct, rename="camel"):
    """A snapshot without its execution."""

    counts: Mapping[str, Any]
    usage: Mapping[str, Any]
    total: int | None
    seq: int
    current_node: str | None
    percent: int
    eta: tuple[float, float] | None


class Notes:
    """What the dispatcher of a process has noted of its runs."""

    def __init__(self) -> None:
        self._due = 0.0
        self._noted: dict[int, tuple[Any, ...]] = {}

    async def write(self, store: Store, runs: Iterable[Run]) -> None:
        """Note the runs that have moved, once a second; in between without effect."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + NOTE_SECONDS
        states = {run.execution.no: (_state(run), run) for run in runs}
        moved = [
            (no, run.execution.lease_number, _text(run))
            for no, (state, run) in states.items()
            if no in self._noted and self._noted[no] != state
        ]
        # The first time an execution is seen it is only remembered, as nothing: most are over before the next time.
        self._noted = {no: state if no in self._noted else () for no, (state, _) in states.items()}
        if moved:
            try:
                await store.write(tally_rows.note(moved))
            except Unavailable as error:
                logger.warning("how far executions are could not be noted: %s", error.detail)


def _state(run: Run) -> tuple[Any, ...]:
    tally = run.tally
    return tally.seq, tally.steps_done, tally.running, tally.total, tally.busiest_node()


def _text(run: Run) -> str:
    live = live_snapshot(run.execution, run.tally, run.ledger, run.job.steps_per_item, now_ms())
    return dumps(_Noted(live.counts, live.usage, live.total, live.seq, live.current_node, live.percent, live.eta))


def noted_snapshot(execution: Execution, text: str) -> Snapshot:
    """Of one that runs in another process, as that noted it."""
    noted = msgspec.json.decode(text, type=_Noted)
    return Snapshot(
        execution,
        noted.counts,
        noted.usage,
        noted.total,
        max(noted.seq, execution.seq),
        noted.current_node,
        noted.percent,
        noted.eta,
        held=execution.held,
        lost=execution.lost,
    )
