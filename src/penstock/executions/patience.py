"""Writes that must not be given up because a disk is full for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from penstock.errors import Unavailable
from penstock.storage.store import Store, Transaction

logger = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 1.0


async def patiently(store: Store, transaction: Callable[[], Transaction[T]]) -> T:
    """Write, and try again every second while the store is out of order.

    Raises `Unavailable` once the store is closed: then the next start goes on from what is recorded.
    """
    while True:
        try:
            return await store.write(transaction())
        except Unavailable as error:
            if error.code == "store_closed":
                raise
            logger.error("waiting for the store: %s", error.detail)
            await asyncio.sleep(RETRY_SECONDS)
