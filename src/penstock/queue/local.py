"""Places for executions in this process: how many run at once, with some kept free for each lane."""

from __future__ import annotations

from collections import Counter
from typing import Literal

Lane = Literal["interactive", "batch"]
"""`interactive`: somebody is waiting for the answer."""


class Places:
    """At most `total` executions run here, and neither lane takes the last `reserved` places from the other.

    So a caller who waits finds a place however much runs in the background, and the background goes on however many
    callers wait. Each place is taken in the name of a tenant, which may have a limit of its own.
    """

    def __init__(self, total: int, reserved: int) -> None:
        self._total = total
        self._most = max(1, total - reserved)
        self._taken: dict[Lane, int] = {"interactive": 0, "batch": 0}
        self._by_tenant: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many executions run here."""
        return sum(self._taken.values())

    def of(self, tenant: str) -> int:
        """How many of a tenant run here."""
        return self._by_tenant[tenant]

    def free(self, lane: Lane) -> int:
        """How many executions of this lane could start now."""
        return max(0, min(self._most - self._taken[lane], self._total - self.taken))

    def may_take(self, lane: Lane, tenant: str, most: int | None) -> bool:
        """Whether there is a place of this lane for a tenant that may have so many at most; None: any number."""
        return self.free(lane) > 0 and (most is None or self._by_tenant[tenant] < most)

    def take(self, lane: Lane, tenant: str = "", most: int | None = None) -> bool:
        """Take a place if there is one for this tenant."""
        if not self.may_take(lane, tenant, most):
            return False
        self._taken[lane] += 1
        self._by_tenant[tenant] += 1
        return True

    def give_back(self, lane: Lane, tenant: str = "") -> None:
        """Give a place of this lane back."""
        self._taken[lane] -= 1
        self._by_tenant[tenant] -= 1
        if self._by_tenant[tenant] <= 0:
            del self._by_tenant[tenant]
