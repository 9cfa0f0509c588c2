"""Organizations, projects and keys, as SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.clock import now_ms
from penstock.ids import new_id
from penstock.storage.store import Transaction
from penstock.types import Json, Tenant

_KEY_COLUMNS = "id, organization_id, project_id, name, prefix, scopes, created_at, expires_at, revoked_at, last_used_at"


def first_project() -> Transaction[Tenant | None]:
    """The oldest project: the one that the first start made."""
    rows = yield ("select id, organization_id from projects order by id limit 1",)
    return Tenant(rows[0]["organization_id"], rows[0]["id"]) if rows else None


def insert_organization(name: str) -> Transaction[str]:
    """Add an organization; returns its id."""
    organization_id = new_id()
    yield (
        "insert into organizations (id, name, created_at) values ($1, $2, $3)",
        organization_id,
        name,
        now_ms(),
    )
    return organization_id


def insert_project(organization_id: str, name: str) -> Transaction[Tenant]:
    """Add a project to an organization. Raises `UniqueViolation` when the organization has one of that name."""
    project_id = new_id()
    yield (
        "insert into projects (id, organization_id, name, settings, created_at) values ($1, $2, $3, '{}', $4)",
        project_id,
        organization_id,
        name,
        now_ms(),
    )
    return Tenant(organization_id, project_id)


def names_of(tenant: Tenant) -> Transaction[Any]:
    """What a tenant's organization and project are called."""
    rows = yield (
        "select o.name as organization, p.name as project from projects p"
        " join organizations o on o.id = p.organization_id where p.id = $1 and p.organization_id = $2",
        tenant.project_id,
        tenant.organization_id,
    )
    return rows[0]


def project_settings(project_id: str) -> Transaction[str | None]:
    """A project's settings as JSON text; None when there is no such project."""
    rows = yield "select settings from projects where id = $1", project_id
    return rows[0]["settings"] if rows else None


def change_settings(tenant: Tenant, names: Sequence[str], values: Mapping[str, Json]) -> Transaction[bool]:
    """Give the settings `names` these values, or none where there is none; the others stay. False: no such project."""
    text = yield from project_settings(tenant.project_id)
    if text is None:
        return False
    kept = {name: value for name, value in json.loads(text).items() if name not in names}
    rows = yield (
        "update projects set settings = $1 where id = $2 and organization_id = $3 returning id",
        json.dumps({**kept, **values}),
        tenant.project_id,
        tenant.organization_id,
    )
    return bool(rows)


def insert_key(
    tenant: Tenant,
    *,
    name: str,
    prefix: str,
    key_hash: str,
    scopes: str,
    expires_at: int | None,
    requests_per_minute: int | None = None,
) -> Transaction[Any]:
    """Add a key, or leave the one with this hash as it is; returns the new row, None when there was one."""
    rows = yield (
        "insert into keys (id, organization_id, project_id, name, prefix, hash, scopes, created_at, expires_at, "
        "requests_per_minute) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (hash) do nothing "
        "returning *",
        new_id(),
        tenant.organization_id,
        tenant.project_id,
        name,
        prefix,
        key_hash,
        scopes,
        now_ms(),
        expires_at,
        requests_per_minute,
    )
    return rows[0] if rows else None


def has_keys(tenant: Tenant) -> Transaction[bool]:
    """Whether the project ever had a key, revoked ones included."""
    rows = yield "select 1 as one from keys where project_id = $1 limit 1", tenant.project_id
    return bool(rows)


def key_by_hash(key_hash: str) -> Transaction[Any]:
    """The key with this hash, of whatever tenant: this is how a caller's tenant is found."""
    rows = yield ("select * from keys where hash = $1", key_hash)
    return rows[0] if rows else None


def list_keys(tenant: Tenant, before: str | None, limit: int) -> Transaction[list[Any]]:
    """Keys of a project, newest first, older than the id `before`."""
    sql = "select * from keys where project_id = $1 "
    if before is None:
        return (yield (sql + "order by id desc limit $2", tenant.project_id, limit))
    return (yield (sql + "and id < $2 order by id desc limit $3", tenant.project_id, before, limit))


def revoke_key(tenant: Tenant, key_id: str) -> Transaction[Any]:
    """Mark a key as revoked, once; returns its row with the hash, None when the project has no such key."""
    rows = yield (
        "update keys set revoked_at = coalesce(revoked_at, $1) where id = $2 and project_id = $3 returning *",
        now_ms(),
        key_id,
        tenant.project_id,
    )
    return rows[0] if rows else None


def touch_key(tenant: Tenant, key_id: str, at_ms: int) -> Transaction[None]:
    """Note when a key was last used."""
    yield (
        "update keys set last_used_at = $1 where id = $2 and project_id = $3",
        at_ms,
        key_id,
        tenant.project_id,
    )
