"""Data sets and their rows: finding, reading, creating, deleting.

A data set of version 0 is seen by nobody: an import is making it, or a delete is taking it away. A row belongs to the
versions from `version_from` until before `version_to`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.datasets.model import Column, Dataset, DatasetKind, DatasetRow
from penstock.errors import Conflict, NotFound
from penstock.ids import new_id
from penstock.storage.store import Transaction, UniqueViolation, placeholders
from penstock.types import Tenant

DELETE_ROWS = 5000

_INSERT = """
insert into datasets (id, organization_id, project_id, name, columns, version, sealed_version, row_count, import_id,
                      import_expires_at, created_at, updated_at, kind)
values ($1, $2, $3, $4, '[]', $5, 0, 0, $6, $7, $8, $8, $9)
returning *
"""

# An id wins over another data set that has it as its name.
FIND = """
select * from datasets where project_id = $1 and (id = $2 or name = $2) and kind = $3 and version > 0
order by case when id = $2 then 0 else 1 end limit 1
"""

_PIN = "update datasets set sealed_version = version where project_id = $1 and id = $2 and sealed_version < version"

_LIST = """
select * from datasets where project_id = $1 and name > $2 and version > 0 and kind = 'dataset' order by name limit $3
"""

_OF_VERSION = """
from datasets d join dataset_rows r on r.dataset_no = d.no
where d.project_id = $1 and d.id = $2 and d.version >= $3
  and r.version_from <= $3 and (r.version_to is null or r.version_to > $3)
"""

_PAGE = f"select r.ordinal, r.row_id, r.data, r.hash {_OF_VERSION} and r.ordinal > $4 order by r.ordinal limit $5"

_ORDINALS = f"select r.ordinal {_OF_VERSION} and r.ordinal > $4 order by r.ordinal limit $5"

_HIDE = """
update datasets set version = 0, name = id, import_id = null, updated_at = $3
where project_id = $1 and id = $2 and version > 0 returning id
"""

_RUBBISH = """
select no from datasets
where project_id = $1 and version = 0 and (import_id is null or import_expires_at < $2)
"""

_DELETE_ROWS = """
delete from dataset_rows where no in (select no from dataset_rows where dataset_no = $1 limit $2) returning no
"""

_DELETE_KEYS = """
delete from dataset_keys where row_no in (select row_no from dataset_keys where dataset_no = $1 limit $2)
and dataset_no = $1 returning row_no
"""


def insert(
    tenant: Tenant,
    name: str,
    version: int,
    import_id: str | None = None,
    expires_at: int | None = None,
    kind: DatasetKind = "dataset",
) -> Transaction[Any]:
    """A new data set without columns; the value is its row. Raises `Conflict` when the name is taken."""
    try:
        rows = yield (
            _INSERT,
            new_id(),
            tenant.organization_id,
            tenant.project_id,
            name,
            version,
            import_id,
            expires_at,
            now_ms(),
            kind,
        )
    except UniqueViolation:
        raise Conflict("dataset_exists", f"There is a data set named {name!r} already.") from None
    return rows[0]


def get(tenant: Tenant, id_or_name: str, kind: DatasetKind = "dataset") -> Transaction[Dataset]:
    """Raises `NotFound`."""
    rows = yield FIND, tenant.project_id, id_or_name, kind
    if not rows:
        raise NotFound("dataset_unknown", f"There is no data set {id_or_name!r} in this project.")
    return dataset_of(rows[0])


def pin(tenant: Tenant, id_or_name: str) -> Transaction[Dataset]:
    """The data set, its current version sealed. Raises `NotFound`."""
    dataset = yield from get(tenant, id_or_name)
    yield _PIN, tenant.project_id, dataset.id
    return dataset


def list_by_name(tenant: Tenant, after: str, limit: int) -> Transaction[list[Dataset]]:
    rows = yield _LIST, tenant.project_id, after, limit
    return [dataset_of(row) for row in rows]


def page(
    tenant: Tenant, dataset_id: str, version: int, after_ordinal: int, limit: int
) -> Transaction[list[DatasetRow]]:
    """Rows of a version behind an ordinal, in order."""
    rows = yield _PAGE, tenant.project_id, dataset_id, version, after_ordinal, limit
    return [row_of(row) for row in rows]


def ordinals(tenant: Tenant, dataset_id: str, version: int, after_ordinal: int, limit: int) -> Transaction[list[int]]:
    """The ordinals of such a page."""
    rows = yield _ORDINALS, tenant.project_id, dataset_id, version, after_ordinal, limit
    return [row["ordinal"] for row in rows]


def with_ordinals(
    tenant: Tenant, dataset_id: str, version: int, wanted: Sequence[int]
) -> Transaction[list[DatasetRow]]:
    """The rows with these ordinals (at most 900), in order."""
    sql = (
        f"select r.ordinal, r.row_id, r.data, r.hash {_OF_VERSION}"
        f" and r.ordinal in ({placeholders(len(wanted), 4)}) order by r.ordinal"
    )
    rows = yield sql, tenant.project_id, dataset_id, version, *wanted
    return [row_of(row) for row in rows]


def ordinals_of_ids(tenant: Tenant, dataset_id: str, version: int, ids: Sequence[str]) -> Transaction[dict[str, int]]:
    """Where the rows with these ids (at most 900) are; ids that no row has are left out."""
    sql = f"select r.row_id, r.ordinal {_OF_VERSION} and r.row_id in ({placeholders(len(ids), 4)})"
    rows = yield sql, tenant.project_id, dataset_id, version, *ids
    return {row["row_id"]: row["ordinal"] for row in rows}


def count(tenant: Tenant, dataset_id: str, version: int) -> Transaction[int]:
    rows = yield f"select count(*) as n {_OF_VERSION}", tenant.project_id, dataset_id, version
    value: int = rows[0]["n"]
    return value


def hide(tenant: Tenant, dataset_id: str) -> Transaction[bool]:
    """Take a data set out of everybody's sight, name and all; its rows are then rubbish."""
    rows = yield _HIDE, tenant.project_id, dataset_id, now_ms()
    return bool(rows)


def rubbish(tenant: Tenant) -> Transaction[list[int]]:
    """The numbers of data sets that a delete has hidden, or that a dead import was making."""
    rows = yield _RUBBISH, tenant.project_id, now_ms()
    return [row["no"] for row in rows]


def sweep(tenant: Tenant, dataset_no: int) -> Transaction[bool]:
    """Delete a part of a data set that is rubbish; true when nothing of it is left."""
    found = yield from rubbish(tenant)
    if dataset_no not in found:
        return True
    for sql in (_DELETE_ROWS, _DELETE_KEYS):
        deleted = yield sql, dataset_no, DELETE_ROWS
        if deleted:
            return False
    yield "delete from dataset_key_indexes where dataset_no = $1", dataset_no
    yield "delete from datasets where project_id = $1 and no = $2", tenant.project_id, dataset_no
    return True


def columns_of(text: str) -> tuple[Column, ...]:
    return msgspec.json.decode(text, type=tuple[Column, ...])


def dataset_of(row: Any) -> Dataset:
    return Dataset(
        id=row["id"],
        name=row["name"],
        columns=columns_of(row["columns"]),
        version=row["version"],
        row_count=row["row_count"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def row_of(row: Any) -> DatasetRow:
    return DatasetRow(row["ordinal"], row["row_id"], msgspec.json.decode(row["data"]), row["hash"])
