"""The line of those who wait for a place in this process: which projects stand in it, and whose turn it is.

The executions themselves wait in the store; of each project that has some the next few are known here. So ten thousand
that wait cost no memory, and whose turn it is costs no look at the store.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from penstock.queue.fairness import VirtualTime
from penstock.queue.local import Lane
from penstock.storage import waiting as waiting_rows
from penstock.storage.store import Store

KNOWN_OF_EACH = 16
LONGEST_SECONDS = 60.0
"""An execution counts no longer than this against its project: what took days while nobody waited is no debt."""
RATE_WINDOW = 64
_SMOOTHING = 0.1


@dataclass(frozen=True, slots=True)
class Waiting:
    """One execution that waits."""

    no: int
    project_id: str
    lease_number: int


@dataclass(slots=True)
class Line:
    """One lane's."""

    lane: Lane
    crowded: bool = True
    """Something may be waiting. If not, a place that falls free is no reason to look at the store, and what is
    submitted may start at once: it passes nobody."""
    usual_seconds: float = 1.0
    _time: VirtualTime = field(default_factory=VirtualTime)
    _heads: dict[str, deque[Waiting]] = field(default_factory=dict)
    _asked: int = 0
    _ends: deque[float] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW))

    def join(self, project_id: str) -> None:
        """A project has something to run that has no place yet."""
        self._asked += 1
        self.crowded = True
        self._heads.setdefault(project_id, deque())

    async def look(self, store: Store) -> None:
        """See which projects have something waiting: other processes on the same store may have submitted it."""
        asked = self._asked
        found = await store.read(waiting_rows.projects(self.lane))
        # Whoever joined while the store was read may be missing from what was read, and still waits.
        kept = self._heads if asked != self._asked else {}
        self._heads = {project_id: deque() for project_id in (*found, *kept)}
        self.crowded = self.crowded or bool(found)

    def in_turn(self) -> list[str]:
        """The projects that have something waiting, the one whose turn it is first."""
        if len(self._heads) <= 1:
            return list(self._heads)
        return sorted(self._heads, key=self._time.start_of)

    async def head(self, store: Store, project_id: str, begun: set[int], of_project: int) -> Waiting | None:
        """A project's oldest execution that has not begun here; None, and it leaves the line, when it has none.

        `begun` are those that have a place in this process, `of_project` of them this project's.
        """
        known = self._heads[project_id]
        while known and known[0].no in begun:
            known.popleft()
        if known:
            return known[0]
        asked = self._asked
        rows = await store.read(waiting_rows.oldest(self.lane, project_id, KNOWN_OF_EACH + of_project))
        fresh = deque(Waiting(row["no"], project_id, row["lease_number"]) for row in rows if row["no"] not in begun)
        if fresh or self._asked != asked:
            self._heads[project_id] = fresh
            return fresh[0] if fresh else None
        del self._heads[project_id]
        return None

    def served(self, head: Waiting, weight: float) -> float:
        """A project's first has begun. Returns the cost it was given for, in seconds."""
        self._heads[head.project_id].popleft()
        self._time.serve(head.project_id, self.usual_seconds, weight)
        return self.usual_seconds

    def ended(self, project_id: str, seconds: float, expected: float | None, weight: float) -> None:
        """An execution held its place so long, and had been `expected` to; None when nobody waited as it began."""
        self._ends.append(time.monotonic())
        seconds = min(seconds, LONGEST_SECONDS)
        self.usual_seconds += _SMOOTHING * (max(seconds, 0.001) - self.usual_seconds)
        if expected is not None:
            self._time.correct(project_id, seconds - expected, weight)

    def wait_seconds(self, ahead: int, now: float) -> float | None:
        """How long until so many and one more places have fallen free, at the rate of the last ones; None: unknown."""
        if len(self._ends) < 2:
            return None
        return (ahead + 1) * (now - self._ends[0]) / len(self._ends)

    def close_if_empty(self) -> None:
        """Nobody is left: what is submitted from now on may start at once."""
        if not self._heads:
            self.crowded = False
            self._time.forgive()
