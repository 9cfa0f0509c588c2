"""The window of one execution: how many of its items may be under way at once.

An item holds a place while it works. One that has been split gives its place back while its elements work, so nesting
cannot deadlock; deeper items go first, so few parents are open at a time however many rows there are.
"""

from __future__ import annotations

import asyncio
import heapq
from itertools import count


class Window:
    """A semaphore whose waiters are served deepest first, then in order of arrival."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._order = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    async def acquire(self, depth: int) -> None:
        """Wait for a place. Cancelling the wait takes none."""
        if self._free > 0 and not self._waiting:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-depth, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give a place back; it goes straight to the next waiter."""
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
