"""Counts over the whole store, of all tenants together: for the operator's metrics, never for a caller."""

from __future__ import annotations

from penstock.storage.store import Transaction


def executions_by_status() -> Transaction[dict[str, int]]:
    """How many executions there are of each status."""
    rows = yield ("select status, count(*) as n from executions group by status",)
    return {row["status"]: row["n"] for row in rows}
