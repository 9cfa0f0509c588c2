"""Who counts what model calls consume, and may keep one from being made."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.models.compute_units import SHIPPED, Rates
from penstock.models.usage import Amounts, Usage
from penstock.queue.fairness import ANYBODY, Claim


@dataclass(slots=True)
class Reservation:
    """Room for one call: the most it may consume. `begun` once the call may have left."""

    worst: Amounts
    begun: bool = False


class Meter:
    """Counts what the calls of one step consume. This one limits nothing.

    A call goes through `reserve`, `begin`, and then `settle` when it was answered or `give_up` when it was not.
    `limited` says that `reserve` needs to know the worst case, `limits_money` that this must be so in dollars too.
    `claim` is in whose name the calls are made: who else wants the endpoint's places is served in turn with it.
    `rates` say what they take in compute units; `model` is whose answer was the last to be counted.
    """

    limited = False
    limits_money = False

    def __init__(self, claim: Claim = ANYBODY, rates: Rates = SHIPPED) -> None:
        self.usage = Usage()
        self.claim = claim
        self.rates = rates
        self.model: str | None = None

    @property
    def in_flight(self) -> int | None:
        """Calls that have left and were not answered yet; None where nobody counts them, or none was ever asked for."""
        return None

    async def reserve(self, worst: Amounts) -> Reservation:
        """Wait until a call that consumes so much at most may be made."""
        return Reservation(worst)

    async def begin(self, reservation: Reservation) -> None:
        """Say that the call is about to leave."""
        reservation.begun = True

    def settle(self, reservation: Reservation, used: Usage) -> None:
        """The call was answered, and consumed this."""
        self.usage.add(used)

    def give_up(self, reservation: Reservation, *, may_be_billed: bool) -> None:
        """The call was not answered; `may_be_billed` when nobody can say that it will cost nothing."""
