"""Saved scorers and their versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.clock import now_ms
from penstock.errors import Conflict, NotFound
from penstock.ids import new_id
from penstock.storage.executions import dumps, loads
from penstock.storage.store import Transaction, UniqueViolation
from penstock.types import JsonObject, Tenant


@dataclass(frozen=True, slots=True)
class ScorerRecord:
    """One version of a saved scorer. Times in milliseconds since 1970; `updated_at` is that of the scorer."""

    id: str
    name: str
    description: str
    version: int
    latest_version: int
    definition: JsonObject
    created_at: int
    updated_at: int


_INSERT = """
insert into scorers (id, organization_id, project_id, name, description, latest_version, created_at, updated_at)
values ($1, $2, $3, $4, $5, 1, $6, $6)
"""

_INSERT_VERSION = "insert into scorer_versions (scorer_id, version, definition, created_at) values ($1, $2, $3, $4)"

# An id wins over another scorer that has it as its name.
_FIND = """
select id, name, description, latest_version from scorers where project_id = $1 and (id = $2 or name = $2)
order by case when id = $2 then 0 else 1 end limit 1
"""

_UPDATE = """
update scorers set name = $3, description = $4, latest_version = $5, updated_at = $6 where project_id = $1 and id = $2
"""

_VERSIONS = """
select s.id, s.name, s.description, v.version, s.latest_version, v.definition, s.created_at, s.updated_at
from scorers s join scorer_versions v on v.scorer_id = s.id
where s.project_id = $1
"""


def insert(
    tenant: Tenant, name: str, description: str, definition: JsonObject, *, most: int
) -> Transaction[ScorerRecord]:
    """Version 1 of a new scorer. Raises `Conflict` when the name is taken, or the project has `most` already."""
    if (yield from count(tenant)) >= most:
        raise Conflict("too_many_scorers", f"This project has {most:,} scorers, the most it may have.")
    scorer_id, now = new_id(), now_ms()
    try:
        yield _INSERT, scorer_id, tenant.organization_id, tenant.project_id, name, description, now
    except UniqueViolation:
        raise _name_taken(name) from None
    yield _INSERT_VERSION, scorer_id, 1, dumps(definition), now
    return (yield from get(tenant, scorer_id))


def update(
    tenant: Tenant, id_or_name: str, name: str | None, description: str | None, definition: JsonObject | None
) -> Transaction[ScorerRecord]:
    """Change what is not None; another definition makes the next version. Raises `NotFound`, or `Conflict` when the
    new name is taken."""
    current = yield from get(tenant, id_or_name)
    changed = definition is not None and definition != current.definition
    version, now = current.latest_version + changed, now_ms()
    name = current.name if name is None else name
    description = current.description if description is None else description
    try:
        yield _UPDATE, tenant.project_id, current.id, name, description, version, now
    except UniqueViolation:
        raise _name_taken(name) from None
    if changed:
        yield _INSERT_VERSION, current.id, version, dumps(definition), now
    return (yield from get(tenant, current.id))


def get(tenant: Tenant, id_or_name: str, version: int | None = None) -> Transaction[ScorerRecord]:
    """One version, the latest for None. Raises `NotFound`."""
    found = yield from _find(tenant, id_or_name)
    wanted = found["latest_version"] if version is None else version
    rows = yield _VERSIONS + "and s.id = $2 and v.version = $3", tenant.project_id, found["id"], wanted
    if not rows:
        detail = f"Scorer {found['name']!r} has no version {version}; its latest is {found['latest_version']}."
        raise NotFound("scorer_version_unknown", detail)
    return _record(rows[0])


def list_by_name(tenant: Tenant, after: str, limit: int) -> Transaction[list[ScorerRecord]]:
    """Scorers in the order of their names, each in its latest version."""
    sql = _VERSIONS + "and v.version = s.latest_version and s.name > $2 order by s.name limit $3"
    rows = yield sql, tenant.project_id, after, limit
    return [_record(row) for row in rows]


def count(tenant: Tenant) -> Transaction[int]:
    """How many scorers a project has."""
    rows = yield "select count(*) as n from scorers where project_id = $1", tenant.project_id
    found: int = rows[0]["n"]
    return found


def delete(tenant: Tenant, id_or_name: str) -> Transaction[None]:
    """Delete a scorer with all its versions. Raises `NotFound`."""
    found = yield from _find(tenant, id_or_name)
    yield "delete from scorer_versions where scorer_id = $1", found["id"]
    yield "delete from scorers where project_id = $1 and id = $2", tenant.project_id, found["id"]


def _find(tenant: Tenant, id_or_name: str) -> Transaction[Any]:
    rows = yield _FIND, tenant.project_id, id_or_name
    if not rows:
        raise NotFound("scorer_unknown", f"There is no scorer {id_or_name!r} in this project.")
    return rows[0]


def _name_taken(name: str) -> Conflict:
    detail = f"A scorer named {name!r} already exists. Update it, or choose another name."
    return Conflict("scorer_exists", detail)


def _record(row: Any) -> ScorerRecord:
    return ScorerRecord(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        version=row["version"],
        latest_version=row["latest_version"],
        definition=loads(row["definition"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
