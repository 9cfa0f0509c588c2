"""Places for executions in this process: how many run at once, with some kept free for callers who wait."""

from __future__ import annotations

from typing import Literal

Lane = Literal["interactive", "batch"]
"""`interactive`: somebody is waiting for the answer."""


class Places:
    """At most `total` executions run here; the last `reserved` places are for the interactive lane only."""

    def __init__(self, total: int, reserved: int) -> None:
        self._total = total
        self._reserved = min(reserved, total - 1)
        self._taken = 0

    def free(self, lane: Lane) -> int:
        """How many executions of this lane could start now."""
        limit = self._total if lane == "interactive" else self._total - self._reserved
        return max(0, limit - self._taken)

    def take(self, lane: Lane) -> bool:
        """Take a place if there is one."""
        if not self.free(lane):
            return False
        self._taken += 1
        return True

    def give_back(self) -> None:
        self._taken -= 1
