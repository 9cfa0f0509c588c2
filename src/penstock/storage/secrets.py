"""Secrets, encrypted: names, dates, ciphertexts."""

from __future__ import annotations

from typing import Any

from penstock.clock import now_ms
from penstock.ids import new_id
from penstock.storage.store import Transaction
from penstock.types import Tenant

_PUT = """
insert into secrets (id, organization_id, project_id, name, ciphertext, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $6)
on conflict (project_id, name) do update set ciphertext = excluded.ciphertext, updated_at = excluded.updated_at
returning name, created_at, updated_at
"""


def put(tenant: Tenant, name: str, ciphertext: str) -> Transaction[Any]:
    rows = yield _PUT, new_id(), tenant.organization_id, tenant.project_id, name, ciphertext, now_ms()
    return rows[0]


def ciphertext_of(tenant: Tenant, name: str) -> Transaction[str | None]:
    rows = yield "select ciphertext from secrets where project_id = $1 and name = $2", tenant.project_id, name
    return rows[0]["ciphertext"] if rows else None


def list_by_name(tenant: Tenant, after: str, limit: int) -> Transaction[list[Any]]:
    """Without the ciphertexts: nobody who lists needs them."""
    sql = "select name, created_at, updated_at from secrets where project_id = $1 and name > $2 order by name limit $3"
    return (yield sql, tenant.project_id, after, limit)


def delete(tenant: Tenant, name: str) -> Transaction[bool]:
    """True when there was one."""
    rows = yield "delete from secrets where project_id = $1 and name = $2 returning id", tenant.project_id, name
    return bool(rows)
