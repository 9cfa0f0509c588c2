"""Removes what nobody keeps any more, beside the work and never in its way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from penstock.clock import now_ms
from penstock.errors import Unavailable
from penstock.ids import first_id_at
from penstock.retention.policy import DAY_MS, RetentionPolicy
from penstock.storage import retention as sql
from penstock.storage import traces as trace_rows
from penstock.storage.store import Store, Transaction

T = TypeVar("T")

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3600.0
FIRST_AFTER_SECONDS = 30.0
"""Short commands on a data folder are over by then, and a server that starts has other things to do."""
ROWS_AT_ONCE = 150
"""Some milliseconds of the writer. Measured: beside 500, the slowest hundredth of sync calls took twice as long; beside
150, no longer than alone."""
EXECUTIONS_AT_ONCE = 25
REST_SHARE = 3
"""After each transaction it rests this many times as long as that took."""
PROJECTS_AT_ONCE = 100
TRACES_AT_ONCE = 100
TRACE = "trace"
"""The kind under which a policy speaks of traces."""
RECORDS_DAYS = 30
"""Deliveries of webhooks and firings of schedules are kept so long."""

Forget = Callable[[int, int], Transaction[bool]]
"""Removes at most so many things that were over before a moment; True while there may be more."""


class Keeper:
    """The retention of one process that works. `default_days` (0: for ever) is for projects that say nothing else.

    `records` forget what is no execution; `expiring` what says itself until when it is kept.
    """

    def __init__(
        self,
        store: Store,
        default_days: int,
        records: tuple[Forget, ...] = (),
        expiring: tuple[Forget, ...] = (),
        *,
        now: Callable[[], int] = now_ms,
    ) -> None:
        self._store = store
        self._default_days = default_days
        self._records = records
        self._expiring = (sql.forget_keys, *expiring)
        self._now = now
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, now and then."""
        self._task = asyncio.create_task(self._keep_forever(), name="penstock-retention")

    async def stop(self) -> None:
        """End between two transactions; the next process goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def keep(self) -> int:
        """Remove everything that is due; returns how many executions were.

        Raises `Unavailable` when the store does not answer: what is left goes the next time.
        """
        after, expired = "", 0
        while rows := await self._store.read(sql.projects(after, PROJECTS_AT_ONCE)):
            for row in rows:
                after = row["id"]
                expired += await self._expire(after, RetentionPolicy.of(row["settings"]))
        await self._sweep()
        for forget in self._expiring:
            await self._forget(forget, self._now())
        for forget in self._records:
            await self._forget(forget, self._now() - RECORDS_DAYS * DAY_MS)
        return expired

    async def _expire(self, project_id: str, policy: RetentionPolicy) -> int:
        expired = 0
        for kind in await self._store.read(sql.kinds(project_id)):
            before = policy.before(kind, self._default_days, self._now())
            hidden = 0 if before is None else EXECUTIONS_AT_ONCE
            while before is not None and hidden >= EXECUTIONS_AT_ONCE:
                hidden = await self._calmly(sql.disown_expired(project_id, kind, before, EXECUTIONS_AT_ONCE))
                expired += hidden
                await self._sweep()
        await self._expire_traces(project_id, policy.before(TRACE, self._default_days, self._now()))
        return expired

    async def _expire_traces(self, project_id: str, before: int | None) -> None:
        hidden = 0 if before is None else TRACES_AT_ONCE
        while before is not None and hidden >= TRACES_AT_ONCE:
            old = trace_rows.disown_expired(project_id, before, first_id_at(before), TRACES_AT_ONCE)
            hidden = await self._calmly(old)

    async def _sweep(self) -> None:
        while numbers := await self._store.read(sql.disowned(EXECUTIONS_AT_ONCE)):
            await self._calmly(sql.sweep(numbers, ROWS_AT_ONCE))
        while await self._calmly(trace_rows.sweep(ROWS_AT_ONCE)):
            pass

    async def _forget(self, forget: Forget, before: int) -> None:
        while await self._calmly(forget(before, ROWS_AT_ONCE)):
            pass

    async def _calmly(self, transaction: Transaction[T]) -> T:
        """Write, then leave the writer to the others for longer than that took."""
        begun = time.monotonic()
        done = await self._store.write(transaction)
        await asyncio.sleep(REST_SHARE * (time.monotonic() - begun))
        return done

    async def _keep_forever(self) -> None:
        await asyncio.sleep(FIRST_AFTER_SECONDS)
        while True:
            try:
                expired = await self.keep()
                if expired:
                    logger.info("retention: %d executions were removed", expired)
            except Unavailable as error:
                logger.error("retention goes on later: %s", error.detail)
            except Exception:
                # The boundary of the loop: without it nothing would be removed any more until the next start.
                logger.exception("retention broke; it is tried again in an hour")
            await asyncio.sleep(EVERY_SECONDS)
