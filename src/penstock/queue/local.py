"""Places for executions in this process: how many run at once, with some kept free for each lane."""

from __future__ import annotations

from typing import Literal

Lane = Literal["interactive", "batch"]
"""`interactive`: somebody is waiting for the answer."""


class Places:
    """At most `total` executions run here, and neither lane takes the last `reserved` places from the other.

    So a caller who waits finds a place however much runs in the background, and the background goes on however many
    callers wait.
    """

    def __init__(self, total: int, reserved: int) -> None:
        self._total = total
        self._most = max(1, total - reserved)
        self._taken: dict[Lane, int] = {"interactive": 0, "batch": 0}

    @property
    def taken(self) -> int:
        """How many executions run here."""
        return sum(self._taken.values())

    def free(self, lane: Lane) -> int:
        """How many executions of this lane could start now."""
        return max(0, min(self._most - self._taken[lane], self._total - self.taken))

    def take(self, lane: Lane) -> bool:
        """Take a place if there is one."""
        if not self.free(lane):
            return False
        self._taken[lane] += 1
        return True

    def give_back(self, lane: Lane) -> None:
        """Give a place of this lane back."""
        self._taken[lane] -= 1
