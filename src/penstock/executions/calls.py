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
        self._attempts: set[Meter] = set()

    @property
    def under_way(self) -> int:
        """Calls of models that have left and were not answered; any other effectful attempt counts as one call."""
        return sum(1 if meter.in_flight is None else meter.in_flight for meter in self._attempts)

    @contextmanager
    def attempt(self, meter: Meter) -> Iterator[None]:
        """One attempt of an effectful step. Between attempts nothing is under way."""
        self._attempts.add(meter)
        try:
            yield
        finally:
            self._attempts.discard(meter)

    def answered(self, used: Usage) -> None:
        """Count what an answer cost."""
        self.spent_nanos += used.cost_nanos
