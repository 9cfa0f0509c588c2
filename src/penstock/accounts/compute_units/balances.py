"""Balances of organizations: granted, adjusted, and warned of when little is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from penstock.accounts.compute_units.amounts import MOST_BALANCE_MICROS
from penstock.errors import FieldError, Invalid, Unprocessable
from penstock.models.usage import ecu_from_micros
from penstock.storage import compute_units as sql
from penstock.storage import webhooks as webhook_rows
from penstock.storage.compute_units import Account, Entry
from penstock.storage.store import Store, Transaction
from penstock.types import Tenant

LOW = "compute_units.low"
"""The event that says that little is left."""
WARN_AT_PERCENT = (20, 5)
"""Of the last grant; each is told of once, until there is another grant."""

Tell = Callable[[Tenant, str, str | None, Any], Transaction[None]]
"""Tells a project's webhook endpoints of an event (tenant, event, execution, data), where it happens."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Units that somebody with the scope `admin` gives (`grant`) or corrects the balance by (`adjustment`).

    A `grant` makes the balance a limit. An idempotency key stands for its entry for good: there is no day on which the
    same request may give twice.
    """

    kind: Literal["grant", "adjustment"]
    micros: int
    note: str | None = None
    key_id: str | None = None
    idempotency_key: str | None = None
    request_hash: str = ""


class Balances:
    """What organizations have left."""

    def __init__(self, store: Store, tell: Tell) -> None:
        self._store = store
        self._tell = tell

    async def of(self, tenant: Tenant) -> Account:
        """What the tenant's organization has."""
        return await self._store.read(sql.account(tenant.organization_id))

    async def set_limited(self, tenant: Tenant, *, limited: bool) -> Account:
        """Let the balance be a limit or not. While it is none, what is used is counted and taken from nothing."""
        return await self._store.write(sql.set_limited(tenant.organization_id, limited))

    async def grant(self, tenant: Tenant, grant: Grant) -> Any:
        """Add to the balance; the row of the ledger. A key that was seen with the same request gives its row again.

        Raises `Unprocessable` for a key of another request, `Invalid` when the balance would become too large to count.
        """
        return await self._store.write(self._grant(tenant, grant))

    async def entries(self, tenant: Tenant, before: int | None, limit: int) -> list[Any]:
        """The ledger of the tenant's organization, newest first, from before an entry's number."""
        return await self._store.read(sql.entries(tenant.organization_id, before, limit))

    def warn(self, entry: Entry, account: Account) -> Transaction[None]:
        """Tell of each share of the last grant that the balance has fallen to; `entry` says by what.

        Every project of the organization that has an endpoint is told, whichever of them used the last of it.
        """
        for percent in WARN_AT_PERCENT:
            fallen = account.balance_micros * 100 <= account.granted_micros * percent
            if not (account.limited and account.granted_micros and fallen and percent < account.warned_percent):
                continue
            note = f"{percent} % of the last grant are left, or less"
            blank = replace(entry, kind="warning", balance_micros=0, reserved_micros=0, used_micros=0, note=note)
            yield from sql.note_warning(replace(blank, request_key=None, request_hash=None), percent)
            told = {
                "percent": percent,
                "balance": ecu_from_micros(account.balance_micros),
                "available": ecu_from_micros(account.available_micros),
                "lastGrant": ecu_from_micros(account.granted_micros),
            }
            for project_id in (yield from webhook_rows.projects_told(entry.organization_id)):
                here = entry.execution_id if project_id == entry.project_id else None
                yield from self._tell(Tenant(entry.organization_id, project_id), LOW, here, told)

    def _grant(self, tenant: Tenant, grant: Grant) -> Transaction[Any]:
        if grant.idempotency_key is not None:
            found = yield from sql.by_request(tenant.organization_id, grant.idempotency_key)
            if found is not None:
                return _same_request(found, grant)
        entry = Entry(
            organization_id=tenant.organization_id,
            kind=grant.kind,
            balance_micros=grant.micros,
            project_id=tenant.project_id,
            key_id=grant.key_id,
            note=grant.note,
            request_key=grant.idempotency_key,
            request_hash=grant.request_hash or None,
        )
        row, account = yield from sql.add_to_balance(entry)
        if abs(account.balance_micros) > MOST_BALANCE_MICROS:
            detail = (
                f"The balance would be beyond {ecu_from_micros(MOST_BALANCE_MICROS)} ECU, the most that is counted."
            )
            raise Invalid("compute_units_invalid", detail, errors=(FieldError("amount", detail),))
        if grant.kind == "adjustment":
            yield from self.warn(entry, account)
        return row


def _same_request(found: Any, grant: Grant) -> Any:
    if found["request_hash"] != grant.request_hash:
        detail = f"Idempotency-Key {grant.idempotency_key!r} was used for another grant."
        raise Unprocessable("idempotency_key_reused", detail)
    return found
