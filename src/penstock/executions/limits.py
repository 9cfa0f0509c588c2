"""The window of one execution: how many of its items may be under way at once.

An item holds a place while it works. One that has been split gives its place back while its elements work, so nesting
cannot deadlock; deeper items go first, so few parents are open at a time however many rows there are. Whoever has a
place in the window goes on through the gate that the process's executions share.
"""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from penstock.queue.fairness import Claim
from penstock.queue.gate import Door


class Window:
    """A semaphore whose waiters are served deepest first, then in order of arrival; behind it is the gate."""

    def __init__(self, places: int, door: Door) -> None:
        self._free = places
        self._door = door
        self._order = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def claim(self) -> Claim:
        """In whose name the execution asks for what is shared."""
        return self._door.claim

    async def acquire(self, depth: int) -> None:
        """Wait for a place. Cancelling the wait takes none."""
        if self._free > 0 and not self._waiting:
            self._free -= 1
        else:
            await self._turn(depth)
        if self._door.try_enter():
            return
        try:
            await self._door.enter()
        except asyncio.CancelledError:
            self._hand_on()
            raise

    def release(self) -> None:
        """Give a place back; it goes straight to the next waiter."""
        self._door.leave()
        self._hand_on()

    async def _turn(self, depth: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-depth, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
