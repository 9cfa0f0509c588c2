"""Which models and which benchmarks belong to a project: the table `project_sets`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from penstock.clock import now_ms
from penstock.storage.executions import dumps, loads
from penstock.storage.store import Transaction
from penstock.types import Tenant

Kind = Literal["models", "benchmarks"]


def find(project_id: str, kind: Kind) -> Transaction[tuple[str, ...] | None]:
    """The ids in the order they were given; None when the project has chosen none, not even an empty set."""
    rows = yield "select ids from project_sets where project_id = $1 and kind = $2", project_id, kind
    return tuple(loads(rows[0]["ids"])) if rows else None


def replace(tenant: Tenant, kind: Kind, ids: Sequence[str]) -> Transaction[None]:
    """Choose exactly these."""
    yield (
        "insert into project_sets (project_id, organization_id, kind, ids, updated_at) values ($1, $2, $3, $4, $5)"
        " on conflict (project_id, kind) do update set ids = excluded.ids, updated_at = excluded.updated_at",
        tenant.project_id,
        tenant.organization_id,
        kind,
        dumps(list(ids)),
        now_ms(),
    )


def drop(tenant: Tenant, kind: Kind, one: str) -> Transaction[None]:
    """Take one id out of the set, if the project has chosen one and it is in there."""
    ids = yield from find(tenant.project_id, kind)
    if ids is not None and one in ids:
        yield from replace(tenant, kind, [kept for kept in ids if kept != one])
