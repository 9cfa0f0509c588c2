"""Wakes those who wait for an execution to change, within this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakValueDictionary


class Signals:
    """One event per execution that somebody waits for; an execution nobody waits for costs nothing."""

    def __init__(self) -> None:
        # Weak: a waiter that gives up leaves nothing behind, also in a server without a worker, where nobody signals.
        self._waiting: WeakValueDictionary[int, asyncio.Event] = WeakValueDictionary()
        self.observe: Callable[[int], None] | None = None
        """Told the number of each execution that changes; for the one who follows many of them."""

    def changed(self, execution_no: int) -> None:
        """Wake everybody who waits for this execution."""
        event = self._waiting.pop(execution_no, None)
        if event is not None:
            event.set()
        if self.observe is not None:
            self.observe(execution_no)

    def next_change(self, execution_no: int) -> asyncio.Event:
        """The event of the next change. Take it, then look at the state, then wait for it: so none is missed."""
        return self._waiting.setdefault(execution_no, asyncio.Event())
