"""Answers of models that are kept for a while: the table `model_cache`."""

from __future__ import annotations

from penstock.storage.store import Many, Transaction
from penstock.types import Tenant


def find(project_id: str, key: str, now: int) -> Transaction[str | None]:
    """The answer kept under a key, as JSON text; None when there is none, or none any more."""
    rows = yield (
        "select answer from model_cache where project_id = $1 and key = $2 and expires_at > $3",
        project_id,
        key,
        now,
    )
    return rows[0]["answer"] if rows else None


def keep(tenant: Tenant, key: str, answer: str, expires_at: int) -> Transaction[None]:
    """Keep an answer, in the place of an earlier one."""
    yield (
        "insert into model_cache (project_id, organization_id, key, answer, expires_at) values ($1, $2, $3, $4, $5)"
        " on conflict (project_id, key) do update set answer = excluded.answer, expires_at = excluded.expires_at",
        tenant.project_id,
        tenant.organization_id,
        key,
        answer,
        expires_at,
    )


def forget_some(before: int, limit: int) -> Transaction[bool]:
    """Drop so many answers that expired before a moment; True while there may be more."""
    found = yield (
        "select project_id, key from model_cache where expires_at < $1 order by expires_at limit $2",
        before,
        limit,
    )
    yield Many(
        "delete from model_cache where project_id = $1 and key = $2", [(row["project_id"], row["key"]) for row in found]
    )
    return len(found) == limit
