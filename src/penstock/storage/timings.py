"""When and how long each node worked on the items of a page."""

from __future__ import annotations

from typing import Any

from penstock.storage.steps import OF_PATHS
from penstock.storage.store import Transaction, chunked, placeholders
from penstock.types import Tenant

_AT_ONCE = 200


def of_items(tenant: Tenant, execution_no: int, chosen: list[str]) -> Transaction[list[Any]]:
    """Steps of the items with these stored paths; those of one item in the order they were recorded.

    Items of a page may lie far apart (the failed ones of a million), so nothing between them is read.
    """
    found: list[Any] = []
    for chunk in chunked(chosen, _AT_ONCE):
        these = f"in ({placeholders(len(chunk), 3)})"
        found += yield (
            "select s.path, s.node, s.round, s.status, s.attempts, s.started_at, s.duration_ms"
            " from steps s join executions e on e.no = s.execution_no and e.project_id = $2"
            f" where s.no in ({OF_PATHS.format(these)}) order by s.no",
            execution_no,
            tenant.project_id,
            *chunk,
        )
    return found
