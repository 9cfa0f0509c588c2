"""What executions need of whoever counts compute units: which rates hold, and a say in the transactions that matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from penstock.executions.model import Execution
from penstock.models.compute_units import SHIPPED, Rates
from penstock.models.usage import Usage
from penstock.storage.store import Transaction
from penstock.types import Tenant


class Charging(Protocol):
    """Asked when an execution is accepted, resumed or reopened, when it begins to run, and when it ends."""

    async def rates(self, execution: Execution) -> Rates:
        """The rates that it began with."""
        ...

    async def limited(self, tenant: Tenant) -> bool:
        """Whether the tenant has only so much, so that a kind had better say what its work takes at most."""
        ...

    def reserve(self, execution: Execution, most_micros: int | None = None) -> Transaction[None]:
        """Hold what it may take, in the transaction that lets it wait for its turn.

        `most_micros` is that where its kind knows; 0: it takes nothing. Raises `BalanceExhausted`.
        """
        ...

    def settle(self, ended: Execution, usage: Mapping[str, Usage]) -> Transaction[None]:
        """Count what it has used in all, by model, in the transaction that ends it; what was counted before is not
        counted again."""
        ...


class Uncharged:
    """Where nobody counts."""

    async def rates(self, execution: Execution) -> Rates:
        return SHIPPED

    async def limited(self, tenant: Tenant) -> bool:
        return False

    def reserve(self, execution: Execution, most_micros: int | None = None) -> Transaction[None]:
        yield from ()

    def settle(self, ended: Execution, usage: Mapping[str, Usage]) -> Transaction[None]:
        yield from ()


UNCHARGED = Uncharged()
