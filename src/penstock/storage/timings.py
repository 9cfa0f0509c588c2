"""When and how long: each node on the items of a page, and the items of an execution over its time."""

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


def pace(execution_no: int, begin: int, bucket_ms: int) -> Transaction[list[Any]]:
    """Items by the stretch of time in which they finished, counted from `begin`: how many, and how long they took.

    A stretch in which none finished is missing. Percentiles are the nearest ranks.
    """
    return (
        yield (
            """
            with finished as (
              select (finished_at - $2) / $3 as bucket, status, finished_at - started_at as duration_ms
              from items where execution_no = $1 and finished_at >= $2
            ),
            ranked as (
              select bucket, status, duration_ms,
                     row_number() over (partition by bucket order by duration_ms) as rank,
                     count(*) over (partition by bucket) as n
              from finished
            )
            select bucket, max(n) as n, sum(case when status = 'failed' then 1 else 0 end) as failed,
                   max(case when rank = (n + 1) / 2 then duration_ms end) as p50_ms,
                   max(case when rank = (n * 95 + 99) / 100 then duration_ms end) as p95_ms
            from ranked group by bucket order by bucket
            """,
            execution_no,
            begin,
            bucket_ms,
        )
    )
