"""Who is served next when there is less than everybody asks for: tenants in turn, by weight and cost.

Start-time fair queueing (P. Goyal, H. M. Vin, H. Cheng: "Start-Time Fair Queueing: A Scheduling Algorithm for
Integrated Services Packet Switching Networks", SIGCOMM 1996). There is a virtual time. What a tenant asks for starts,
in that time, where its last request finished, but not before now; it finishes `cost / weight` later. The earliest
start is served first, and virtual time is then that start. So while two tenants f and g both wait,

    | served(f) / weight(f) - served(g) / weight(g) |  <=  largest(f) / weight(f) + largest(g) / weight(g)

where `largest` is the cost of the dearest single request (Theorem 1 there); a tenant that was idle has saved up
nothing, and one that never stops asking is passed only by what others are due.

Everything here is synchronous and knows no clock: whoever hands something out says what it cost.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from penstock.queue.local import Lane

T = TypeVar("T")

INTERACTIVE_TURNS = 4
"""While both lanes wait, of five turns in a row at most four are given to callers who wait, and one to the batch."""
_FEW = 64


@dataclass(frozen=True, slots=True)
class Claim:
    """In whose name a place is asked for: the tenant, the lane, and the tenant's weight (above 0)."""

    key: str
    lane: Lane = "batch"
    weight: float = 1.0


ANYBODY = Claim("")
"""For callers that do not compete."""


class VirtualTime:
    """The clock of one fair queue, and where in it each tenant's last request finished."""

    def __init__(self) -> None:
        self.now = 0.0
        self._finish: dict[str, float] = {}
        self._sweep_at = _FEW

    def start_of(self, key: str) -> float:
        """Where the tenant's next request would start."""
        return max(self.now, self._finish.get(key, 0.0))

    def first(self, keys: Iterable[str]) -> str | None:
        """Of the tenants that wait, the one whose turn it is; of equals the first given. None when there is none."""
        return min(keys, key=self.start_of, default=None)

    def serve(self, key: str, cost: float, weight: float) -> None:
        """Let the tenant's next request be the one that is served now."""
        self.now = self.start_of(key)
        self._finish[key] = self.now + cost / weight
        if len(self._finish) > self._sweep_at:
            self._finish = {kept: finish for kept, finish in self._finish.items() if finish > self.now}
            self._sweep_at = max(_FEW, 2 * len(self._finish))

    def correct(self, key: str, difference: float, weight: float) -> None:
        """What was served cost so much more than was said (less when negative): the tenant's next starts accordingly.

        Without effect for a tenant that has been forgotten, because it was behind nobody.
        """
        if key in self._finish:
            self._finish[key] += difference / weight

    def forgive(self) -> None:
        """Nobody waits any more: whoever took more than its share took it from nobody."""
        self._finish.clear()


class _Line(Generic[T]):
    """One lane: who waits, each tenant's requests in order of arrival."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self._waiting: dict[str, deque[tuple[Claim, T, float]]] = {}
        self._heads: list[tuple[float, int, str]] = []
        self._order = count()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, claim: Claim, item: T, cost: float) -> None:
        self._length += 1
        waiting = self._waiting.get(claim.key)
        if waiting is None:
            waiting = self._waiting[claim.key] = deque()
            self._line_up(claim.key)
        waiting.append((claim, item, cost))

    def pop(self) -> tuple[Claim, T, float]:
        start, _, key = heapq.heappop(self._heads)
        while (due := self.time.start_of(key)) > start and self._heads and self._heads[0][0] < due:
            # Its last request turned out to cost more than was said when it lined up.
            start, _, key = heapq.heapreplace(self._heads, (due, next(self._order), key))
        waiting = self._waiting[key]
        served = waiting.popleft()
        claim, _, cost = served
        self.time.serve(key, cost, claim.weight)
        self._length -= 1
        if waiting:
            self._line_up(key)
        else:
            del self._waiting[key]
        if not self._length:
            self.time.forgive()
        return served

    def of(self, key: str) -> int:
        return len(self._waiting.get(key, ()))

    def _line_up(self, key: str) -> None:
        heapq.heappush(self._heads, (self.time.start_of(key), next(self._order), key))


class FairQueue(Generic[T]):
    """What waits, served lane by lane, tenant by tenant, and in order of arrival within both. O(log tenants) a turn.

    Callers who wait go first, except that while both lanes wait every fifth turn is the batch's
    (`INTERACTIVE_TURNS`), so neither starves. There is a next one whenever anything waits.
    """

    def __init__(self) -> None:
        self._lines: dict[Lane, _Line[T]] = {"interactive": _Line(), "batch": _Line()}
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._lines["interactive"]) + len(self._lines["batch"])

    def push(self, claim: Claim, item: T, cost: float = 1.0) -> None:
        """Let something wait. `cost` (above 0) may be a guess: `correct` it when the truth is known."""
        self._lines[claim.lane].push(claim, item, cost)

    def pop(self) -> tuple[Claim, T, float]:
        """The next one, with its claim and the cost it was pushed with. Raises IndexError when nothing waits."""
        if not self:
            raise IndexError("nothing waits")
        return self._lines[self._next_lane()].pop()

    def correct(self, claim: Claim, difference: float) -> None:
        """Something that was popped cost so much more (or less, when negative) than it was pushed with."""
        self._lines[claim.lane].time.correct(claim.key, difference, claim.weight)

    def waiting(self, claim: Claim) -> int:
        """How many of this tenant wait in this lane."""
        return self._lines[claim.lane].of(claim.key)

    def _next_lane(self) -> Lane:
        if not self._lines["interactive"]:
            self._in_a_row = 0
            return "batch"
        if not self._lines["batch"]:
            self._in_a_row = 0
            return "interactive"
        if self._in_a_row < INTERACTIVE_TURNS:
            self._in_a_row += 1
            return "interactive"
        self._in_a_row = 0
        return "batch"
