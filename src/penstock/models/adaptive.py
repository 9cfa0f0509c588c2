"""How many calls an endpoint takes at once: found out by asking more until it says 429.

The limit starts at 20 and doubles each time a full round of calls was answered while callers were waiting (slow
start). The first 429 ends that: the limit becomes 0.8 of itself, and again for each 429 of a call that had started
after the last cut, so that the many 429s of one burst count once. After a cut it stays for a cool-down, and then grows
by a tenth a round. After a Retry-After nobody calls the endpoint until it is over. (The scheme is the congestion
control of TCP, RFC 5681, with a gentler cut.)

Those who wait for a place are served fairly by tenant (see `queue.fairness`); what a call costs is how long it held
its place, since places are what there is too little of.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from penstock.errors import StepError
from penstock.queue.fairness import ANYBODY, Claim, FairQueue

START = 20
CAP = 2_000
CUT = 0.8
COOL_DOWN_SECONDS = 10.0
_SMOOTHING = 0.1
_LEAST_SECONDS = 0.001


class AdaptiveLimiter:
    """The places of one endpoint. Belongs to one event loop; waiters are served fairly, in order within a tenant.

    Between calls nobody holds a place: whoever backs off lets go first.
    """

    def __init__(self, *, start: int = START, cap: int = CAP, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = start
        self.in_flight = 0
        self._cap = cap
        self._clock = clock
        self._waiters: FairQueue[asyncio.Future[float]] = FairQueue()
        self._usual_seconds = 1.0
        self._slow_start = True
        self._cuts = 0
        self._answered = 0
        self._was_full = False
        self._grow_after = 0.0
        self._closed_until = 0.0
        self._opening: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody is in it, nobody waits for it, and no Retry-After is running."""
        return not self.in_flight and not self._waiters and not self.closed_seconds

    @property
    def closed_seconds(self) -> float:
        """How long nobody may call yet: what is left of a Retry-After."""
        return max(0.0, self._closed_until - self._clock())

    @asynccontextmanager
    async def place(self, claim: Claim = ANYBODY) -> AsyncIterator[None]:
        """Hold a place for one call in somebody's name; learns from how the call ends."""
        expected = await self._acquire(claim)
        cuts, started = self._cuts, self._clock()
        try:
            yield
        except StepError as error:
            if error.code == "model_rate_limited" or error.retry_after_seconds:
                self._refused(cuts, error.retry_after_seconds or 0.0)
            raise
        else:
            self._grow()
        finally:
            self.in_flight -= 1
            self._paid(claim, expected, self._clock() - started)
            self._admit()

    async def _acquire(self, claim: Claim) -> float | None:
        """Take a place. Returns the cost it was given for; None when nobody had to wait for it."""
        if not self._waiters and self.in_flight < self.limit and not self.closed_seconds:
            self.in_flight += 1
            return None
        waiter: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiters.push(claim, waiter, self._usual_seconds)
        self._admit()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                # The place was handed over in the same turn of the loop in which the wait was given up.
                self.in_flight -= 1
                self._waiters.correct(claim, -waiter.result())
                self._admit()
            raise

    def _paid(self, claim: Claim, expected: float | None, seconds: float) -> None:
        """A place that others waited for was held so long, and not as long as was expected."""
        self._usual_seconds += _SMOOTHING * (max(seconds, _LEAST_SECONDS) - self._usual_seconds)
        if expected is not None:
            self._waiters.correct(claim, seconds - expected)

    def _admit(self) -> None:
        """Give free places to those whose turn it is."""
        closed = self.closed_seconds
        if closed:
            self._open_later(closed)
            return
        while self._waiters and self.in_flight < self.limit:
            claim, waiter, expected = self._waiters.pop()
            if waiter.done():
                self._waiters.correct(claim, -expected)
            else:
                self.in_flight += 1
                waiter.set_result(expected)
        if self._waiters or self.in_flight >= self.limit:
            self._was_full = True

    def _open_later(self, seconds: float) -> None:
        if self._waiters and self._opening is None:
            self._opening = asyncio.get_running_loop().call_later(seconds, self._open)

    def _open(self) -> None:
        self._opening = None
        self._admit()

    def _grow(self) -> None:
        self._answered += 1
        if self._answered < self.limit or self._clock() < self._grow_after:
            return
        if self._was_full:
            wanted = self.limit * 2 if self._slow_start else self.limit + max(1, self.limit // 10)
            self.limit = min(self._cap, wanted)
        self._answered = 0
        self._was_full = False

    def _refused(self, cuts_at_start: int, retry_after_seconds: float) -> None:
        now = self._clock()
        self._closed_until = max(self._closed_until, now + retry_after_seconds)
        if cuts_at_start != self._cuts:
            return
        self.limit = max(1, int(self.limit * CUT))
        self._cuts += 1
        self._slow_start = False
        self._answered = 0
        self._grow_after = now + COOL_DOWN_SECONDS
