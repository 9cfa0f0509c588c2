"""When and how long each node worked on the items of a page."""

from __future__ import annotations

from typing import Any

from penstock.storage.steps import OF_PATHS
from penstock.storage.store import Transaction
from penstock.types import Tenant


def of_items(tenant: Tenant, execution_no: int, first: str, last: str) -> Transaction[list[Any]]:
    """Steps of the items between two stored paths, both included, in the order they were recorded."""
    return (
        yield (
            "select s.path, s.node, s.round, s.status, s.attempts, s.started_at, s.duration_ms"
            " from steps s join executions e on e.no = s.execution_no and e.project_id = $2"
            f" where s.no in ({OF_PATHS.format('between $3 and $4')}) order by s.no",
            execution_no,
            tenant.project_id,
            first,
            last,
        )
    )
