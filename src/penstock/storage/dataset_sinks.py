"""Rows that sinks write, one at a time, each exactly once.

A row carries its origin (execution, item, node, round); a repeat finds the row of its origin and writes nothing. Every
write holds the data set's row, so writers of one data set take turns. Work that would hold everybody up (bringing an
index up to date, discarding what a dead import left) is done in parts: a write that did a part answers None, and is
called again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.datasets.columns import ColumnTypes
from penstock.datasets.identity import encode_row, key_hash
from penstock.datasets.model import DatasetRow, SinkMode
from penstock.errors import Conflict, StepError
from penstock.storage import datasets
from penstock.storage.dataset_imports import INSERT_ROW, columns_text, discard_after, free_id, next_ordinal
from penstock.storage.store import Many, Transaction
from penstock.types import Json, Tenant

INDEX_ROWS = 1000

_BY_ORIGIN = "select ordinal, row_id, data, hash from dataset_rows where dataset_no = $1 and origin = $2"

_BY_KEY = """
select r.no, r.ordinal, r.row_id, r.data, r.hash
from dataset_keys k join dataset_rows r on r.no = k.row_no
where k.dataset_no = $1 and k.hash = $2 and r.dataset_no = $1 and r.version_to is null and r.version_from <= $3
limit 2
"""

_NOT_INDEXED = "select no, data from dataset_rows where dataset_no = $1 and no > $2 order by no limit $3"

_ADVANCE = """
insert into dataset_key_indexes (dataset_no, columns, last_no) values ($1, $2, $3)
on conflict (dataset_no, columns) do update set last_no = excluded.last_no
"""

_TOUCH = """
update datasets set version = $3, columns = $4, row_count = row_count + $5, updated_at = $6
where project_id = $1 and no = $2
"""


@dataclass(frozen=True, slots=True)
class SinkWrite:
    """A row to write into `target` (an id or a name). `keys`, sorted, find the row to update."""

    target: str
    row: Mapping[str, Json]
    mode: SinkMode
    keys: tuple[str, ...]
    origin: str


def write_row(tenant: Tenant, write: SinkWrite) -> Transaction[DatasetRow | None]:
    """Write a row, or do a part of what must be done before; see above for None.

    Raises `StepError`: `dataset_importing` (retryable), `sink_key_missing`, `sink_row_missing`, `sink_key_ambiguous`,
    `row_invalid`.
    """
    dataset = yield from _lock(tenant, write.target)
    written = yield _BY_ORIGIN, dataset["no"], write.origin
    if written:
        return datasets.row_of(written[0])
    version: int = dataset["version"]
    if version == dataset["sealed_version"]:
        if dataset["import_id"] is not None and not (yield from _clear_import(dataset)):
            return None
        version += 1
    old = None
    if write.mode != "append":
        if not (yield from _bring_up_to_date(dataset["no"], write.keys)):
            return None
        old = yield from _find(dataset["no"], version, write)
    row = yield from _insert(dataset["no"], version, write, old)
    types = ColumnTypes(datasets.columns_of(dataset["columns"]))
    try:
        types.learn(row.data)
    except ValueError as error:
        raise _invalid(error) from error
    added = 1 if old is None else 0
    yield _TOUCH, tenant.project_id, dataset["no"], version, columns_text(types.columns), added, now_ms()
    return row


def _lock(tenant: Tenant, target: str) -> Transaction[Any]:
    rows = yield datasets.FIND, tenant.project_id, target, "dataset"
    if not rows:
        try:
            return (yield from datasets.insert(tenant, target, 1))
        except Conflict:
            raise _importing(target) from None
    # Read again by the update: on PostgreSQL another writer may have been in between.
    rows = yield (
        "update datasets set updated_at = updated_at where project_id = $1 and no = $2 returning *",
        tenant.project_id,
        rows[0]["no"],
    )
    return rows[0]


def _clear_import(dataset: Any) -> Transaction[bool]:
    # The next version belongs to the import as long as it lives; what a dead one left there must not come to light.
    if dataset["import_expires_at"] >= now_ms():
        raise _importing(dataset["name"])
    empty = yield from discard_after(dataset["no"], dataset["version"])
    if empty:
        sql = "update datasets set import_id = null where project_id = $1 and no = $2"
        yield sql, dataset["project_id"], dataset["no"]
    return empty


def _importing(name: str) -> StepError:
    message = f"Data set {name!r} is being imported into; its next version is not open yet."
    return StepError("dataset_importing", message, retryable=True, retry_after_seconds=5)


def _bring_up_to_date(dataset_no: int, keys: tuple[str, ...]) -> Transaction[bool]:
    """Index rows that are not indexed yet by these keys; true when none are left."""
    columns = msgspec.json.encode(keys).decode()
    sql = "select last_no from dataset_key_indexes where dataset_no = $1 and columns = $2"
    known = yield sql, dataset_no, columns
    rows = yield _NOT_INDEXED, dataset_no, known[0]["last_no"] if known else 0, INDEX_ROWS
    if not rows:
        return True
    hashes = [(dataset_no, key_hash(msgspec.json.decode(row["data"]), keys), row["no"]) for row in rows]
    yield Many(
        "insert into dataset_keys (dataset_no, hash, row_no) values ($1, $2, $3)",
        [entry for entry in hashes if entry[1] is not None],
    )
    yield _ADVANCE, dataset_no, columns, rows[-1]["no"]
    return len(rows) < INDEX_ROWS


def _find(dataset_no: int, version: int, write: SinkWrite) -> Transaction[Any]:
    """The row to update, or None where an upsert inserts."""
    wanted = key_hash(write.row, write.keys)
    if wanted is None:
        message = f"The row has no value in every key column ({', '.join(write.keys)}), so no row can be found by it."
        raise StepError("sink_key_missing", message)
    rows = yield _BY_KEY, dataset_no, wanted, version
    if len(rows) > 1:
        message = f"More than one row of {write.target!r} has these values in {', '.join(write.keys)}; nothing written."
        raise StepError("sink_key_ambiguous", message)
    if rows:
        yield (
            "delete from dataset_keys where dataset_no = $1 and hash = $2 and row_no = $3",
            dataset_no,
            wanted,
            rows[0]["no"],
        )
        return rows[0]
    if write.mode == "update":
        message = f"No row of {write.target!r} has these values in {', '.join(write.keys)}. Use `upsert` to add it."
        raise StepError("sink_row_missing", message)
    return None


def _insert(dataset_no: int, version: int, write: SinkWrite, old: Any) -> Transaction[DatasetRow]:
    data = {**(msgspec.json.decode(old["data"]) if old else {}), **write.row}
    try:
        row = encode_row(data)
    except ValueError as error:
        raise _invalid(error) from error
    if old:
        ordinal, row_id = old["ordinal"], old["row_id"]
        yield "update dataset_rows set version_to = $2 where no = $1", old["no"], version
    else:
        ordinal = yield from next_ordinal(dataset_no)
        same = yield (
            "select 1 as n from dataset_rows where dataset_no = $1 and row_id = $2 and version_to is null limit 1",
            dataset_no,
            row.wanted_id,
        )
        row_id = free_id(row.wanted_id, ordinal, {row.wanted_id} if same else set())
    yield INSERT_ROW, dataset_no, ordinal, row_id, version, write.origin, row.text, row.hash
    return DatasetRow(ordinal, row_id, data, row.hash)


def _invalid(error: ValueError) -> StepError:
    return StepError("row_invalid", f"The row cannot be stored: {error}.")
