"""What was used: by day, project, kind, key and model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.models.usage import Usage
from penstock.storage import compute_units as sql
from penstock.storage import usage_days
from penstock.storage.store import Store, Transaction
from penstock.storage.usage_days import Group, Period
from penstock.types import Tenant


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One group: its values by `Group` (a day is a number since 1970), and what they add up to."""

    values: tuple[Any, ...]
    executions: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A page of groups in order, the sum of all there are, and what keys and projects among them are called."""

    rows: list[UsageRow]
    total: UsageRow
    names: dict[str, str]
    more: bool


class UsageReports:
    """Reports over executions that are over; what runs is counted on the day it ends."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def report(
        self, tenant: Tenant, period: Period, by: Sequence[Group], after: Sequence[Any] | None, limit: int
    ) -> UsageReport:
        """Of the tenant's project; grouped by project, of its whole organization."""
        return await self._store.read(_report(tenant, period, by, after, limit))


def _report(
    tenant: Tenant, period: Period, by: Sequence[Group], after: Sequence[Any] | None, limit: int
) -> Transaction[UsageReport]:
    found = yield from usage_days.report(tenant, period, by, after, limit + 1)
    rows = [UsageRow(tuple(row[n] for n in range(len(by))), int(row["executions"]), sql.usage_of(row)) for row in found]
    rows, more = rows[:limit], len(rows) > limit
    names: dict[str, str] = {}
    if "key" in by:
        names |= yield from sql.names(tenant, "keys", _ids(rows, by.index("key")))
    if "project" in by:
        names |= yield from sql.names(tenant, "projects", _ids(rows, by.index("project")))
    summed = yield from usage_days.total(tenant, period, by)
    return UsageReport(rows, UsageRow((), int(summed["executions"]), sql.usage_of(summed)), names, more)


def _ids(rows: list[UsageRow], place: int) -> list[str]:
    return sorted({row.values[place] for row in rows} - {""})
