"""Judges and their versions, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from penstock.errors import Conflict
from penstock.judges.model import Judge, JudgeVersion
from penstock.storage.executions import dumps, loads
from penstock.storage.store import Transaction, UniqueViolation
from penstock.types import Tenant

_INSERT = """
insert into judges (id, organization_id, project_id, name, latest_version, created_at, updated_at)
values ($1, $2, $3, $4, 1, $5, $5)
"""

_INSERT_VERSION = """
insert into judge_versions (judge_id, version, definition, created_at, created_by) values ($1, $2, $3, $4, $5)
"""

_ADVANCE = """
update judges set name = $3, latest_version = latest_version + 1, updated_at = $4
where project_id = $1 and id = $2 and latest_version = $5 returning id
"""

_SELECT = """
select j.*, v.version, v.definition, v.created_at as version_created_at, v.created_by, coalesce(r.runs, 0) as runs
from judges j join judge_versions v on v.judge_id = j.id and v.version = j.latest_version
left join judge_runs r on r.project_id = j.project_id and r.judge_id = j.id
where j.project_id = $1
"""

_COUNT_RUNS = """
insert into judge_runs (project_id, judge_id, runs) values ($1, $2, $3)
on conflict (project_id, judge_id) do update set runs = judge_runs.runs + excluded.runs
"""


def insert(judge: Judge, most: int) -> Transaction[None]:
    """A new judge with its first version. Raises `Conflict` when the name is taken, or there are `most` already."""
    tenant, first = judge.tenant, judge.latest
    rows = yield "select count(*) as n from judges where project_id = $1", tenant.project_id
    if rows[0]["n"] >= most:
        raise Conflict("too_many_judges", f"This project has {most:,} judges, the most it may have.")
    try:
        yield _INSERT, judge.id, tenant.organization_id, tenant.project_id, first.name, judge.created_at
    except UniqueViolation:
        raise _name_taken(first.name) from None
    yield _version_row(judge.id, first)


def advance(judge: Judge, following: JudgeVersion) -> Transaction[bool]:
    """Add the version that follows the one at hand; False when another came first. Raises `Conflict` for a taken
    name."""
    project_id = judge.tenant.project_id
    try:
        rows = yield _ADVANCE, project_id, judge.id, following.name, following.created_at, judge.latest.version
    except UniqueViolation:
        raise _name_taken(following.name) from None
    if rows:
        yield _version_row(judge.id, following)
    return bool(rows)


def find(tenant: Tenant, id_or_name: str) -> Transaction[Judge | None]:
    """By id, else by name: an id wins over another judge that has it as its name."""
    rows = yield (
        _SELECT + " and (j.id = $2 or j.name = $2) order by case when j.id = $2 then 0 else 1 end limit 1",
        tenant.project_id,
        id_or_name,
    )
    return _judge_of(rows[0]) if rows else None


def page(tenant: Tenant, after: str, limit: int) -> Transaction[list[Judge]]:
    """In the order of their names, behind one."""
    rows = yield _SELECT + " and j.name > $2 order by j.name limit $3", tenant.project_id, after, limit
    return [_judge_of(row) for row in rows]


def count(tenant: Tenant) -> Transaction[int]:
    """How many judges a project has."""
    rows = yield "select count(*) as n from judges where project_id = $1", tenant.project_id
    return int(rows[0]["n"])


def version(judge: Judge, number: int) -> Transaction[JudgeVersion | None]:
    """One version of a judge."""
    rows = yield (
        "select v.* from judge_versions v join judges j on j.id = v.judge_id"
        " where j.project_id = $1 and v.judge_id = $2 and v.version = $3",
        judge.tenant.project_id,
        judge.id,
        number,
    )
    return _version_of(rows[0]) if rows else None


def versions(judge: Judge, before: int, limit: int) -> Transaction[list[JudgeVersion]]:
    """Versions below a number, newest first."""
    rows = yield (
        "select v.* from judge_versions v join judges j on j.id = v.judge_id"
        " where j.project_id = $1 and v.judge_id = $2 and v.version < $3 order by v.version desc limit $4",
        judge.tenant.project_id,
        judge.id,
        before,
        limit,
    )
    return [_version_of(row) for row in rows]


def delete(judge: Judge) -> Transaction[bool]:
    """Delete a judge with its versions; its name is free again. What it has said stays."""
    project_id = judge.tenant.project_id
    rows = yield "delete from judges where project_id = $1 and id = $2 returning id", project_id, judge.id
    if rows:
        yield "delete from judge_versions where judge_id = $1", judge.id
        yield "delete from judge_runs where project_id = $1 and judge_id = $2", project_id, judge.id
    return bool(rows)


def count_runs(tenant: Tenant, judge_id: str, more: int) -> Transaction[None]:
    """Note that a judge is asked for so many verdicts more."""
    yield _COUNT_RUNS, tenant.project_id, judge_id, more


def runs(tenant: Tenant, judge_ids: Sequence[str]) -> Transaction[dict[str, int]]:
    """How many verdicts each of these judges was asked for."""
    found: dict[str, int] = {}
    for judge_id in judge_ids:
        rows = yield (
            "select runs from judge_runs where project_id = $1 and judge_id = $2",
            tenant.project_id,
            judge_id,
        )
        found[judge_id] = int(rows[0]["runs"]) if rows else 0
    return found


def _version_row(judge_id: str, added: JudgeVersion) -> tuple[Any, ...]:
    apart = ("version", "created_at", "created_by")
    definition = {name: value for name, value in msgspec.to_builtins(added).items() if name not in apart}
    return _INSERT_VERSION, judge_id, added.version, dumps(definition), added.created_at, added.created_by


def _version_of(row: Any) -> JudgeVersion:
    facts = {name: row[name] for name in ("version", "created_at", "created_by")}
    return JudgeVersion(**loads(row["definition"]), **facts)


def _judge_of(row: Any) -> Judge:
    latest = replace(_version_of(row), created_at=row["version_created_at"])
    return Judge(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        latest=latest,
        ready_made=False,
        run_count=row["runs"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _name_taken(name: str) -> Conflict:
    detail = f"A judge named {name!r} already exists. Update it, or choose another name."
    return Conflict("judge_exists", detail)
