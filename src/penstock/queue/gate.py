"""How many items are under way at once in this process, and whose item is next.

All of them share one event loop. An item that waits for a model costs the loop nothing, one that computes makes all
others wait; what is too many shows in how long a turn of the loop takes. So the number adapts, as a limit of congestion
does (additive increase, multiplicative decrease: RFC 5681): turns too long make it smaller, short turns while items
wait make it larger. With fewer under way than the processor can keep up with, throughput stays and lateness goes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from weakref import WeakValueDictionary

from penstock.queue.fairness import Claim, FairQueue

LEAST = 32
"""So many items may always be under way."""
START = 128
LOOK_SECONDS = 0.05
SHARED_SECONDS = 10.0
"""So long after somebody else was here, or somebody waited for an answer, turns are kept short."""
_CUT = 0.85
_GROWTH = 0.1
_SMOOTHING = 0.3

Turn = asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class Manners:
    """How long a turn of the loop may take, in processor time (when the machine is busy with something else, fewer
    items do not help), and how many items may go in in one: what begins together comes back together."""

    turn_seconds: float
    pace: int


ALONE = Manners(0.010, 128)
"""One tenant's batch makes nobody wait but itself, and long turns do more at a time for less."""
SHARED = Manners(0.002, 8)


class _Room:
    """One tenant in the gate: how many of its items are inside or in the line, and those its own limit keeps out."""

    __slots__ = ("__weakref__", "aside", "most", "taken")

    def __init__(self) -> None:
        self.most: float = float("inf")
        self.taken = 0
        self.aside: deque[tuple[Claim, Turn]] = deque()


class Gate:
    """At most `most` items are inside. Belongs to one event loop."""

    def __init__(self, most: int) -> None:
        self.limit = min(most, START)
        self.inside = 0
        self.turn_seconds = 0.0
        """How long a turn of the loop takes, smoothed."""
        self._most = most
        self._least = min(most, LEAST)
        self._line: FairQueue[tuple[_Room, Turn]] = FairQueue()
        self._rooms: WeakValueDictionary[str, _Room] = WeakValueDictionary()
        self._watching = False
        self._manners = ALONE
        self._pace = ALONE.pace
        self._turning = False
        self._shared_until = 0.0

    def door(self, claim: Claim, most: int | None = None) -> Door:
        """The way in for the items of one execution; `most` is how many its tenant may have inside, from now on."""
        room = self._rooms.get(claim.key)
        if room is None:
            room = self._rooms[claim.key] = _Room()
        room.most = float("inf") if most is None else most
        if claim.lane == "interactive" or len(self._rooms) > 1:
            self._shared_until = time.monotonic() + SHARED_SECONDS
            self._manners = SHARED
        return Door(self, room, claim)

    @property
    def waiting(self) -> int:
        """How many items stand in the line."""
        return len(self._line)

    def _admit(self) -> None:
        while self._line and self.inside < self.limit and self._pace > 0:
            _, (room, turn), _ = self._line.pop()
            if turn.done():
                self._made_room(room)
            else:
                self._go_in()
                turn.set_result(None)

    def _go_in(self) -> None:
        if not self.inside:
            self._watch()
        self.inside += 1
        self._pace -= 1
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._new_turn)

    def _new_turn(self) -> None:
        self._turning = False
        self._pace = self._manners.pace
        self._admit()

    def _made_room(self, room: _Room) -> None:
        """One less of a tenant: the next of those that its own limit keeps out may join the line."""
        room.taken -= 1
        while room.aside and room.taken < room.most:
            claim, turn = room.aside.popleft()
            if not turn.done():
                room.taken += 1
                self._line.push(claim, (room, turn))

    # How many

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            asyncio.get_running_loop().call_later(LOOK_SECONDS, self._measure)

    def _measure(self) -> None:
        """What was asked for in one turn of the loop comes in the next: between the two lies one whole turn."""
        asyncio.get_running_loop().call_soon(self._measured, time.thread_time())

    def _measured(self, asked: float) -> None:
        self.turn_seconds += _SMOOTHING * (time.thread_time() - asked - self.turn_seconds)
        if len(self._rooms) < 2 and time.monotonic() > self._shared_until:
            self._manners = ALONE
        if self.turn_seconds > self._manners.turn_seconds:
            self.limit = max(self._least, int(min(self.limit, self.inside) * _CUT))
        elif self._line and self.turn_seconds < self._manners.turn_seconds / 2:
            self.limit = min(self._most, self.limit + max(1, int(self.limit * _GROWTH)))
            self._admit()
        self._watching = False
        if self.inside:
            self._watch()


class Door:
    """Lets the items of one execution in, in its tenant's turn."""

    __slots__ = ("_gate", "_room", "claim")

    def __init__(self, gate: Gate, room: _Room, claim: Claim) -> None:
        self._gate = gate
        self._room = room
        self.claim = claim

    def try_enter(self) -> bool:
        """Go in, if nobody has to wait."""
        gate, room = self._gate, self._room
        if gate.inside >= gate.limit or gate._pace <= 0 or gate._line or room.taken >= room.most:
            return False
        gate._go_in()
        room.taken += 1
        return True

    async def enter(self) -> None:
        """Wait for the turn to go in. Cancelling the wait leaves nothing behind."""
        if self.try_enter():
            return
        gate, room = self._gate, self._room
        turn: Turn = asyncio.get_running_loop().create_future()
        if room.taken < room.most:
            room.taken += 1
            gate._line.push(self.claim, (room, turn))
        else:
            room.aside.append((self.claim, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Come out; whoever's turn it is goes in."""
        gate = self._gate
        gate.inside -= 1
        gate._made_room(self._room)
        if gate._line:
            gate._admit()
