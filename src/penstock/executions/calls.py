"""The outgoing calls of one execution: how many are under way, and what the answered ones cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from penstock.models.meter import Meter
from penstock.models.usage import Usage


class Calls:
    """Kept by the run of an execution, for the receipt of a cancel."""

    def __init__(self) -> None:
        self.spent_nanos = 0
        """What answers have cost since the run began, recorded or not."""
        self._attempts: dict[Meter, bool] = {}

    @property
    def under_way(self) -> int:
        """Calls of models that have left and were not answered; any other effectful attempt counts as one call."""
        attempts = self._attempts.items()
        return sum(int(effectful) if meter.in_flight is None else meter.in_flight for meter, effectful in attempts)

    @contextmanager
    def attempt(self, meter: Meter, *, effectful: bool) -> Iterator[None]:
        """One attempt of a step. Between attempts nothing is under way."""
        self._attempts[meter] = effectful
        try:
            yield
        finally:
            del self._attempts[meter]

    def answered(self, used: Usage) -> None:
        """Count what an answer cost."""
        self.spent_nanos += used.cost_nanos
