"""Saved models: the table `models`."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from penstock.clock import now_ms
from penstock.storage import project_sets
from penstock.storage.store import Row, Transaction, placeholders
from penstock.types import Tenant

_COLUMNS = (
    "id, name, key, description, provider, base_url, model_name, api_key_ciphertext, api_key_hint, max_tokens, "
    "extra_payload, pricing, disabled, created_at, updated_at"
)


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One row. `pricing` and `extra_payload` are JSON; `api_key_ciphertext` is the key as the vault encrypted it, and
    `api_key_hint` what may be shown of it. `disabled` is 1 for one that was deleted, and is kept to be read."""

    id: str
    name: str
    key: str | None
    description: str | None
    provider: str
    base_url: str | None
    model_name: str
    api_key_ciphertext: str | None
    api_key_hint: str | None
    max_tokens: int | None
    extra_payload: str | None
    pricing: str | None
    disabled: int
    created_at: int
    updated_at: int


def insert_model(tenant: Tenant, record: ModelRecord) -> Transaction[None]:
    """Raises `UniqueViolation` when the project has a model of this name, or with this key."""
    yield (
        f"insert into models (organization_id, project_id, {_COLUMNS}) values ({placeholders(17)})",
        tenant.organization_id,
        tenant.project_id,
        *astuple(record),
    )


def find_model(project_id: str, reference: str) -> Transaction[ModelRecord | None]:
    """By id, name or key, in this order, should one model's name be another's id. A disabled one only by its id."""
    rows = yield (
        f"select {_COLUMNS} from models where project_id = $1"
        " and (id = $2 or disabled = 0 and (name = $2 or key = $2))"
        " order by case when id = $2 then 0 when name = $2 then 1 else 2 end limit 1",
        project_id,
        reference,
    )
    return _record(rows[0]) if rows else None


def models_page(project_id: str, before_id: str | None, limit: int) -> Transaction[list[ModelRecord]]:
    """Newest first, from the model before `before_id` on."""
    rows = yield (
        f"select {_COLUMNS} from models where project_id = $1 and id < $2 and disabled = 0 order by id desc limit $3",
        project_id,
        before_id or "~",
        limit,
    )
    return [_record(row) for row in rows]


def update_model(project_id: str, record: ModelRecord) -> Transaction[bool]:
    """Write all that can change; false when the model is gone. Raises `UniqueViolation` when name or key is taken."""
    rows = yield (
        "update models set name = $3, key = $4, description = $5, provider = $6, base_url = $7, model_name = $8,"
        " api_key_ciphertext = $9, api_key_hint = $10, max_tokens = $11, extra_payload = $12, pricing = $13,"
        " updated_at = $14 where project_id = $1 and id = $2 and disabled = 0 returning id",
        project_id,
        record.id,
        record.name,
        record.key,
        record.description,
        record.provider,
        record.base_url,
        record.model_name,
        record.api_key_ciphertext,
        record.api_key_hint,
        record.max_tokens,
        record.extra_payload,
        record.pricing,
        record.updated_at,
    )
    return bool(rows)


def remove_model(tenant: Tenant, record: ModelRecord) -> Transaction[None]:
    """Take a model out of the project: out of its set, and away, with its key.

    One that evaluations name stays as a disabled row for their readers; its name and its key are free again.
    """
    yield from project_sets.drop(tenant, "models", record.id)
    used = yield (
        "select 1 as one from evaluations where project_id = $1 and target_kind = 'model' and target in ($2, $3, $4)"
        " limit 1",
        tenant.project_id,
        record.id,
        record.name,
        record.key or record.id,
    )
    if used:
        yield (
            "update models set disabled = 1, api_key_ciphertext = null, api_key_hint = null, updated_at = $3"
            " where project_id = $1 and id = $2",
            tenant.project_id,
            record.id,
            now_ms(),
        )
    else:
        yield "delete from models where project_id = $1 and id = $2", tenant.project_id, record.id


def _record(row: Row) -> ModelRecord:
    return ModelRecord(**{column: row[column] for column in _COLUMNS.split(", ")})
