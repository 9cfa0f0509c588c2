"""Flows and their immutable versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penstock.storage.store import Transaction
from penstock.types import Tenant


@dataclass(frozen=True, slots=True)
class FlowRecord:
    id: str
    name: str
    latest_version: int
    deployed_version: int | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """`document` is JSON text; `source` is the YAML it was sent as, if it was."""

    version: int
    document: str
    source: str | None
    created_at: int


def _record(row: Any) -> FlowRecord:
    return FlowRecord(
        row["id"],
        row["name"],
        row["latest_version"],
        row["deployed_version"],
        row["created_at"],
        row["updated_at"],
    )


def insert(tenant: Tenant, record: FlowRecord) -> Transaction[None]:
    """Raises `UniqueViolation` when the project has a flow of that name."""
    yield (
        "insert into flows (id, organization_id, project_id, name, latest_version, deployed_version, created_at,"
        " updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
        record.id,
        tenant.organization_id,
        tenant.project_id,
        record.name,
        record.latest_version,
        record.deployed_version,
        record.created_at,
        record.updated_at,
    )


def insert_version(flow_id: str, version: VersionRecord) -> Transaction[None]:
    yield (
        "insert into flow_versions (flow_id, version, document, source, created_at) values ($1, $2, $3, $4, $5)",
        flow_id,
        version.version,
        version.document,
        version.source,
        version.created_at,
    )


def get(tenant: Tenant, id_or_name: str) -> Transaction[FlowRecord | None]:
    """By id, or else by name."""
    rows = yield (
        "select * from flows where project_id = $1 and (id = $2 or name = $2) order by id = $2 desc limit 1",
        tenant.project_id,
        id_or_name,
    )
    return _record(rows[0]) if rows else None


def page(tenant: Tenant, after_id: str | None, limit: int) -> Transaction[list[FlowRecord]]:
    """Newest first, from before an id."""
    rows = yield (
        "select * from flows where project_id = $1 and id < $2 order by id desc limit $3",
        tenant.project_id,
        after_id or "g",
        limit,
    )
    return [_record(row) for row in rows]


def update(
    tenant: Tenant, flow_id: str, *, name: str, latest: int, deployed: int | None, now: int
) -> Transaction[None]:
    """Raises `UniqueViolation` when another flow has the name."""
    yield (
        "update flows set name = $3, latest_version = $4, deployed_version = $5, updated_at = $6"
        " where id = $1 and project_id = $2",
        flow_id,
        tenant.project_id,
        name,
        latest,
        deployed,
        now,
    )


def version(tenant: Tenant, flow_id: str, number: int) -> Transaction[VersionRecord | None]:
    rows = yield (
        "select v.* from flow_versions v join flows f on f.id = v.flow_id and f.project_id = $3"
        " where v.flow_id = $1 and v.version = $2",
        flow_id,
        number,
        tenant.project_id,
    )
    return _version(rows[0]) if rows else None


def versions(tenant: Tenant, flow_id: str, before: int, limit: int) -> Transaction[list[VersionRecord]]:
    """Newest first, from before a number."""
    rows = yield (
        "select v.* from flow_versions v join flows f on f.id = v.flow_id and f.project_id = $4"
        " where v.flow_id = $1 and v.version < $2 order by v.version desc limit $3",
        flow_id,
        before,
        limit,
        tenant.project_id,
    )
    return [_version(row) for row in rows]


def delete(tenant: Tenant, flow_id: str) -> Transaction[bool]:
    """Remove a flow and its versions; False when the project has no such flow."""
    rows = yield "delete from flows where id = $1 and project_id = $2 returning id", flow_id, tenant.project_id
    if rows:
        yield "delete from flow_versions where flow_id = $1", flow_id
    return bool(rows)


def open_executions(tenant: Tenant, flow_id: str) -> Transaction[int]:
    """How many executions of a flow are not over."""
    rows = yield (
        "select count(*) as n from executions where project_id = $1 and subject_id = $2"
        " and status in ('pending', 'running', 'paused')",
        tenant.project_id,
        flow_id,
    )
    return int(rows[0]["n"])


def _version(row: Any) -> VersionRecord:
    return VersionRecord(row["version"], row["document"], row["source"], row["created_at"])
