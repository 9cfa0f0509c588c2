"""Webhook endpoints and the secrets that sign for them, as SQL."""

from __future__ import annotations

from typing import Any

from penstock.clock import now_ms
from penstock.ids import new_id
from penstock.storage.store import Transaction
from penstock.types import Tenant

PROJECT = ""
"""The owner of the secret that signs for URLs that come with single calls."""

_INSERT_ENDPOINT = """
insert into webhook_endpoints (id, organization_id, project_id, url, description, events, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $7)
returning *
"""

_UPDATE_ENDPOINT = """
update webhook_endpoints
set url = $3, description = $4, events = $5, disabled_at = $6, disabled_reason = $7, updated_at = $8
where project_id = $1 and id = $2
returning *
"""


# Endpoints


def insert_endpoint(tenant: Tenant, *, url: str, description: str, events: str) -> Transaction[Any]:
    """Add an endpoint; `events` is a JSON list. Returns its row."""
    rows = yield (
        _INSERT_ENDPOINT,
        new_id(),
        tenant.organization_id,
        tenant.project_id,
        url,
        description,
        events,
        now_ms(),
    )
    return rows[0]


def update_endpoint(tenant: Tenant, endpoint: Any) -> Transaction[Any | None]:
    """Write what may change of an endpoint (a mapping of columns); its row, None when there is none."""
    rows = yield (
        _UPDATE_ENDPOINT,
        tenant.project_id,
        endpoint["id"],
        endpoint["url"],
        endpoint["description"],
        endpoint["events"],
        endpoint["disabled_at"],
        endpoint["disabled_reason"],
        now_ms(),
    )
    return rows[0] if rows else None


def get_endpoint(tenant: Tenant, endpoint_id: str) -> Transaction[Any | None]:
    """The row, None when there is none."""
    rows = yield (
        "select * from webhook_endpoints where project_id = $1 and id = $2",
        tenant.project_id,
        endpoint_id,
    )
    return rows[0] if rows else None


def page_of_endpoints(tenant: Tenant, after_id: str, limit: int) -> Transaction[list[Any]]:
    """In the order in which they were made, from behind an id."""
    sql = "select * from webhook_endpoints where project_id = $1 and id > $2 order by id limit $3"
    return (yield sql, tenant.project_id, after_id, limit)


def count_endpoints(tenant: Tenant) -> Transaction[int]:
    """How many a project has, the disabled ones too."""
    rows = yield "select count(*) as n from webhook_endpoints where project_id = $1", tenant.project_id
    return int(rows[0]["n"])


def enabled_endpoints(project_id: str) -> Transaction[list[Any]]:
    """Those of a project that are told of what happens: id, url, events."""
    sql = "select id, url, events from webhook_endpoints where project_id = $1 and disabled_at is null order by id"
    return (yield sql, project_id)


def projects_told(organization_id: str) -> Transaction[list[str]]:
    """The projects of an organization that have an endpoint that is told of what happens."""
    rows = yield (
        "select distinct project_id from webhook_endpoints where organization_id = $1 and disabled_at is null"
        " order by project_id",
        organization_id,
    )
    return [row["project_id"] for row in rows]


def any_enabled(project_id: str) -> Transaction[bool]:
    """Whether a project has an endpoint that is told of what happens."""
    sql = "select 1 from webhook_endpoints where project_id = $1 and disabled_at is null limit 1"
    return bool((yield sql, project_id))


def disable_endpoint(project_id: str, endpoint_id: str, reason: str) -> Transaction[None]:
    """Tell it nothing any more. One that is disabled already keeps its reason."""
    yield (
        "update webhook_endpoints set disabled_at = $3, disabled_reason = $4, updated_at = $3"
        " where project_id = $1 and id = $2 and disabled_at is null",
        project_id,
        endpoint_id,
        now_ms(),
        reason,
    )


def delete_endpoint(tenant: Tenant, endpoint_id: str) -> Transaction[bool]:
    """Remove an endpoint and its secrets; True when there was one. Its deliveries stay, to be looked at."""
    yield "delete from webhook_secrets where project_id = $1 and owner = $2", tenant.project_id, endpoint_id
    rows = yield (
        "delete from webhook_endpoints where project_id = $1 and id = $2 returning id",
        tenant.project_id,
        endpoint_id,
    )
    return bool(rows)


# Secrets


def add_secret(project_id: str, owner: str, ciphertext: str) -> Transaction[None]:
    """Give an owner its current secret; one that has a current secret keeps it."""
    yield (
        "insert into webhook_secrets (id, project_id, owner, ciphertext, created_at) values ($1, $2, $3, $4, $5)"
        " on conflict (project_id, owner) where expires_at is null do nothing",
        new_id(),
        project_id,
        owner,
        ciphertext,
        now_ms(),
    )


def retire_secrets(project_id: str, owner: str, expires_at: int) -> Transaction[None]:
    """Let the current secret end at a moment; those that ended before are forgotten."""
    yield (
        "delete from webhook_secrets where project_id = $1 and owner = $2 and expires_at <= $3",
        project_id,
        owner,
        now_ms(),
    )
    yield (
        "update webhook_secrets set expires_at = $3 where project_id = $1 and owner = $2 and expires_at is null",
        project_id,
        owner,
        expires_at,
    )


def live_secrets(project_id: str, owner: str, now: int) -> Transaction[list[Any]]:
    """Ciphertexts and ends of the secrets that sign at a moment, newest first: the first is the current one."""
    return (
        yield (
            "select ciphertext, expires_at from webhook_secrets"
            " where project_id = $1 and owner = $2 and (expires_at is null or expires_at > $3) order by id desc",
            project_id,
            owner,
            now,
        )
    )
