"""Where executions stand in the queue: whether another one may join it, how many start first, and when it starts."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from penstock.clock import now_ms
from penstock.errors import LimitReached
from penstock.executions.dispatch import Dispatcher
from penstock.executions.model import Execution, Status
from penstock.queue.limits import LimitsOf
from penstock.queue.local import Lane
from penstock.storage import executions as execution_rows
from penstock.storage import waiting as waiting_rows
from penstock.storage.store import Store
from penstock.types import Tenant

FRESH_SECONDS = 1.0
FULL_RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Standing:
    """How many executions start before this one, and when it is likely to start (ms since 1970; None: not known)."""

    position: int
    starts_at: int | None


class Standings:
    """What is asked often and costs a look at many rows may be a second old."""

    def __init__(self, store: Store, dispatcher: Dispatcher, max_queued: int) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._max_queued = max_queued
        self._open: dict[str, tuple[float, int]] = {}
        self._waiting: dict[Lane, tuple[float, dict[str, int]]] = {}

    @property
    def _limits_of(self) -> LimitsOf:
        return self._dispatcher.limits_of

    async def refusal(self, tenant: Tenant) -> LimitReached | None:
        """Why a project may submit nothing more just now; None when it may.

        A bound against floods, so it may be a second old: counting every time would cost more than it saves.
        """
        own = (await self._limits_of(tenant.project_id)).max_queued_executions
        most = self._max_queued if own is None else min(own, self._max_queued)
        if await self._open_of(tenant.project_id) < most:
            return None
        change = (
            "maxQueuedExecutions (PUT /limits, penstock limits set)"
            if most == own
            else ("PENSTOCK_MAX_QUEUED_EXECUTIONS")
        )
        detail = (
            f"{most:,} executions of this project are waiting, running or paused, which is its limit. Try again when "
            f"some are over, or have an administrator change {change}."
        )
        return LimitReached("too_many_executions", detail, retry_after_seconds=FULL_RETRY_SECONDS)

    async def of(self, execution: Execution) -> Standing | None:
        """Where an execution stands that waits to start; None for any other.

        The position is exact when nothing else is submitted and all executions cost the same: those of its project
        that came first, and of every other project as many as are due in that time by weight.
        """
        if execution.status != Status.PENDING or self._dispatcher.end_of(execution.no) is not None:
            return None
        before = await self._store.read(waiting_rows.before(execution))
        project_id = execution.tenant.project_id
        rounds = (before + 1) / (await self._limits_of(project_id)).weight
        position = before
        for other, waiting in (await self._waiting_in(execution.lane)).items():
            if other != project_id:
                position += min(waiting, math.ceil(rounds * (await self._limits_of(other)).weight))
        seconds = self._dispatcher.wait_seconds(execution.lane, position)
        return Standing(position, None if seconds is None else now_ms() + round(seconds * 1000))

    async def _open_of(self, project_id: str) -> int:
        now = time.monotonic()
        counted_at, count = self._open.get(project_id, (-math.inf, 0))
        if now - counted_at > FRESH_SECONDS:
            count = await self._store.read(execution_rows.count_open(project_id))
            self._open[project_id] = now, count
        return count

    async def _waiting_in(self, lane: Lane) -> dict[str, int]:
        now = time.monotonic()
        counted_at, counts = self._waiting.get(lane, (-math.inf, {}))
        if now - counted_at > FRESH_SECONDS:
            counts = await self._store.read(waiting_rows.counts(lane))
            self._waiting[lane] = now, counts
        return counts
