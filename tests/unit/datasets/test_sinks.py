"""Rows that sinks write: exactly once, seen at once, and never by a reader of a pinned version."""

from __future__ import annotations

import asyncio

import pytest

from penstock.datasets.identity import encode_row
from penstock.datasets.model import AllRows, Column, DatasetRow, SinkMode
from penstock.datasets.service import Datasets
from penstock.errors import StepError
from penstock.storage import dataset_imports, dataset_sinks
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.types import JsonObject, Tenant


class Sink:
    """Writes rows under origins of their own, and reads what is there."""

    def __init__(self, datasets: Datasets, tenant: Tenant) -> None:
        self.datasets = datasets
        self.tenant = tenant
        self.number = 0

    async def write(
        self, row: JsonObject, mode: SinkMode = "append", keys: tuple[str, ...] = (), origin: str | None = None
    ) -> DatasetRow:
        self.number += 1
        origin = origin or f"exec:{self.number}:sink:0"
        return await self.datasets.write_row(self.tenant, "out", row, mode=mode, keys=keys, origin=origin)

    async def rows(self, version: int | None = None) -> list[DatasetRow]:
        dataset = await self.datasets.get(self.tenant, "out")
        pages = self.datasets.select(self.tenant, dataset.id, version or dataset.version, AllRows())
        return [row async for rows in pages for row in rows]

    async def data(self, version: int | None = None) -> list[JsonObject]:
        return [row.data for row in await self.rows(version)]


@pytest.fixture
def sink(datasets: Datasets, tenant: Tenant) -> Sink:
    return Sink(datasets, tenant)


async def test_a_missing_target_is_created_with_its_columns(sink: Sink) -> None:
    await sink.write({"a": 1})
    await sink.write({"a": 2.5, "b": [1]})
    dataset = await sink.datasets.get(sink.tenant, "out")
    assert (dataset.version, dataset.row_count) == (1, 2)
    assert dataset.columns == (Column("a", "number"), Column("b", "array"))
    assert await sink.data() == [{"a": 1}, {"a": 2.5, "b": [1]}]


async def test_a_repeat_finds_its_row_and_writes_nothing(sink: Sink) -> None:
    first = await sink.write({"a": 1}, origin="exec:1:sink:0")
    again = await sink.write({"a": "something else"}, origin="exec:1:sink:0")
    assert again == first
    assert await sink.rows() == [first]
    assert (await sink.datasets.get(sink.tenant, "out")).row_count == 1


async def test_a_repeat_of_an_update_does_not_undo_what_came_after_it(sink: Sink) -> None:
    await sink.write({"k": 1, "v": "first"})
    await sink.write({"k": 1, "v": "second"}, "upsert", ("k",), "o1")
    await sink.write({"k": 1, "v": "third"}, "upsert", ("k",), "o2")
    assert (await sink.write({"k": 1, "v": "second"}, "upsert", ("k",), "o1")).data["v"] == "second"
    assert await sink.data() == [{"k": 1, "v": "third"}]


async def test_writers_at_the_same_time_lose_and_double_nothing(sink: Sink) -> None:
    await asyncio.gather(*(sink.write({"n": number % 50}, origin=f"o{number % 50}") for number in range(200)))
    rows = await sink.rows()
    assert sorted(str(row.data["n"]) for row in rows) == sorted(map(str, range(50)))
    assert len({row.ordinal for row in rows}) == len({row.row_id for row in rows}) == 50


async def test_upserts_at_the_same_time_meet_in_one_row_per_key(sink: Sink) -> None:
    await asyncio.gather(*(sink.write({"k": number % 7, "n": number}, "upsert", ("k",)) for number in range(70)))
    rows = await sink.data()
    assert sorted(str(row["k"]) for row in rows) == list("0123456")
    assert (await sink.datasets.get(sink.tenant, "out")).row_count == 7


