"""What a POST has made when its answer was lost, for the client that sends the same POST again.

Those clients repeat every request after a 5xx and know no idempotency keys, so work whose answer got lost would be
started twice. Here the same body from the same key, within ten seconds of a lost answer, gets what the first one made.
It is in memory, for each process by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

GRACE_SECONDS = 10.0
MAX_KEPT = 10_000


@dataclass(slots=True)
class _Made:
    """What one request is making. `lost_at` is when it was answered with a 5xx; None: it is still under way."""

    task: asyncio.Task[Any]
    gone: Callable[[], Awaitable[bool]]
    lost_at: float | None = None


class Repeats:
    """The lost answers of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: dict[str, _Made] = {}

    async def once(
        self, digest: str, make: Callable[[], Coroutine[Any, Any, T]], gone: Callable[[], Awaitable[bool]]
    ) -> T:
        """What `make` gives, or gave to an equal request whose answer was lost. `gone`: whether this caller went away.

        A maker goes on when its caller is cancelled. Raises what `make` raises; a failure is not remembered.
        """
        known = self._made.get(digest)
        if known is not None and not await self._is_lost(known):
            known = None
        if known is None:
            self._sweep()
            known = self._made[digest] = _Made(asyncio.create_task(make()), gone)
        else:
            known.lost_at, known.gone = None, gone
        try:
            value: T = await asyncio.shield(known.task)
        except BaseException:
            if known.task.done():
                self._drop(digest, known)
            raise
        return value

    async def answered(self, digest: str, status: int, gone: Callable[[], Awaitable[bool]]) -> None:
        """Note how a request ended: one whose caller got an answer is over, a lost one may be asked for again."""
        known = self._made.get(digest)
        if known is None or known.gone is not gone:
            return
        if status >= 500 or await gone():
            known.lost_at = self._clock()
        else:
            self._drop(digest, known)

    async def _is_lost(self, made: _Made) -> bool:
        if made.lost_at is not None:
            return self._clock() - made.lost_at <= GRACE_SECONDS
        return await made.gone()

    def _drop(self, digest: str, made: _Made) -> None:
        if self._made.get(digest) is made:
            del self._made[digest]

    def _sweep(self) -> None:
        """Forget what nobody asked for again."""
        if len(self._made) < MAX_KEPT:
            return
        oldest = self._clock() - GRACE_SECONDS
        self._made = {key: made for key, made in self._made.items() if made.lost_at is None or made.lost_at > oldest}
