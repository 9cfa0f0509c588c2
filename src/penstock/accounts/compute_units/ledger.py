"""Charging executions: something is reserved when one is accepted, and what it used is settled when it ends.

Both happen in the transaction that accepts or ends it, so nothing is charged twice or not at all, whatever crashes: an
execution ends once in each generation, and of a retry only what its steps add is settled.
"""

from __future__ import annotations

from collections.abc import Mapping

from penstock.accounts.compute_units.balances import Balances
from penstock.accounts.compute_units.rates import RateBook
from penstock.errors import BalanceExhausted
from penstock.executions.model import Execution
from penstock.models.compute_units import Rates
from penstock.models.usage import MICROS_PER_ECU, Usage, ecu_from_micros, total
from penstock.storage import compute_units as sql
from penstock.storage import steps as step_rows
from penstock.storage import usage_days
from penstock.storage.store import Transaction
from penstock.types import Tenant

LEAST_MICROS = MICROS_PER_ECU // 100
"""What an execution holds that has no budget in compute units, and whose kind does not know what it takes: 0.01 ECU."""


class Ledger:
    """The `Charging` of executions (`penstock.executions.charging`)."""

    def __init__(self, rates: RateBook, balances: Balances) -> None:
        self._rates = rates
        self._balances = balances

    async def rates(self, execution: Execution) -> Rates:
        """The rates that it began with."""
        return await self._rates.pinned(execution.tenant, execution.rates_version)

    async def limited(self, tenant: Tenant) -> bool:
        """Whether a balance limits the tenant's organization."""
        return (await self._balances.of(tenant)).limited

    def reserve(self, execution: Execution, most_micros: int | None = None) -> Transaction[None]:
        """Hold its budget, else `most_micros`, else the least, where a balance limits the organization.

        Raises `BalanceExhausted` when less than that is available, or nothing at all.
        """
        if most_micros == 0:
            return
        account = yield from sql.account(execution.tenant.organization_id)
        if not account.limited:
            return
        wanted = yield from self._wanted(execution, most_micros)
        if not (yield from sql.reserve(execution, wanted)):
            raise _exhausted(account.available_micros + execution.reserved_micros, wanted)

    def settle(self, ended: Execution, usage: Mapping[str, Usage]) -> Transaction[None]:
        """Count what was not counted yet, take it from the balance, and let go of what was held."""
        before = yield from _settled(ended)
        called = {model: used for model, used in usage.items() if used != Usage()}
        added = {model: _minus(used, before.get(model)) for model, used in called.items()}
        changed = {model: used for model, used in added.items() if used != Usage()}
        new = frozenset(called.keys() - before.keys() - {""}) | ({""} if ended.generation == 0 else frozenset())
        yield from usage_days.add(ended, changed, new)
        yield from sql.remember_settled(ended.no, called)
        micros = total(changed.values()).ecu_micros
        if micros or ended.reserved_micros:
            left = yield from sql.charge(ended, micros)
            yield from self._balances.warn(sql.entry_of(ended, "warning"), left)

    def _wanted(self, execution: Execution, most_micros: int | None) -> Transaction[int]:
        """What it is to hold: all that is left of its budget, else what it is known to take at most."""
        budget = execution.options.budget
        if budget is None or budget.ecu_micros is None:
            return max(LEAST_MICROS if most_micros is None else most_micros, execution.reserved_micros)
        settled = yield from _settled(execution)
        return max(0, budget.ecu_micros - total(settled.values()).ecu_micros)


def _settled(execution: Execution) -> Transaction[dict[str, Usage]]:
    """What it was counted with when it ended before. One that ended before anybody counted is not charged for that."""
    if not execution.generation:
        return {}
    found = yield from sql.settled(execution.no)
    return found or (yield from step_rows.usage_by_model(execution.no, execution.generation))


def _minus(used: Usage, before: Usage | None) -> Usage:
    if before is None:
        return used
    pairs = zip(sql.columns_of(used), sql.columns_of(before), strict=True)
    return Usage(*(now - then for now, then in pairs))


def _exhausted(available: int, wanted: int) -> BalanceExhausted:
    needs = f"this reserves {ecu_from_micros(wanted)}" if available > 0 else "new work is refused until there are more"
    return BalanceExhausted(
        "ecu_exhausted",
        f"There are insufficient credits: {ecu_from_micros(available)} ECU are available, and {needs}. Ask whoever"
        " administers this organization for a grant, wait until running work lets go of what it holds, or give a"
        " smaller budget.",
    )
