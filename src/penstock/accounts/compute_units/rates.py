"""What things take in compute units: a table for each organization, whose versions are kept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from penstock.accounts.compute_units.amounts import micros_of
from penstock.errors import NotFound
from penstock.models.compute_units import SHIPPED, Rates
from penstock.models.usage import MICROS_PER_ECU
from penstock.storage import compute_units as sql
from penstock.storage.store import Store
from penstock.types import Tenant

MOST_RATE_MICROS = 10_000 * MICROS_PER_ECU
"""The dearest call there can be still adds up within 64 bits, a hundred thousand times over."""
FRESH_SECONDS = 5.0
MAX_KNOWN = 10_000
NAMES: Mapping[str, str] = {
    "inference": "inference",
    "judge": "judge",
    "trace_evaluation": "traceEvaluation",
    "metric": "metric",
    "usd": "usd",
    "million_tokens": "millionTokens",
}
"""The rates, and what they are called in requests."""


@dataclass(frozen=True, slots=True)
class RatesVersion:
    """A version of the rates. Version 0 is what every organization begins with; nobody made it."""

    version: int
    rates: Rates
    created_by: str | None = None
    created_at: int | None = None


_FIRST = RatesVersion(0, SHIPPED)


class RateBook:
    """The rates of every organization. A change counts for what is submitted from then on, in every process; estimates
    of other processes follow within 5 s."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._current: dict[str, tuple[float, RatesVersion]] = {}
        self._versions: dict[tuple[str, int], Rates] = {}

    async def of(self, tenant: Tenant) -> Rates:
        """The rates that hold now, as estimates use them."""
        return (await self.current(tenant)).rates

    async def current(self, tenant: Tenant) -> RatesVersion:
        """The newest version."""
        known = self._current.get(tenant.organization_id)
        now = time.monotonic()
        if known is not None and now - known[0] <= FRESH_SECONDS:
            return known[1]
        row = await self._store.read(sql.current_rates(tenant.organization_id))
        found = _FIRST if row is None else _version(row)
        if len(self._current) >= MAX_KNOWN:
            self._current.clear()
        self._current[tenant.organization_id] = now, found
        return found

    async def version(self, tenant: Tenant, version: int) -> RatesVersion:
        """One version. Raises `NotFound`."""
        if version == 0:
            return _FIRST
        row = await self._store.read(sql.rates(tenant.organization_id, version))
        if row is None:
            raise NotFound("rates_unknown", f"There is no version {version} of the rates.")
        return _version(row)

    async def pinned(self, tenant: Tenant, version: int) -> Rates:
        """The rates of a version that an execution names; a version never changes, so it is read once."""
        if version == 0:
            return SHIPPED
        key = tenant.organization_id, version
        known = self._versions.get(key)
        if known is None:
            known = (await self.version(tenant, version)).rates
            if len(self._versions) >= MAX_KNOWN:
                self._versions.clear()
            self._versions[key] = known
        return known

    async def change(self, tenant: Tenant, given: Mapping[str, str], created_by: str | None) -> RatesVersion:
        """Make a new version of all rates, given as decimal strings. Raises `Invalid` naming the one that is wrong."""
        most = MOST_RATE_MICROS
        rates = Rates(**{name: micros_of(given[name], NAMES[name], least=0, most=most) for name in NAMES})
        text = msgspec.json.encode(asdict(rates)).decode()
        made = _version(await self._store.write(sql.add_rates(tenant.organization_id, text, created_by)))
        self._current[tenant.organization_id] = time.monotonic(), made
        return made


def _version(row: Any) -> RatesVersion:
    rates = Rates(**msgspec.json.decode(row["rates"]))
    return RatesVersion(row["version"], rates, row["created_by"], row["created_at"])