async def test_an_update_merges_into_the_row_and_keeps_its_place_and_id(sink: Sink) -> None:
    await sink.datasets.create(sink.tenant, "out", [{"id": "x", "a": 1}, {"id": "y", "a": 2}, {"id": "z", "a": 3}])
    written = await sink.write({"a": 2, "b": "new"}, "update", ("a",))
    assert (written.row_id, written.data) == ("y", {"id": "y", "a": 2, "b": "new"})
    assert [row.row_id for row in await sink.rows()] == ["x", "y", "z"]
    assert (await sink.datasets.get(sink.tenant, "out")).row_count == 3


async def test_rows_are_found_by_any_key_columns_whoever_wrote_them(sink: Sink) -> None:
    await sink.datasets.create(sink.tenant, "out", [{"mail": f"m{n}", "lang": "de", "n": n} for n in range(2500)])
    assert (await sink.write({"lang": "de", "mail": "m2400", "hit": 1}, "update", ("mail", "lang"))).data["n"] == 2400
    await sink.write({"mail": "m9999", "lang": "en"})
    assert (await sink.write({"mail": "m9999", "hit": 2}, "update", ("mail",))).data["lang"] == "en"
    assert (await sink.write({"mail": "m9999", "lang": "en", "hit": 3}, "upsert", ("lang", "mail"))).data["hit"] == 3
    assert (await sink.datasets.get(sink.tenant, "out")).row_count == 2501


async def test_a_whole_number_meets_itself_as_a_float(sink: Sink) -> None:
    await sink.write({"k": 1.0})
    await sink.write({"k": 1, "v": 1}, "update", ("k",))
    assert len(await sink.rows()) == 1


@pytest.mark.parametrize(
    ("row", "mode", "code"),
    [
        ({"v": 1}, "upsert", "sink_key_missing"),
        ({"k": None}, "update", "sink_key_missing"),
        ({"k": 3}, "update", "sink_row_missing"),
        ({"k": 1}, "upsert", "sink_key_ambiguous"),
        ({"k": 2, "v": "\ud800"}, "upsert", "row_invalid"),
        ({"k": 2, "v": "x" * 5_000_000}, "append", "row_invalid"),
        ({"k": 2} | {str(n): n for n in range(1000)}, "append", "row_invalid"),
    ],
)
async def test_a_write_that_makes_no_sense_is_an_error_of_the_item_and_writes_nothing(
    sink: Sink, row: JsonObject, mode: SinkMode, code: str
) -> None:
    await sink.datasets.create(sink.tenant, "out", [{"k": 1, "n": 1}, {"k": 1, "n": 2}, {"k": 2}])
    before = await sink.rows()
    with pytest.raises(StepError) as refused:
        await sink.write(row, mode, () if mode == "append" else ("k",))
    assert (refused.value.code, refused.value.retryable) == (code, False)
    assert await sink.rows() == before


async def test_a_name_that_is_none_is_an_error_of_the_item(sink: Sink) -> None:
    with pytest.raises(StepError) as refused:
        await sink.datasets.write_row(sink.tenant, "a/b", {}, mode="append", keys=(), origin="o")
    assert refused.value.code == "name_invalid"


async def test_a_pinned_version_never_changes(sink: Sink) -> None:
    await sink.write({"k": 1, "v": "old"})
    await sink.write({"k": 2, "v": "old"})
    pinned = await sink.datasets.pin(sink.tenant, "out")
    assert pinned.version == 1
    await sink.write({"k": 1, "v": "new"}, "upsert", ("k",))
    await sink.write({"k": 3, "v": "new"})
    assert (await sink.datasets.get(sink.tenant, "out")).version == 2
    assert await sink.data(1) == [{"k": 1, "v": "old"}, {"k": 2, "v": "old"}]
    assert await sink.data(2) == [{"k": 1, "v": "new"}, {"k": 2, "v": "old"}, {"k": 3, "v": "new"}]


async def test_a_flow_that_writes_what_it_reads_does_not_meet_its_own_rows(sink: Sink) -> None:
    await sink.datasets.create(sink.tenant, "out", [{"n": number} for number in range(300)])
    source = await sink.datasets.pin(sink.tenant, "out")
    read = 0
    async for rows in sink.datasets.select(sink.tenant, source.id, source.version, AllRows()):
        for row in rows:
            read += 1
            await sink.write({"n": row.data["n"], "copied": True})
    assert read == 300
    assert len(await sink.rows()) == 600


