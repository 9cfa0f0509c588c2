"""Rows of the next version of a data set, written by its one import, unseen until they are published.

An import holds a lease that every write renews. When it has died, the next import or sink to come by discards what it
left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.datasets.columns import merged
from penstock.datasets.identity import EncodedRow
from penstock.datasets.model import Column, Dataset, DatasetKind
from penstock.errors import Conflict
from penstock.storage import datasets
from penstock.storage.store import Many, Transaction, placeholders
from penstock.types import Tenant

LEASE_MS = 15_000

_TAKE = """
update datasets set import_id = $3, import_expires_at = $4
where project_id = $1 and no = $2 and (import_id is null or import_expires_at < $5) returning version
"""

_RENEW = """
update datasets set import_expires_at = $4 where project_id = $1 and no = $2 and import_id = $3 returning version
"""

_TAKEN_IDS = """
select row_id from dataset_rows
where dataset_no = $1 and version_to is null and version_from >= $2 and row_id in ({ids})
"""

# Staged rows are the last ones of an append; counted from there the search finds them first.
_DISCARD = """
delete from dataset_rows where no in (
  select no from dataset_rows where dataset_no = $1 and version_from > $2 order by ordinal desc limit $3)
returning no
"""

_SUPERSEDE = """
update dataset_rows set version_to = $2 where dataset_no = $1 and version_to is null and version_from < $2
"""

_PUBLISH = """
update datasets
set version = $4, columns = $5, row_count = $6 + case when $7 then 0 else row_count end,
    import_id = null, import_expires_at = null, updated_at = $8
where project_id = $1 and no = $2 and import_id = $3 returning *
"""

INSERT_ROW = """
insert into dataset_rows (dataset_no, ordinal, row_id, version_from, origin, data, hash)
values ($1, $2, $3, $4, $5, $6, $7)
"""


@dataclass(frozen=True, slots=True)
class Import:
    """One running import. `staging` is the version it writes; `leftovers`: a dead one had the lease before."""

    tenant: Tenant
    id: str
    dataset_no: int
    staging: int
    replaces: bool
    leftovers: bool = False


def begin(
    tenant: Tenant,
    name: str,
    import_id: str,
    *,
    must_be_new: bool,
    replaces: bool,
    kind: DatasetKind = "dataset",
) -> Transaction[Import]:
    """Take the lease on a data set, making the data set when there is none.

    Raises `Conflict` when another import has it, or when there is one that must not be there.
    """
    expires_at = now_ms() + LEASE_MS
    rows = yield datasets.FIND, tenant.project_id, name, kind
    if not rows:
        try:
            row = yield from datasets.insert(tenant, name, 0, import_id, expires_at, kind)
        except Conflict:
            raise _running(name) from None
        return Import(tenant, import_id, row["no"], 1, replaces)
    if must_be_new:
        detail = f"There is a data set named {name!r} already. Append to it, replace it, or choose another name."
        raise Conflict("dataset_exists", detail)
    taken = yield _TAKE, tenant.project_id, rows[0]["no"], import_id, expires_at, now_ms()
    if not taken:
        raise _running(name)
    leftovers = rows[0]["import_id"] is not None
    return Import(tenant, import_id, rows[0]["no"], taken[0]["version"] + 1, replaces, leftovers)


def discard(running: Import) -> Transaction[bool]:
    """Delete a part of what is staged; true when nothing is left.

    Raises `Conflict` when the lease is lost.
    """
    yield from _renew(running)
    return (yield from discard_after(running.dataset_no, running.staging - 1))


def discard_after(dataset_no: int, version: int) -> Transaction[bool]:
    """Delete a part of the rows of later versions; true when nothing is left."""
    deleted = yield _DISCARD, dataset_no, version, datasets.DELETE_ROWS
    if deleted:
        # The numbers of the deleted rows may be given to new ones, which the indexes would then take for known.
        yield "delete from dataset_key_indexes where dataset_no = $1", dataset_no
        yield "delete from dataset_keys where dataset_no = $1", dataset_no
    return len(deleted) < datasets.DELETE_ROWS


def stage(running: Import, rows: Sequence[EncodedRow], ordinal: int) -> Transaction[int]:
    """Write rows from an ordinal on, or from the next free one when that is later; the value is the one after them.

    At most 900 rows. Raises `Conflict` when the lease is lost.
    """
    yield from _renew(running)
    if not running.replaces:
        ordinal = max(ordinal, (yield from next_ordinal(running.dataset_no)))
    taken = yield from _taken_ids(running, [row.wanted_id for row in rows])
    values = []
    for place, row in enumerate(rows, ordinal):
        row_id = free_id(row.wanted_id, place, taken)
        taken.add(row_id)
        values.append((running.dataset_no, place, row_id, running.staging, None, row.text, row.hash))
    yield Many(INSERT_ROW, values)
    return ordinal + len(rows)


def publish(running: Import, columns: Sequence[Column], row_count: int) -> Transaction[Dataset]:
    """Make the staged version the current one. Raises `Conflict` when the lease is lost."""
    if running.replaces:
        yield _SUPERSEDE, running.dataset_no, running.staging
    else:
        rows = yield (
            "select columns from datasets where project_id = $1 and no = $2",
            running.tenant.project_id,
            running.dataset_no,
        )
        columns = merged(datasets.columns_of(rows[0]["columns"]) if rows else (), columns)
    rows = yield (
        _PUBLISH,
        running.tenant.project_id,
        running.dataset_no,
        running.id,
        running.staging,
        columns_text(columns),
        row_count,
        running.replaces,
        now_ms(),
    )
    if not rows:
        raise _lost()
    return datasets.dataset_of(rows[0])


def release(running: Import) -> Transaction[None]:
    """Let go of the lease without publishing."""
    yield (
        "update datasets set import_id = null, import_expires_at = null"
        " where project_id = $1 and no = $2 and import_id = $3",
        running.tenant.project_id,
        running.dataset_no,
        running.id,
    )


def next_ordinal(dataset_no: int) -> Transaction[int]:
    rows = yield "select coalesce(max(ordinal), -1) + 1 as n from dataset_rows where dataset_no = $1", dataset_no
    value: int = rows[0]["n"]
    return value


def free_id(wanted: str, ordinal: int, taken: set[str]) -> str:
    """A row's id in its data set: as wanted, or with its ordinal when another row has it."""
    return f"{wanted}#{ordinal}" if wanted in taken else wanted


def columns_text(columns: Sequence[Column]) -> str:
    return msgspec.json.encode(columns).decode()


def _taken_ids(running: Import, ids: Sequence[str]) -> Transaction[set[str]]:
    oldest = running.staging if running.replaces else 0
    sql = _TAKEN_IDS.format(ids=placeholders(len(ids), 3))
    rows: list[Any] = yield sql, running.dataset_no, oldest, *ids
    return {row["row_id"] for row in rows}


def _renew(running: Import) -> Transaction[None]:
    rows = yield (_RENEW, running.tenant.project_id, running.dataset_no, running.id, now_ms() + LEASE_MS)
    if not rows:
        raise _lost()


def _running(name: str) -> Conflict:
    detail = f"Another import into {name!r} is running. Try again when it has ended."
    return Conflict("import_running", detail, retry_after_seconds=LEASE_MS / 1000)


def _lost() -> Conflict:
    detail = "The data set was deleted, or another import took its place. Nothing of this import was kept."
    return Conflict("import_lost", detail)
