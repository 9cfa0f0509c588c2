"""Data sets: found by id and name, listed, deleted, exported, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.datasets.formats import Format
from penstock.datasets.model import AllRows, Column
from penstock.datasets.service import Datasets
from penstock.errors import Conflict, Invalid, NotFound
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.types import JsonObject, Tenant

ROWS: list[JsonObject] = [{"id": number, "text": f"text {number}"} for number in range(600)]


async def test_a_data_set_is_found_by_id_and_by_name(datasets: Datasets, tenant: Tenant) -> None:
    created = (await datasets.create(tenant, "words", ROWS)).dataset
    assert await datasets.get(tenant, created.id) == await datasets.get(tenant, "words") == created


async def test_a_name_cannot_be_the_id_of_another(datasets: Datasets, tenant: Tenant) -> None:
    created = (await datasets.create(tenant, "words", ROWS)).dataset
    with pytest.raises(Conflict):
        await datasets.create(tenant, created.id)


async def test_lists_page_by_name(datasets: Datasets, tenant: Tenant) -> None:
    for name in ("b", "c", "a"):
        await datasets.create(tenant, name)
    assert [dataset.name for dataset in await datasets.list(tenant)] == ["a", "b", "c"]
    assert [dataset.name for dataset in await datasets.list(tenant, after_name="a", limit=1)] == ["b"]


async def test_pages_continue_behind_an_ordinal(datasets: Datasets, tenant: Tenant) -> None:
    created = (await datasets.create(tenant, "words", ROWS)).dataset
    first = await datasets.rows(tenant, created.id, version=1, limit=250)
    second = await datasets.rows(tenant, created.id, version=1, after_ordinal=first[-1].ordinal, limit=250)
    assert [row.data for row in [*first, *second]] == ROWS[:500]


async def test_another_project_reaches_nothing_by_id(datasets: Datasets, tenant: Tenant) -> None:
    created = (await datasets.create(tenant, "words", ROWS)).dataset
    other = Tenant("org", "other")
    for attempt in (datasets.get(other, created.id), datasets.delete(other, created.id), datasets.pin(other, "words")):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        await anext(datasets.export(other, created.id, "csv"))
    assert await datasets.rows(other, created.id, version=1) == []
    assert await datasets.count(other, created.id, 1) == 0
    assert await datasets.list(other) == []
    assert await datasets.get(tenant, "words") == created


async def test_a_deleted_data_set_is_gone_with_its_rows_and_its_name_is_free(
    datasets: Datasets, tenant: Tenant, store: SqliteStore
) -> None:
    created = (await datasets.create(tenant, "words", ROWS)).dataset
    await datasets.write_row(tenant, "words", {"id": 1}, mode="upsert", keys=("id",), origin="o")
    await datasets.delete(tenant, created.id)
    with pytest.raises(NotFound):
        await datasets.get(tenant, "words")
    for table in ("datasets", "dataset_rows", "dataset_keys", "dataset_key_indexes"):
        assert await store.read(rows_of(f"select 1 as n from {table}")) == []
    assert (await datasets.create(tenant, "words", ROWS)).dataset.version == 1


async def test_columns_are_converted_as_a_new_version(datasets: Datasets, tenant: Tenant) -> None:
    created = (await datasets.create(tenant, "words", ROWS)).dataset
    report = await datasets.update_columns(tenant, "words", {"id": "string"})
    assert report.dataset.columns == (Column("id", "string"), Column("text", "string"))
    assert (report.dataset.id, report.dataset.version, report.dataset.row_count) == (created.id, 2, 600)
    old = await datasets.rows(tenant, created.id, version=1, limit=1)
    new = await datasets.rows(tenant, created.id, version=2, limit=1)
    assert (old[0].data["id"], new[0].data["id"]) == (0, "0")


async def test_columns_that_cannot_be_converted_stay(datasets: Datasets, tenant: Tenant) -> None:
    created = (await datasets.create(tenant, "words", [{"a": "1"}, {"a": "x"}])).dataset
    with pytest.raises(Invalid) as refused:
        await datasets.update_columns(tenant, "words", {"a": "integer"})
    assert [(error.line, error.message) for error in refused.value.errors] == [(2, "column 'a': 'x' is not an integer")]
    with pytest.raises(Invalid, match="does not exist"):
        await datasets.update_columns(tenant, "words", {"b": "integer"})
    assert (await datasets.get(tenant, "words")).version == created.version
    assert await datasets.count(tenant, created.id, created.version) == 2


@pytest.mark.parametrize("file_format", ["csv", "json", "jsonl", "parquet"])
async def test_an_export_imports_again_as_the_same_rows(
    datasets: Datasets, tenant: Tenant, tmp_path: Path, file_format: Format
) -> None:
    await datasets.create(tenant, "words", ROWS)
    path = tmp_path / "export"
    path.write_bytes(b"".join([piece async for piece in datasets.export(tenant, "words", file_format)]))
    report = await datasets.import_file(tenant, "again", path, file_format)
    pages = datasets.select(tenant, report.dataset.id, 1, AllRows())
    assert [row.data async for rows in pages for row in rows] == ROWS


async def test_an_old_version_can_be_exported_and_an_unknown_one_cannot(datasets: Datasets, tenant: Tenant) -> None:
    await datasets.create(tenant, "words", ROWS[:1])
    await datasets.update_columns(tenant, "words", {"id": "string"})
    old = b"".join([piece async for piece in datasets.export(tenant, "words", "jsonl", version=1)])
    assert old == b'{"id":0,"text":"text 0"}\n'
    with pytest.raises(NotFound, match="no version 3; its latest is 2"):
        await anext(datasets.export(tenant, "words", "jsonl", version=3))


async def test_rows_that_are_written_during_an_export_are_not_in_it(datasets: Datasets, tenant: Tenant) -> None:
    await datasets.create(tenant, "words", ROWS)
    export = datasets.export(tenant, "words", "jsonl")
    pieces = [await anext(export)]
    await datasets.write_row(tenant, "words", {"text": "late"}, mode="append", keys=(), origin="o")
    pieces += [piece async for piece in export]
    assert b"".join(pieces).count(b"\n") == 600
    assert (await datasets.get(tenant, "words")).row_count == 601


@pytest.mark.parametrize("name", ["", " a", "a/b", "a\nb", "x" * 121])
async def test_a_name_that_is_none_is_refused(datasets: Datasets, tenant: Tenant, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        await datasets.create(tenant, name)
    assert refused.value.errors[0].path == "name"
