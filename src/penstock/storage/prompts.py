"""Saved prompts and their versions."""

from __future__ import annotations

from typing import Any

from penstock.clock import now_ms
from penstock.errors import Conflict, NotFound
from penstock.ids import new_id
from penstock.storage.store import Transaction, UniqueViolation
from penstock.types import Tenant

_INSERT = """
insert into prompts (id, organization_id, project_id, name, latest_version, created_at, updated_at)
values ($1, $2, $3, $4, 1, $5, $5)
"""

_INSERT_VERSION = "insert into prompt_versions (prompt_id, version, document, created_at) values ($1, $2, $3, $4)"

# An id wins over another prompt that has it as its name.
_FIND = """
select id, name, latest_version from prompts where project_id = $1 and (id = $2 or name = $2)
order by case when id = $2 then 0 else 1 end limit 1
"""

_BUMP = """
update prompts set latest_version = latest_version + 1, updated_at = $3
where project_id = $1 and id = $2 returning latest_version
"""

_VERSIONS = """
select p.id, p.name, v.version, v.document, v.created_at
from prompts p join prompt_versions v on v.prompt_id = p.id
where p.project_id = $1
"""


def insert(tenant: Tenant, name: str, document: str) -> Transaction[Any]:
    """Version 1 of a new prompt. Raises `Conflict` when the name is taken."""
    prompt_id, now = new_id(), now_ms()
    try:
        yield _INSERT, prompt_id, tenant.organization_id, tenant.project_id, name, now
    except UniqueViolation:
        detail = f"There is a prompt named {name!r} already. Update it, or choose another name."
        raise Conflict("prompt_exists", detail) from None
    yield _INSERT_VERSION, prompt_id, 1, document, now
    return (yield from get(tenant, prompt_id, 1))


def insert_version(tenant: Tenant, id_or_name: str, document: str) -> Transaction[Any]:
    """The next version of a prompt. Raises `NotFound`."""
    found = yield from _find(tenant, id_or_name)
    now = now_ms()
    rows = yield _BUMP, tenant.project_id, found["id"], now
    version: int = rows[0]["latest_version"]
    yield _INSERT_VERSION, found["id"], version, document, now
    return (yield from get(tenant, found["id"], version))


def get(tenant: Tenant, id_or_name: str, version: int | None) -> Transaction[Any]:
    """One version, the latest for None. Raises `NotFound`."""
    found = yield from _find(tenant, id_or_name)
    wanted = found["latest_version"] if version is None else version
    rows = yield _VERSIONS + "and p.id = $2 and v.version = $3", tenant.project_id, found["id"], wanted
    if not rows:
        detail = f"Prompt {found['name']!r} has no version {version}; its latest is {found['latest_version']}."
        raise NotFound("prompt_version_unknown", detail)
    return rows[0]


def list_by_name(tenant: Tenant, after: str, limit: int) -> Transaction[list[Any]]:
    """Prompts in the order of their names, each in its latest version."""
    sql = _VERSIONS + "and v.version = p.latest_version and p.name > $2 order by p.name limit $3"
    return (yield sql, tenant.project_id, after, limit)


def versions(tenant: Tenant, id_or_name: str, before: int, limit: int) -> Transaction[list[Any]]:
    """Versions below a number, newest first. Raises `NotFound`."""
    found = yield from _find(tenant, id_or_name)
    sql = _VERSIONS + "and p.id = $2 and v.version < $3 order by v.version desc limit $4"
    return (yield sql, tenant.project_id, found["id"], before, limit)


def delete(tenant: Tenant, id_or_name: str) -> Transaction[None]:
    """Delete a prompt with all its versions. Raises `NotFound`."""
    found = yield from _find(tenant, id_or_name)
    yield "delete from prompt_versions where prompt_id = $1", found["id"]
    yield "delete from prompts where project_id = $1 and id = $2", tenant.project_id, found["id"]


def _find(tenant: Tenant, id_or_name: str) -> Transaction[Any]:
    rows = yield _FIND, tenant.project_id, id_or_name
    if not rows:
        raise NotFound("prompt_unknown", f"There is no prompt {id_or_name!r} in this project.")
    return rows[0]
