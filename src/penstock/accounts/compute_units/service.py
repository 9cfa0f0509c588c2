"""Everything about compute units, wired together once."""

from __future__ import annotations

from penstock.accounts.compute_units.balances import Balances, Tell
from penstock.accounts.compute_units.ledger import Ledger
from penstock.accounts.compute_units.rates import RateBook
from penstock.accounts.compute_units.reports import UsageReports
from penstock.storage.store import Store


class ComputeUnits:
    """`rates` say what things take, `ledger` charges executions, `balances` are what is left, `reports` what was used.

    `tell` tells webhook endpoints that little is left.
    """

    def __init__(self, store: Store, tell: Tell) -> None:
        self.rates = RateBook(store)
        self.balances = Balances(store, tell)
        self.ledger = Ledger(self.rates, self.balances)
        self.reports = UsageReports(store)
