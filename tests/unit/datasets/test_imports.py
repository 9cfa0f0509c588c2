"""Imports: whole or not at all, whatever is wrong with the file and whenever the program dies."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.clock import now_ms
from penstock.datasets.identity import encode_row
from penstock.datasets.imports import ImportOptions, run_import
from penstock.datasets.model import AllRows, BadLine, Column, SourceRow
from penstock.datasets.service import Datasets
from penstock.errors import Conflict, Invalid, NotFound
from penstock.storage import dataset_imports
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.types import Json, JsonObject, Tenant


async def everything(datasets: Datasets, tenant: Tenant, name: str, version: int | None = None) -> list[JsonObject]:
    dataset = await datasets.get(tenant, name)
    pages = datasets.select(tenant, dataset.id, version or dataset.version, AllRows())
    return [row.data async for rows in pages for row in rows]


async def rows_stored(store: SqliteStore) -> int:
    rows = await store.read(rows_of("select count(*) as n from dataset_rows"))
    count: int = rows[0]["n"]
    return count


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("id,text\n1,one\n2,two\n3,three\n")
    return path


@pytest.fixture
def bad_csv(tmp_path: Path) -> Path:
    path = tmp_path / "bad.csv"
    lines = ["id,text", *(f"{number},fine" for number in range(1200)), "only one cell", "1201,fine", "a,b,c"]
    path.write_text("\n".join(lines))
    return path


async def test_a_file_becomes_version_one(datasets: Datasets, tenant: Tenant, csv: Path) -> None:
    report = await datasets.import_file(tenant, "words", csv, "csv")
    assert (report.rows, report.skipped, report.error_count) == (3, 0, 0)
    assert report.dataset == await datasets.get(tenant, "words")
    assert report.dataset.columns == (Column("id", "integer"), Column("text", "string"))
    assert (report.dataset.version, report.dataset.row_count) == (1, 3)
    rows = await datasets.rows(tenant, report.dataset.id, version=1)
    assert [(row.row_id, row.data) for row in rows] == [
        ("1", {"id": 1, "text": "one"}),
        ("2", {"id": 2, "text": "two"}),
        ("3", {"id": 3, "text": "three"}),
    ]


async def test_bad_lines_are_all_named_and_nothing_is_left(
    datasets: Datasets, tenant: Tenant, store: SqliteStore, bad_csv: Path
) -> None:
    with pytest.raises(Invalid) as refused:
        await datasets.import_file(tenant, "words", bad_csv, "csv")
    assert refused.value.code == "bad_lines"
    assert [(error.path, error.line, error.message) for error in refused.value.errors] == [
        ("line 1202", 1202, "expected 2 cells, got 1"),
        ("line 1204", 1204, "expected 2 cells, got 3"),
    ]
    assert await rows_stored(store) == 0
    assert await datasets.list(tenant) == []


@pytest.mark.parametrize("mode", ["append", "replace"])
async def test_a_refused_import_leaves_the_version_before_as_it_was(
    datasets: Datasets, tenant: Tenant, store: SqliteStore, csv: Path, bad_csv: Path, mode: str
) -> None:
    before = (await datasets.import_file(tenant, "words", csv, "csv")).dataset
    with pytest.raises(Invalid):
        await datasets.import_file(tenant, "words", bad_csv, "csv", mode=mode)  # type: ignore[arg-type]
    assert await datasets.get(tenant, "words") == before
    assert len(await everything(datasets, tenant, "words")) == 3
    assert await rows_stored(store) == 3
    assert (await datasets.import_file(tenant, "words", csv, "csv", mode="append")).dataset.version == 2


async def test_bad_lines_are_skipped_when_that_is_wanted(datasets: Datasets, tenant: Tenant, bad_csv: Path) -> None:
    report = await datasets.import_file(tenant, "words", bad_csv, "csv", on_bad="skip")
    assert (report.rows, report.skipped, report.error_count) == (1201, 2, 2)
    assert [error.line for error in report.errors] == [1202, 1204]
    assert len(await everything(datasets, tenant, "words")) == 1201


async def test_only_the_first_hundred_bad_lines_are_named(datasets: Datasets, tenant: Tenant, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("nonsense\n" * 250 + '{"a": 1}\n')
    report = await datasets.import_file(tenant, "skipped", path, "jsonl", on_bad="skip")
    assert (report.rows, len(report.errors), report.error_count) == (1, 100, 250)
    with pytest.raises(Invalid, match="At least 100") as refused:
        await datasets.import_file(tenant, "refused", path, "jsonl")
    assert len(refused.value.errors) == 100


async def test_a_file_that_cannot_be_read_on_is_refused_even_when_skipping(
    datasets: Datasets, tenant: Tenant, store: SqliteStore, tmp_path: Path
) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"a": 1},\n{"a": }]')
    with pytest.raises(Invalid, match="Line 2"):
        await datasets.import_file(tenant, "words", path, "json", on_bad="skip")
    assert await rows_stored(store) == 0
    assert await datasets.list(tenant) == []


async def test_append_adds_and_replace_takes_the_place(datasets: Datasets, tenant: Tenant, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for version, (mode, text) in enumerate([("create", "a"), ("append", "b"), ("replace", "c"), ("append", "d")], 1):
        path.write_text(f'{{"text": "{text}"}}\n')
        report = await datasets.import_file(tenant, "words", path, "jsonl", mode=mode)  # type: ignore[arg-type]
        assert report.dataset.version == version
    assert report.dataset.row_count == 2
    texts = [[row["text"] for row in await everything(datasets, tenant, "words", version)] for version in (1, 2, 3, 4)]
    assert texts == [["a"], ["a", "b"], ["c"], ["c", "d"]]


@pytest.mark.parametrize("mode", ["append", "replace"])
async def test_appending_to_and_replacing_nothing_creates(
    datasets: Datasets, tenant: Tenant, csv: Path, mode: str
) -> None:
    report = await datasets.import_file(tenant, "words", csv, "csv", mode=mode)  # type: ignore[arg-type]
    assert (report.dataset.version, report.dataset.row_count) == (1, 3)


async def test_a_name_is_taken_once_in_a_project(datasets: Datasets, tenant: Tenant, csv: Path) -> None:
    await datasets.import_file(tenant, "words", csv, "csv")
    with pytest.raises(Conflict, match="'words'"):
        await datasets.import_file(tenant, "words", csv, "csv")
    report = await datasets.import_file(Tenant("org", "other"), "words", csv, "csv")
    assert report.dataset.row_count == 3


async def test_equal_rows_have_ids_of_their_own_and_a_row_keeps_its_id(datasets: Datasets, tenant: Tenant) -> None:
    rows: list[JsonObject] = [{"a": 1}, {"a": 1}, {"id": "x", "a": 1}, {"id": "x", "a": 2}, {"a": 1}]
    ids = []
    for name in ("one", "two"):
        report = await datasets.create(tenant, name, rows)
        ids.append([row.row_id for row in await datasets.rows(tenant, report.dataset.id, version=1)])
    content = ids[0][0]
    assert ids[0] == [content, f"{content}#1", "x", "x#3", f"{content}#4"]
    assert ids[1] == ids[0]


async def test_ids_stay_apart_over_batches_and_appends(datasets: Datasets, tenant: Tenant) -> None:
    report = await datasets.create(tenant, "same", [{"a": 1}] * 1300)
    rows = [row async for page in datasets.select(tenant, report.dataset.id, 1, AllRows()) for row in page]
    assert len({row.row_id for row in rows}) == 1300
    assert [row.ordinal for row in rows] == list(range(1300))


async def test_types_are_shown_and_can_be_overridden(datasets: Datasets, tenant: Tenant, csv: Path) -> None:
    report = await datasets.import_file(tenant, "words", csv, "csv", types={"id": "string"})
    assert report.dataset.columns[0] == Column("id", "string")
    assert (await everything(datasets, tenant, "words"))[0] == {"id": "1", "text": "one"}
    with pytest.raises(Invalid, match="not a column type"):
        await datasets.import_file(tenant, "other", csv, "csv", types={"id": "float"})
    with pytest.raises(Invalid) as refused:
        await datasets.import_file(tenant, "other", csv, "csv", types={"idd": "string"})
    assert [error.path for error in refused.value.errors] == ["types.idd"]
    assert len(await datasets.list(tenant)) == 1


async def test_an_append_widens_the_columns(datasets: Datasets, tenant: Tenant, tmp_path: Path, csv: Path) -> None:
    await datasets.import_file(tenant, "words", csv, "csv")
    path = tmp_path / "more.jsonl"
    path.write_text('{"id": 4.5, "extra": true}\n')
    report = await datasets.import_file(tenant, "words", path, "jsonl", mode="append")
    assert report.dataset.columns == (Column("id", "number"), Column("text", "string"), Column("extra", "boolean"))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"a": "half \ud800"}, "surrogate"),
        ({"a": "x" * 5_000_000}, "limit"),
        ({str(number): 1 for number in range(1001)}, "limit is 1000"),
    ],
)
async def test_a_row_that_cannot_be_stored_is_a_bad_line(
    datasets: Datasets, tenant: Tenant, row: dict[str, Json], words: str
) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        await datasets.create(tenant, "rows", [{"a": 1}, row])
    assert refused.value.errors[0].line == 2


async def test_a_second_import_into_a_data_set_is_told_to_wait(
    datasets: Datasets, tenant: Tenant, store: SqliteStore, csv: Path
) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[SourceRow | BadLine]:
        yield SourceRow(1, {"a": 1})
        started.set()
        go_on.wait(30)
        yield SourceRow(2, {"a": 2})

    first = asyncio.create_task(run_import(store, tenant, "words", slow(), ImportOptions()))  # type: ignore[arg-type]
    await asyncio.to_thread(started.wait, 30)
    assert await datasets.list(tenant) == []
    with pytest.raises(NotFound):
        await datasets.get(tenant, "words")
    with pytest.raises(Conflict) as refused:
        await datasets.import_file(tenant, "words", csv, "csv", mode="append")
    assert refused.value.code == "import_running"
    go_on.set()
    assert (await first).rows == 2


async def test_an_append_waits_its_turn_and_the_rows_come_behind_the_others(
    datasets: Datasets, tenant: Tenant, store: SqliteStore, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f'{{"n": {number}}}\n' for number in range(400)))
    await datasets.import_file(tenant, "numbers", path, "jsonl")
    begin = dataset_imports.begin(tenant, "numbers", "other", must_be_new=False, replaces=False)
    other = await store.write(begin)
    with pytest.raises(Conflict, match="Another import into 'numbers'"):
        await datasets.import_file(tenant, "numbers", path, "jsonl", mode="append")
    await store.write(dataset_imports.release(other))
    await datasets.import_file(tenant, "numbers", path, "jsonl", mode="append")
    assert [row["n"] for row in await everything(datasets, tenant, "numbers")] == [*range(400), *range(400)]


async def test_a_cancelled_import_leaves_nothing(datasets: Datasets, tenant: Tenant, store: SqliteStore) -> None:
    started, go_on = threading.Event(), threading.Event()

    def endless() -> Iterator[SourceRow | BadLine]:
        for number in range(10_000):
            yield SourceRow(number, {"a": number})
            if number == 700:
                started.set()
                go_on.wait(30)

    running = asyncio.create_task(run_import(store, tenant, "words", endless(), ImportOptions()))  # type: ignore[arg-type]
    await asyncio.to_thread(started.wait, 30)
    running.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    await datasets.create(tenant, "words", [{"a": 1}])
    assert await rows_stored(store) == 1


async def crash(store: SqliteStore, tenant: Tenant, name: str, *, replaces: bool) -> None:
    """Leave what an import leaves that was killed long ago after staging rows."""
    begin = dataset_imports.begin(tenant, name, "dead", must_be_new=False, replaces=replaces)
    running = await store.write(begin)
    await store.write(dataset_imports.stage(running, [encode_row({"left": n}) for n in range(100)], 0))
    await store.write(rows_of("update datasets set import_expires_at = $1 where import_id = 'dead'", now_ms() - 1))


@pytest.mark.parametrize("replaces", [False, True])
async def test_what_a_crash_left_is_never_seen_and_goes_at_the_next_import(
    datasets: Datasets, tenant: Tenant, store: SqliteStore, csv: Path, replaces: bool
) -> None:
    before = (await datasets.import_file(tenant, "words", csv, "csv")).dataset
    await crash(store, tenant, "words", replaces=replaces)
    assert await datasets.get(tenant, "words") == before
    assert len(await everything(datasets, tenant, "words")) == 3
    assert await datasets.rows(tenant, before.id, version=2) == []
    report = await datasets.import_file(tenant, "words", csv, "csv", mode="append")
    assert report.dataset.row_count == 6
    assert len(await everything(datasets, tenant, "words")) == 6
    assert await rows_stored(store) == 6


async def test_a_data_set_that_a_crash_left_half_made_goes_at_the_next_import(
    datasets: Datasets, tenant: Tenant, store: SqliteStore, csv: Path
) -> None:
    await crash(store, tenant, "words", replaces=False)
    assert await datasets.list(tenant) == []
    report = await datasets.import_file(tenant, "words", csv, "csv")
    assert (report.dataset.version, report.dataset.row_count) == (1, 3)
    assert await rows_stored(store) == 3


async def test_an_import_into_a_data_set_that_is_deleted_meanwhile_fails(
    datasets: Datasets, tenant: Tenant, store: SqliteStore, csv: Path
) -> None:
    await datasets.import_file(tenant, "words", csv, "csv")
    started, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[SourceRow | BadLine]:
        started.set()
        go_on.wait(30)
        yield SourceRow(1, {"a": 1})

    options = ImportOptions("append")
    running = asyncio.create_task(run_import(store, tenant, "words", slow(), options))  # type: ignore[arg-type]
    await asyncio.to_thread(started.wait, 30)
    await datasets.delete(tenant, "words")
    go_on.set()
    with pytest.raises(Conflict, match="deleted"):
        await running
    assert await rows_stored(store) == 0
