"""Optimizations: what was asked for, what was tried, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.optimization.model import Candidate, Optimization, OptimizationFilter, Plan, Report
from penstock.storage.executions import dumps, execution_of
from penstock.storage.store import Many, Transaction
from penstock.types import Tenant

_INSERT = """
insert into optimizations (execution_id, organization_id, project_id, target_kind, subject_id, subject_name,
  created_at, created_by)
values ($1, $2, $3, $4, $5, $6, $7, $8)
"""

_SELECT = """
select x.*, o.report, o.applied_version, o.applied_at, o.created_by as asked_by
from optimizations o join executions x on x.id = o.execution_id and x.project_id = o.project_id
"""

_ADD_CANDIDATE = """
insert into optimization_candidates (execution_id, project_id, number, content, created_at)
values ($1, $2, $3, $4, $5)
on conflict (execution_id, number) do nothing returning number
"""

_ORPHANS = """
delete from optimizations where execution_id in (
  select o.execution_id from optimizations o where o.created_at < $1 and not exists (
    select 1 from executions x where x.id = o.execution_id and x.project_id = o.project_id)
  limit $2
) returning execution_id
"""


@dataclass(frozen=True, slots=True)
class NewOptimization:
    """One that is being accepted. Time in milliseconds since 1970."""

    tenant: Tenant
    plan: Plan
    created_at: int
    created_by: str | None


def insert(execution_id: str, made: NewOptimization) -> Transaction[None]:
    """Keep it beside its execution."""
    plan = made.plan
    yield (
        _INSERT,
        execution_id,
        made.tenant.organization_id,
        made.tenant.project_id,
        plan.target_kind,
        plan.subject_id,
        plan.subject_name,
        made.created_at,
        made.created_by,
    )


def get(tenant: Tenant, optimization_id: str) -> Transaction[Optimization | None]:
    """One of them."""
    rows = yield f"{_SELECT} where o.project_id = $1 and o.execution_id = $2", tenant.project_id, optimization_id
    return optimization_of(rows[0]) if rows else None


def page(tenant: Tenant, wanted: OptimizationFilter, before: str | None, limit: int) -> Transaction[list[Optimization]]:
    """The newest first, behind an id."""
    where, args = _where(tenant, wanted)
    if before is not None:
        args.append(before)
        where += f" and o.execution_id < ${len(args)}"
    rows = yield f"{_SELECT} {where} order by o.execution_id desc limit ${len(args) + 1}", *args, limit
    return [optimization_of(row) for row in rows]


def numbered(
    tenant: Tenant, wanted: OptimizationFilter, offset: int, limit: int
) -> Transaction[tuple[list[Optimization], int]]:
    """Some by their places, the newest first, and how many there are in all."""
    where, args = _where(tenant, wanted)
    counted = yield (
        "select count(*) as n from optimizations o"
        f" join executions x on x.id = o.execution_id and x.project_id = o.project_id {where}",
        *args,
    )
    places = f"limit ${len(args) + 1} offset ${len(args) + 2}"
    rows = yield f"{_SELECT} {where} order by o.execution_id desc {places}", *args, limit, offset
    return [optimization_of(row) for row in rows], int(counted[0]["n"])


def add_candidate(tenant: Tenant, execution_id: str, candidate: Candidate, now: int) -> Transaction[bool]:
    """Keep a candidate; False when it is there already."""
    rows = yield _ADD_CANDIDATE, execution_id, tenant.project_id, candidate.number, dumps(candidate), now
    return bool(rows)


def candidates(tenant: Tenant, execution_id: str) -> Transaction[list[Candidate]]:
    """All of one optimization, in order."""
    rows = yield (
        "select content from optimization_candidates where project_id = $1 and execution_id = $2 order by number",
        tenant.project_id,
        execution_id,
    )
    return [msgspec.json.decode(row["content"], type=Candidate) for row in rows]


def finish(tenant: Tenant, execution_id: str, report: Report) -> Transaction[None]:
    """Keep what came of it."""
    yield (
        "update optimizations set report = $3 where project_id = $1 and execution_id = $2",
        tenant.project_id,
        execution_id,
        dumps(report),
    )


def is_applied(tenant: Tenant, execution_id: str) -> Transaction[bool]:
    """Whether a version was made from it."""
    rows = yield (
        "select 1 from optimizations where project_id = $1 and execution_id = $2 and applied_version is not null",
        tenant.project_id,
        execution_id,
    )
    return bool(rows)


def mark_applied(tenant: Tenant, execution_id: str, version: int, now: int) -> Transaction[None]:
    """Note which version was made from it."""
    yield (
        "update optimizations set applied_version = $3, applied_at = $4 where project_id = $1 and execution_id = $2",
        tenant.project_id,
        execution_id,
        version,
        now,
    )


def forget_orphans(before: int, limit: int) -> Transaction[bool]:
    """Drop so many of those made before a moment whose execution is gone; True while there may be more."""
    rows = yield _ORPHANS, before, limit
    if rows:
        of_these = [(row["execution_id"],) for row in rows]
        yield Many("delete from optimization_candidates where execution_id = $1", of_these)
    return len(rows) == limit


def optimization_of(row: Any) -> Optimization:
    execution = execution_of(row)
    return Optimization(
        execution=execution,
        plan=msgspec.convert(execution.spec, Plan),
        report=None if row["report"] is None else msgspec.json.decode(row["report"], type=Report),
        applied_version=row["applied_version"],
        applied_at=row["applied_at"],
        created_by=row["asked_by"],
    )


def _where(tenant: Tenant, wanted: OptimizationFilter) -> tuple[str, list[Any]]:
    where, args = "where o.project_id = $1", [tenant.project_id]
    if wanted.target_kind is not None:
        args.append(wanted.target_kind)
        where += f" and o.target_kind = ${len(args)}"
    if wanted.subject is not None:
        args.append(wanted.subject)
        where += f" and (o.subject_id = ${len(args)} or o.subject_name = ${len(args)})"
    return where, args
