"""What an execution may still consume. Its worst case is reserved before each call, so that a budget is never passed.

    reserve     room is taken in memory; a call that does not fit waits for calls in flight to come back cheaper
    begin       the room is on disk before the call leaves: if the process dies then, it counts as lost
    settle      what was consumed takes the place of the worst case
    record      the step is on disk, and with the same commit nothing is held for its calls any more

A call that does not fit while none is in flight means that the budget is used up: the execution is paused.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from penstock.executions.model import Budget, Reason
from penstock.models.meter import Meter, Reservation
from penstock.models.usage import NOTHING, Amounts, Usage, ecu_from_micros, usd_from_nanos
from penstock.queue.fairness import Claim


class Exhausted(Exception):
    """The budget does not suffice for the next call, and no call in flight can free any of it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


class Ledger:
    """The budget of one execution in the process that runs it.

    `spent` is what answered calls consumed, `lost` the worst cases of calls whose end nobody learnt, `held` those of
    calls that are reserved. `durable` is what of it the store must know: from `begin` until the step is recorded.
    """

    def __init__(self, limit: Budget, lost: Amounts) -> None:
        self.limit = limit
        self.spent = NOTHING
        self.lost = lost
        self.held = NOTHING
        self.durable = NOTHING
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def reserve(self, worst: Amounts) -> None:
        """Wait until there is room for a call, and take it. Raises `Exhausted`."""
        while not self._fits(worst):
            if not self._open:
                raise Exhausted(self._reason(worst))
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self.held += worst
        self._open += 1

    def free(self, worst: Amounts, *, spent: Amounts = NOTHING, lost: Amounts = NOTHING) -> None:
        """Put what became of a reserved call in its place."""
        self.held -= worst
        self._open -= 1
        self.spent += spent
        self.lost += lost
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)

    def _fits(self, worst: Amounts) -> bool:
        wanted, limit = self.spent + self.lost + self.held + worst, self.limit
        return (
            (limit.nanos is None or wanted.nanos <= limit.nanos)
            and (limit.tokens is None or wanted.tokens <= limit.tokens)
            and (limit.ecu_micros is None or wanted.ecu_micros <= limit.ecu_micros)
        )

    def _reason(self, worst: Amounts) -> Reason:
        used, limit = self.spent + self.lost, self.limit
        parts = []
        if limit.nanos is not None and used.nanos + worst.nanos > limit.nanos:
            parts.append(_sentence(*(f"${usd_from_nanos(n)}" for n in (used.nanos, limit.nanos, worst.nanos))))
        if limit.tokens is not None and used.tokens + worst.tokens > limit.tokens:
            parts.append(_sentence(*(f"{n:,} tokens" for n in (used.tokens, limit.tokens, worst.tokens))))
        if limit.ecu_micros is not None and used.ecu_micros + worst.ecu_micros > limit.ecu_micros:
            units = (used.ecu_micros, limit.ecu_micros, worst.ecu_micros)
            parts.append(_sentence(*(f"{ecu_from_micros(n)} ECU" for n in units)))
        return Reason("budget_exhausted", f"{'; '.join(parts)}. Resume it with a larger budget.")


def _sentence(used: str, limit: str, worst: str) -> str:
    return f"{used} of the budget of {limit} are used, and the next call may take up to {worst}"


class StepMeter(Meter):
    """Counts for one step, and starts no call once its execution is being stopped.

    `answered` is told what each answer consumed.
    """

    def __init__(
        self, claim: Claim, may_start: Callable[[], None], answered: Callable[[Usage], None] = lambda used: None
    ) -> None:
        super().__init__(claim)
        self._may_start = may_start
        self._answered = answered
        self._under_way: list[Reservation] | None = None
        self.held = NOTHING
        """What the store holds for calls of this step that are over; it goes when the step is recorded."""
        self.lost = NOTHING

    @property
    def in_flight(self) -> int | None:
        return None if self._under_way is None else len(self._under_way)

    async def reserve(self, worst: Amounts) -> Reservation:
        if self._under_way is None:
            self._under_way = []
        return Reservation(worst)

    async def begin(self, reservation: Reservation) -> None:
        self._may_start()
        reservation.begun = True
        self._left(reservation)

    def settle(self, reservation: Reservation, used: Usage) -> None:
        self._back(reservation)
        self.usage.add(used)
        self._answered(used)

    def give_up(self, reservation: Reservation, *, may_be_billed: bool) -> None:
        self._back(reservation)

    def _left(self, reservation: Reservation) -> None:
        if self._under_way is not None:
            self._under_way.append(reservation)

    def _back(self, reservation: Reservation) -> None:
        if self._under_way is not None:
            self._under_way = [other for other in self._under_way if other is not reservation]


class BudgetMeter(StepMeter):
    """Counts for one step of an execution with a budget."""

    limited = True

    def __init__(
        self,
        claim: Claim,
        may_start: Callable[[], None],
        ledger: Ledger,
        write: Callable[[], Awaitable[None]],
        pause: Callable[[Reason], None],
        answered: Callable[[Usage], None] = lambda used: None,
    ) -> None:
        super().__init__(claim, may_start, answered)
        self.limits_money = ledger.limit.nanos is not None
        self._ledger = ledger
        self._write = write
        self._pause = pause

    async def reserve(self, worst: Amounts) -> Reservation:
        self._may_start()
        try:
            await self._ledger.reserve(worst)
        except Exhausted as exhausted:
            self._pause(exhausted.reason)
            self._may_start()
            raise AssertionError("an execution that is being paused starts nothing") from exhausted
        return await super().reserve(worst)

    async def begin(self, reservation: Reservation) -> None:
        self._may_start()
        self._ledger.durable += reservation.worst
        try:
            await self._write()
            self._may_start()
        except BaseException:
            # It stays here, so nobody can bill it; that the store may hold it is so until the step is recorded.
            self.held += reservation.worst
            raise
        reservation.begun = True
        self._left(reservation)

    def settle(self, reservation: Reservation, used: Usage) -> None:
        super().settle(reservation, used)
        self.held += reservation.worst
        self._ledger.free(reservation.worst, spent=used.amounts)

    def give_up(self, reservation: Reservation, *, may_be_billed: bool) -> None:
        super().give_up(reservation, may_be_billed=may_be_billed)
        worst = reservation.worst
        lost = worst if may_be_billed and reservation.begun else NOTHING
        if reservation.begun:
            self.held += worst
        self.lost += lost
        self._ledger.free(worst, lost=lost)
