"""Where an item is while it works: at its place in the window, in the record of what is under way, among suspects.

An item that has been split gives all of that up while its elements work, and comes back when they are done.
"""

from __future__ import annotations

import asyncio

from penstock.errors import StepError
from penstock.executions.flights import NO_SLOT, Flights
from penstock.executions.limits import Window


class Presence:
    """Of one item. It begins with a place in the window."""

    def __init__(self, window: Window, flights: Flights, execution_no: int, path: str) -> None:
        self._window = window
        self._flights = flights
        self._no = execution_no
        self._path = path
        self._depth = path.count(".")
        self._placed = True
        self._away = 0
        self._coming_back = asyncio.Lock()
        self._slot = NO_SLOT
        self._suspected = False

    async def take_off(self) -> None:
        """Begin to work. Raises `StepError` (`item_quarantined`) for an item that may not."""
        flights = self._flights
        if flights.suspects:
            if flights.quarantined(self._no, self._path):
                message = (
                    f"Penstock died {flights.max_crashes} times while this item was under way, so it is not run again."
                    " Look at the log for the cause, then retry it."
                )
                raise StepError("item_quarantined", message)
            if (self._no, self._path) in flights.suspects:
                await self._enter_ward(alone=flights.must_be_alone(self._no, self._path))
        self._slot = flights.take_off(self._no, self._path)

    async def _enter_ward(self, *, alone: bool) -> None:
        """Wait for the turn of a suspect; its place is for others meanwhile."""
        self.leave()
        await self._flights.ward.enter(alone=alone)
        self._suspected = True
        await self._window.acquire(self._depth)
        self._placed = True

    def go_away(self) -> None:
        """Elements work in the item's stead."""
        self._away += 1
        self.leave()

    async def come_back(self) -> None:
        """Take a place again once nothing of this item is fanned out any more. Raises as `take_off` does.

        Branches side by side come back one after the other, for the item has one place; and while one waits for it,
        another may be fanned out anew, whose elements then need the place more.
        """
        self._away -= 1
        async with self._coming_back:
            if self._away > 0 or self._placed:
                return
            await self._window.acquire(self._depth)
            self._placed = True
            await self.take_off()
            if self._away > 0:
                self.leave()

    def done(self) -> None:
        """The item has come to its end: it is no suspect any more."""
        if self._suspected:
            self._flights.cleared(self._no, self._path)

    def leave(self) -> None:
        """Give up whatever of it the item has."""
        self._flights.land(self._slot)
        self._slot = NO_SLOT
        if self._suspected:
            self._suspected = False
            self._flights.ward.leave()
        if self._placed:
            self._placed = False
            self._window.release()
