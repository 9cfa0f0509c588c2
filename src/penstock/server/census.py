"""How many executions of each status a store holds, for metrics that are asked for every few seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from penstock.errors import Unavailable
from penstock.storage.statistics import executions_by_status
from penstock.storage.store import Store

logger = logging.getLogger(__name__)

QUICK_SECONDS = 0.01
FRESH_SECONDS = 30.0


class Census:
    """Counts anew each time while that takes a moment. Counting a million takes half a second: then the last counts are
    given, and they are counted again in the background once they are half a minute old.
    """

    def __init__(self) -> None:
        self._counts: Mapping[str, int] = {}
        self._took_seconds = 0.0
        self._counted_at = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def counts(self, store: Store) -> Mapping[str, int]:
        """Executions by status; a status without any may be missing. Raises `Unavailable`."""
        if self._took_seconds < QUICK_SECONDS:
            await self._count(store)
        elif self._counting is None and time.monotonic() - self._counted_at > FRESH_SECONDS:
            self._counting = asyncio.create_task(self._recount(store), name="penstock-census")
        return self._counts

    async def _recount(self, store: Store) -> None:
        try:
            await self._count(store)
        except Unavailable as error:
            logger.warning("executions could not be counted; the next scrape tries again: %s", error.detail)
        finally:
            self._counting = None

    async def _count(self, store: Store) -> None:
        begun = time.monotonic()
        self._counts = await store.read(executions_by_status())
        self._counted_at = time.monotonic()
        self._took_seconds = self._counted_at - begun
