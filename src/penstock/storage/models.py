"""Saved models: the table `models`."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.storage.store import Row, Transaction
from penstock.types import Tenant

_COLUMNS = "id, name, provider, base_url, model_name, api_key_ciphertext, pricing, created_at, updated_at"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One row. `pricing` is JSON; `api_key_ciphertext` is the key as the vault encrypted it."""

    id: str
    name: str
    provider: str
    base_url: str | None
    model_name: str
    api_key_ciphertext: str | None
    pricing: str | None
    created_at: int
    updated_at: int


def insert_model(tenant: Tenant, record: ModelRecord) -> Transaction[None]:
    """Raises `UniqueViolation` when the project has a model of this name."""
    yield (
        f"insert into models (organization_id, project_id, {_COLUMNS}) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant.organization_id,
        tenant.project_id,
        record.id,
        record.name,
        record.provider,
        record.base_url,
        record.model_name,
        record.api_key_ciphertext,
        record.pricing,
        record.created_at,
        record.updated_at,
    )


def model_by_name(project_id: str, name: str) -> Transaction[ModelRecord | None]:
    rows = yield (
        f"select {_COLUMNS} from models where project_id = $1 and name = $2",
        project_id,
        name,
    )
    return _record(rows[0]) if rows else None


def model_by_id_or_name(project_id: str, id_or_name: str) -> Transaction[ModelRecord | None]:
    """Should one model's name be another's id, the id wins."""
    rows = yield (
        f"select {_COLUMNS} from models where project_id = $1 and (id = $2 or name = $2) "
        "order by case when id = $2 then 0 else 1 end limit 1",
        project_id,
        id_or_name,
    )
    return _record(rows[0]) if rows else None


def models_page(project_id: str, before_id: str | None, limit: int) -> Transaction[list[ModelRecord]]:
    """Newest first, from the model before `before_id` on."""
    rows = yield (
        f"select {_COLUMNS} from models where project_id = $1 and id < $2 order by id desc limit $3",
        project_id,
        before_id or "~",
        limit,
    )
    return [_record(row) for row in rows]


def update_model(project_id: str, record: ModelRecord) -> Transaction[bool]:
    """Write all that can change; false when the model is gone. Raises `UniqueViolation` when the name is taken."""
    rows = yield (
        "update models set name = $3, provider = $4, base_url = $5, model_name = $6, api_key_ciphertext = $7, "
        "pricing = $8, updated_at = $9 where project_id = $1 and id = $2 returning id",
        project_id,
        record.id,
        record.name,
        record.provider,
        record.base_url,
        record.model_name,
        record.api_key_ciphertext,
        record.pricing,
        record.updated_at,
    )
    return bool(rows)


def delete_model(project_id: str, model_id: str) -> Transaction[bool]:
    rows = yield "delete from models where project_id = $1 and id = $2 returning id", project_id, model_id
    return bool(rows)


def _record(row: Row) -> ModelRecord:
    return ModelRecord(**{column: row[column] for column in _COLUMNS.split(", ")})
