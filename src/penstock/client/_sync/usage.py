# Made from ../_async by scripts/unasync.py: change it there.
"""What was used, and the compute units that are left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from penstock.client import calls
from penstock.client._sync.transport import Transport
from penstock.client.usage_objects import (
    ComputeUnitBalance,
    ComputeUnitRates,
    LedgerEntry,
    UsageGroup,
    UsageGroupName,
    UsageReport,
)

_PAGE = 500
_MADE = ("version", "createdBy", "createdAt")


class Usage:
    """`client.usage`. Whatever changes something needs a key with the scope `admin`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def report(
        self, *by: UsageGroupName, since: date | str | None = None, until: date | str | None = None
    ) -> UsageReport:
        """What the project used, by day or by what is named; by default in the last 30 days. Both days are included.

        By `project` it is what the whole organization used.
        """
        groups: list[UsageGroup] = []
        cursor: str | None = None
        while True:
            call = calls.get(
                "/usage",
                by=",".join(by) or "day",
                **{"from": _day(since), "to": _day(until)},
                cursor=cursor,
                limit=_PAGE,
            )
            page = self._transport.fetch(call, UsageReport)
            groups += page.data
            cursor = page.next_cursor
            if cursor is None:
                return msgspec.structs.replace(page, data=tuple(groups))

    def balance(self) -> ComputeUnitBalance:
        """What the organization has left."""
        return self._transport.fetch(calls.get("/compute-units"), ComputeUnitBalance)

    def limit(self, *, limited: bool) -> ComputeUnitBalance:
        """Let the balance be a limit, or not."""
        return self._transport.fetch(calls.put("/compute-units", {"limited": limited}), ComputeUnitBalance)

    def grant(
        self,
        amount: str,
        *,
        kind: Literal["grant", "adjustment"] = "grant",
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> LedgerEntry:
        """Add units to the balance, or correct it by an `adjustment`. It is given once, however often it is sent."""
        body = {"amount": amount, "kind": kind, "note": note}
        call = calls.start("/compute-units/grants", body, idempotency_key=idempotency_key)
        return self._transport.fetch(call, LedgerEntry)

    def entries(self, *, limit: int | None = None) -> Iterator[LedgerEntry]:
        """The ledger of the organization, newest first: all of it, or the first `limit` lines."""
        return self._transport.pages("/compute-units/entries", LedgerEntry, most=limit)

    def rates(self, version: int | None = None) -> ComputeUnitRates:
        """What things take now, or took under an earlier version."""
        return self._transport.fetch(calls.get("/compute-units/rates", version=version), ComputeUnitRates)

    def set_rates(self, rates: ComputeUnitRates) -> ComputeUnitRates:
        """Make a new version of all rates; what runs keeps its own."""
        values = {name: value for name, value in rates.to_dict().items() if name not in _MADE}
        return self._transport.fetch(calls.put("/compute-units/rates", values), ComputeUnitRates)


def _day(day: date | str | None) -> str | None:
    return day.isoformat() if isinstance(day, date) else day
