"""Integrations: systems that an organization works with, as SQL."""

from __future__ import annotations

from typing import Any

from penstock.clock import now_ms
from penstock.ids import new_id
from penstock.storage.store import Transaction
from penstock.types import Tenant


def insert(
    tenant: Tenant, *, name: str, kind: str, host_url: str, secret_name: str | None, config: str, created_by: str
) -> Transaction[Any]:
    """Add one, or leave the one of this name as it is; the new row, None when there was one."""
    rows = yield (
        "insert into integrations (id, organization_id, project_id, name, type, host_url, secret_name, config, active,"
        " created_by, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10)"
        " on conflict (organization_id, name) do nothing returning *",
        new_id(),
        tenant.organization_id,
        tenant.project_id,
        name,
        kind,
        host_url,
        secret_name,
        config,
        created_by,
        now_ms(),
    )
    return rows[0] if rows else None


def get(tenant: Tenant, id_or_name: str) -> Transaction[Any]:
    """One of the organization, None when it has no such."""
    rows = yield (
        "select * from integrations where organization_id = $1 and (id = $2 or name = $2) order by id <> $2 limit 1",
        tenant.organization_id,
        id_or_name,
    )
    return rows[0] if rows else None


def page(tenant: Tenant, after_name: str, limit: int, offset: int = 0) -> Transaction[list[Any]]:
    """Those of the organization in the order of their names."""
    return (
        yield (
            "select * from integrations where organization_id = $1 and name > $2 order by name limit $3 offset $4",
            tenant.organization_id,
            after_name,
            limit,
            offset,
        )
    )


def set_active(tenant: Tenant, integration_id: str, active: bool) -> Transaction[Any]:
    """Switch one on or off; its row, None when the project has no such."""
    rows = yield (
        "update integrations set active = $1 where organization_id = $2 and id = $3 returning *",
        int(active),
        tenant.organization_id,
        integration_id,
    )
    return rows[0] if rows else None


def delete(tenant: Tenant, integration_id: str) -> Transaction[bool]:
    """True when there was one."""
    rows = yield (
        "delete from integrations where organization_id = $1 and id = $2 returning id",
        tenant.organization_id,
        integration_id,
    )
    return bool(rows)