async def test_another_project_has_a_target_of_its_own(sink: Sink, datasets: Datasets) -> None:
    await sink.write({"a": 1})
    other = Sink(datasets, Tenant("org", "other"))
    await other.write({"a": 2})
    assert await sink.data() == [{"a": 1}]
    assert await other.data() == [{"a": 2}]


async def test_rows_written_while_an_import_runs_are_in_its_version_too(sink: Sink, store: SqliteStore) -> None:
    await sink.write({"n": 1})
    begin = dataset_imports.begin(sink.tenant, "out", "import", must_be_new=False, replaces=False)
    running = await store.write(begin)
    await sink.write({"n": 2})
    dataset = await store.write(dataset_imports.publish(running, (), 0))
    assert (dataset.version, dataset.row_count) == (2, 2)
    assert await sink.data() == [{"n": 1}, {"n": 2}]


async def test_behind_a_pinned_version_a_writer_waits_for_the_import(sink: Sink, store: SqliteStore) -> None:
    await sink.write({"n": 1})
    await sink.datasets.pin(sink.tenant, "out")
    begin = dataset_imports.begin(sink.tenant, "out", "import", must_be_new=False, replaces=False)
    running = await store.write(begin)
    with pytest.raises(StepError) as refused:
        await sink.write({"n": 2})
    assert (refused.value.code, refused.value.retryable) == ("dataset_importing", True)
    await store.write(dataset_imports.publish(running, (), 0))
    await sink.write({"n": 2})
    assert await sink.data() == [{"n": 1}, {"n": 2}]


async def test_behind_a_dead_import_a_writer_clears_up_and_goes_on(sink: Sink, store: SqliteStore) -> None:
    await sink.write({"n": 1})
    await sink.datasets.pin(sink.tenant, "out")
    begin = dataset_imports.begin(sink.tenant, "out", "dead", must_be_new=False, replaces=False)
    running = await store.write(begin)
    await store.write(dataset_imports.stage(running, [encode_row({"left": n}) for n in range(500)], 0))
    await store.write(rows_of("update datasets set import_expires_at = 0 where import_id = 'dead'"))
    await sink.write({"n": 2})
    assert await sink.data() == [{"n": 1}, {"n": 2}]
    await sink.write({"n": 2, "v": 1}, "update", ("n",))
    assert await sink.data() == [{"n": 1}, {"n": 2, "v": 1}]


async def test_rows_are_found_whose_numbers_belonged_to_rows_of_a_refused_import(
    sink: Sink, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_sinks, "INDEX_ROWS", 10)
    await sink.write({"k": "old"})
    begin = dataset_imports.begin(sink.tenant, "out", "import", must_be_new=False, replaces=False)
    running = await store.write(begin)
    await store.write(dataset_imports.stage(running, [encode_row({"k": f"staged {n}"}) for n in range(50)], 0))
    with pytest.raises(StepError, match="No row"):
        await sink.write({"k": "staged 3"}, "update", ("k",))
    assert await store.write(dataset_imports.discard(running))
    await store.write(dataset_imports.release(running))
    for number in range(5):
        await sink.write({"k": f"new {number}"})
    for number in range(5):
        await sink.write({"k": f"new {number}", "v": number}, "update", ("k",))
    assert [row.get("v") for row in await sink.data()] == [None, 0, 1, 2, 3, 4]


async def test_work_that_takes_long_is_done_in_parts(
    sink: Sink, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_sinks, "INDEX_ROWS", 10)
    await sink.datasets.create(sink.tenant, "out", [{"k": number} for number in range(95)])
    assert (await sink.write({"k": 94, "v": 1}, "update", ("k",))).data == {"k": 94, "v": 1}
    assert len(await store.read(rows_of("select 1 as n from dataset_keys"))) == 94
