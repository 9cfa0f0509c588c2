"""Members, as SQL."""

from __future__ import annotations

from typing import Any

from penstock.clock import now_ms
from penstock.ids import new_id
from penstock.storage.store import Transaction
from penstock.types import Tenant


def insert(tenant: Tenant, *, email: str, name: str, password_hash: str, scopes: str) -> Transaction[Any]:
    """Add a member, or leave the one with this address as it is; the new row, None when there was one."""
    rows = yield (
        "insert into members (id, organization_id, project_id, email, name, password_hash, scopes, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (email) do nothing returning *",
        new_id(),
        tenant.organization_id,
        tenant.project_id,
        email,
        name,
        password_hash,
        scopes,
        now_ms(),
    )
    return rows[0] if rows else None


def by_email(email: str) -> Transaction[Any]:
    """The member with this address, of whatever tenant: this is how a caller's tenant is found."""
    rows = yield "select * from members where email = $1", email
    return rows[0] if rows else None


def page(tenant: Tenant, after_email: str, limit: int) -> Transaction[list[Any]]:
    """Members of a project in the order of their addresses."""
    return (
        yield (
            "select * from members where project_id = $1 and email > $2 order by email limit $3",
            tenant.project_id,
            after_email,
            limit,
        )
    )


def delete(tenant: Tenant, id_or_email: str) -> Transaction[Any]:
    """Remove a member; its row, None when the project has none."""
    rows = yield (
        "delete from members where project_id = $1 and (id = $2 or email = $2) returning *",
        tenant.project_id,
        id_or_email,
    )
    return rows[0] if rows else None


def sign_in_keys(tenant: Tenant, name: str) -> Transaction[list[str]]:
    """The ids of the keys of this name that still work."""
    rows = yield (
        "select id from keys where project_id = $1 and name = $2 and revoked_at is null and expires_at > $3",
        tenant.project_id,
        name,
        now_ms(),
    )
    return [row["id"] for row in rows]
