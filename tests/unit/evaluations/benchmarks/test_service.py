"""Benchmarks in a real store: imported whole or not at all, versioned by content, chosen from, deleted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.datasets.formats.lines import UnreadableFile
from penstock.datasets.service import Datasets
from penstock.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from penstock.evaluations.benchmarks import checking
from penstock.evaluations.benchmarks.generators import Recipe
from penstock.evaluations.benchmarks.model import PUBLIC, Benchmark, BenchmarkFilter, BenchmarkRow, RowChoice
from penstock.evaluations.benchmarks.public import public_id
from penstock.evaluations.benchmarks.selecting import PromptQuery
from penstock.evaluations.benchmarks.service import BenchmarkService, Reading, key_of
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.types import Tenant

OURS, THEIRS = Tenant("o", "ours"), Tenant("o", "theirs")
ROWS = [{"input": f"question {n}", "truth": str(n), "subset": "even" if n % 2 == 0 else "odd"} for n in range(600)]
TABLES = ("benchmarks", "benchmark_versions", "datasets", "dataset_rows")


@pytest.fixture
def service(store: SqliteStore) -> BenchmarkService:
    return BenchmarkService(store, Datasets(store))


def file_of(tmp_path: Path, rows: Iterable[dict[str, Any]], name: str = "rows.jsonl") -> Path:
    path = tmp_path / name
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


async def chosen(service: BenchmarkService, benchmark: Benchmark, choice: RowChoice) -> list[BenchmarkRow]:
    pages = [page async for page in service.rows(benchmark, benchmark.latest, choice)]
    assert all(0 < len(page) <= 256 for page in pages)
    found = [row for page in pages for row in page]
    assert await service.count(benchmark, benchmark.latest, choice) == len(found)
    return found


async def left(store: SqliteStore) -> dict[str, int]:
    return {table: (await store.read(rows_of(f"select count(*) as n from {table}")))[0]["n"] for table in TABLES}


async def test_rows_come_back_as_they_were(service: BenchmarkService) -> None:
    rows = [
        {"id": "a", "input": [{"role": "user", "content": "hi"}], "truth": {"x": 1}, "cluster": "c", "context": ["d"]},
        {"input": {"any": "JSON"}, "truth": [1, 2], "subset": "s", "note": None, "level": 3},
    ]
    made = (await service.create_from_rows(OURS, "mixed", rows)).benchmark
    assert await chosen(service, made, RowChoice()) == [
        BenchmarkRow("a", [{"role": "user", "content": "hi"}], {"x": 1}, cluster="c", context=["d"]),
        BenchmarkRow("2", {"any": "JSON"}, [1, 2], subset="s", metadata={"level": 3}),
    ]
    assert (made.latest.row_count, made.latest.subsets, made.latest.has_clusters) == (2, ("s",), True)


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        (RowChoice(), list(range(600))),
        (RowChoice(count=3), [0, 1, 2]),
        (RowChoice(subsets=("odd",), count=3), [1, 3, 5]),
        (RowChoice(subsets=("odd", "even"), count=2), [0, 1]),
        (RowChoice(ids=("5", "301", "3")), [2, 4, 300]),
        (RowChoice(subsets=("odd",), ids=("5", "4")), [3]),
        (RowChoice(count=1_000), list(range(600))),
    ],
)
async def test_choices(service: BenchmarkService, choice: RowChoice, wanted: list[int]) -> None:
    made = (await service.create_from_rows(OURS, "b", ROWS)).benchmark
    assert [int(str(row.truth)) for row in await chosen(service, made, choice)] == wanted


async def test_a_random_choice_is_the_same_each_time(service: BenchmarkService) -> None:
    made = (await service.create_from_rows(OURS, "b", ROWS)).benchmark
    drawn = [await chosen(service, made, RowChoice(("odd",), 40, seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert {row.subset for row in drawn[0]} == {"odd"}
    assert len({row.id for row in drawn[0]}) == 40


@pytest.mark.parametrize(
    "choice",
    [
        RowChoice(subsets=("prime",)),
        RowChoice(ids=("1",), count=1),
        RowChoice(seed=1),
        RowChoice(count=0),
        RowChoice(ids=("nobody",)),
    ],
)
async def test_choices_that_make_no_sense(service: BenchmarkService, choice: RowChoice) -> None:
    made = (await service.create_from_rows(OURS, "b", ROWS)).benchmark
    with pytest.raises(Invalid):
        await service.count(made, made.latest, choice)
    with pytest.raises(Invalid):
        await chosen(service, made, choice)


async def test_a_version_is_its_content(service: BenchmarkService, tmp_path: Path) -> None:
    first = (await service.create_from_file(OURS, "b", file_of(tmp_path, ROWS[:9]), "jsonl")).benchmark
    reordered = [dict(reversed(row.items())) for row in ROWS[:9]]
    same = await service.add_version(OURS, "b", file_of(tmp_path, reordered), "jsonl")
    assert (same.changed, same.rows, same.benchmark) == (False, 9, first)
    other = await service.add_version(OURS, "b", file_of(tmp_path, ROWS[1:9] + ROWS[:1]), "jsonl")
    assert (other.changed, other.benchmark.latest.version) == (True, 2)
    back = await service.add_version(OURS, "b", file_of(tmp_path, ROWS[:9]), "jsonl")
    assert (back.benchmark.latest.version, back.benchmark.latest.content_hash) == (3, first.latest.content_hash)
    assert await service.get(OURS, "b") == back.benchmark
    assert [version.version for version in await service.versions(OURS, first.id)] == [3, 2, 1]
    second = await service.version(back.benchmark, 2)
    pages = [page async for page in service.rows(back.benchmark, second, RowChoice())]
    assert [row.input for row in pages[0]][-1] == "question 0"
    with pytest.raises(NotFound):
        await service.version(back.benchmark, 4)


async def test_csv_cells_stay_texts(service: BenchmarkService, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('question,answer,level\n"Which code?",007,1.50\nIs it?,True,\n')
    made = (await service.create_from_file(OURS, "b", path, "csv")).benchmark
    found = await chosen(service, made, RowChoice())
    assert [(row.truth, row.metadata) for row in found] == [("007", {"level": "1.50"}), ("True", {"level": ""})]


async def test_a_fault_far_down_is_named_and_nothing_is_kept(
    service: BenchmarkService, store: SqliteStore, tmp_path: Path
) -> None:
    rows = [{"question": "q", "answer": "a"}] * 1_999 + [{"question": "q"}]
    with pytest.raises(Invalid) as refused:
        await service.create_from_file(OURS, "b", file_of(tmp_path, rows), "jsonl")
    assert [fault.line for fault in refused.value.errors] == [2_000]
    assert "no field 'answer'" in refused.value.detail
    assert set((await left(store)).values()) == {0}
    assert (await service.create_from_rows(OURS, "b", ROWS[:1])).benchmark.latest.version == 1


async def test_mixed_encodings(service: BenchmarkService, store: SqliteStore, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = '{"input": "Ärger", "truth": "é"}\n'
    path.write_bytes(good.encode() + good.encode("latin-1") + good.encode())
    with pytest.raises(Invalid) as refused:
        await service.create_from_file(OURS, "b", path, "jsonl")
    assert [fault.line for fault in refused.value.errors] == [2]
    report = await service.create_from_file(OURS, "b", path, "jsonl", reading=Reading(on_bad="skip"))
    assert (report.rows, report.skipped, report.benchmark.latest.row_count) == (2, 1, 2)
    path.write_bytes(good.encode("utf-16"))
    with pytest.raises(UnreadableFile):
        await service.create_from_file(OURS, "c", path, "jsonl")


async def test_nothing_to_load(service: BenchmarkService, store: SqliteStore, tmp_path: Path) -> None:
    for rows in ([], [{"question": "q", "answer": ""}]):
        with pytest.raises(Invalid) as refused:
            await service.create_from_file(OURS, "b", file_of(tmp_path, rows), "jsonl", reading=Reading(on_bad="skip"))
        assert refused.value.code == "benchmark_empty"
    assert set((await left(store)).values()) == {0}


async def test_a_file_over_the_limit_of_rows(
    service: BenchmarkService, store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "MAX_ROWS", 1_000)
    with pytest.raises(Problem, match="at most 1,000 rows"):
        await service.create_from_file(OURS, "b", file_of(tmp_path, ROWS * 2), "jsonl")
    assert set((await left(store)).values()) == {0}


async def test_two_imports_of_one_key_at_once(service: BenchmarkService, store: SqliteStore, tmp_path: Path) -> None:
    path = file_of(tmp_path, ROWS)
    attempts = (service.create_from_file(OURS, "b", path, "jsonl") for _ in range(4))
    done = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [one for one in done if isinstance(one, BaseException)]
    assert [getattr(one, "code", one) for one in refused] == ["benchmark_exists"] * 3
    assert await left(store) == {"benchmarks": 1, "benchmark_versions": 1, "datasets": 1, "dataset_rows": 600}


async def test_two_versions_at_once(service: BenchmarkService, tmp_path: Path) -> None:
    made = (await service.create_from_rows(OURS, "b", ROWS)).benchmark
    files = [file_of(tmp_path, ROWS[:n], f"{n}.jsonl") for n in (400, 500)]
    attempts = (service.add_version(OURS, "b", path, "jsonl") for path in files)
    done = await asyncio.gather(*attempts, return_exceptions=True)
    codes = {getattr(one, "code", None) for one in done if isinstance(one, BaseException)}
    assert codes <= {"import_running"}
    latest = (await service.get(OURS, "b")).latest
    assert latest.version == 1 + sum(not isinstance(one, BaseException) for one in done)
    assert await service.count(made, latest, RowChoice()) == latest.row_count


async def test_deleting(service: BenchmarkService, store: SqliteStore) -> None:
    made = (await service.create_from_rows(OURS, "b", ROWS)).benchmark
    insert = (
        "insert into executions (no, id, organization_id, project_id, kind, subject_id, subject_name, lane, status,"
        " spec, options, generation, seq, created_at, prior_elapsed_ms, deadline_at, deadline_ms, lease_number)"
        " values (1, 'exec_1', 'o', 'ours', 'evaluation', $1, 'b', 'batch', 'paused', '{}', '{}', 0, 0, 0, 0, 0, 0, 0)"
    )
    await store.write(rows_of(insert, made.id))
    with pytest.raises(Conflict) as refused:
        await service.delete(OURS, "b")
    assert refused.value.code == "benchmark_in_use"
    assert "exec_1" in refused.value.detail
    assert len(await chosen(service, made, RowChoice())) == 600
    await store.write(rows_of("update executions set status = 'completed'"))
    await service.delete(OURS, "b")
    assert set((await left(store)).values()) == {0}
    with pytest.raises(NotFound):
        await service.delete(OURS, made.id)


async def test_public_ones_are_written_once_whoever_asks_first(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "penstock.db", synchronous="NORMAL") for _ in range(2)]
    await migrate(stores[0])
    services = [BenchmarkService(store, Datasets(store)) for store in stores]
    found = await asyncio.gather(*(service.get(OURS, "sorting") for service in services * 2))
    assert len(set(map(repr, found))) == 1
    assert (found[0].id, found[0].tenant, found[0].latest.row_count) == (public_id("sorting"), PUBLIC, 200)
    listed = await services[0].page(THEIRS, BenchmarkFilter())
    assert len(listed) == 6
    assert (await left(stores[0]))["dataset_rows"] == 1_200
    assert len(await chosen(services[1], found[0], RowChoice(count=5))) == 5
    with pytest.raises(Forbidden):
        await services[0].delete(PUBLIC_READER, "sorting")
    for store in stores:
        await store.close()


PUBLIC_READER = Tenant("o", "reader")


async def test_a_public_one_of_an_older_penstock_gets_a_version(service: BenchmarkService, store: SqliteStore) -> None:
    old = await service.get(OURS, "sorting")
    await store.write(rows_of("update benchmarks set settings = '{}', name = 'Old' where key = 'sorting'"))
    await store.write(rows_of("update benchmark_versions set content_hash = 'old' where benchmark_id = $1", old.id))
    later = BenchmarkService(store, Datasets(store))
    new = await later.get(OURS, "sorting")
    assert (new.name, new.settings, new.latest.version) == (old.name, old.settings, 2)
    assert new.latest.content_hash == old.latest.content_hash


async def test_generated_ones_of_a_project(service: BenchmarkService) -> None:
    made = (await service.generate(OURS, Recipe("string_edits", 3, "hard", 7))).benchmark
    assert (made.key, made.tenant, made.latest.row_count) == ("string-edits-hard-3", OURS, 7)
    with pytest.raises(NotFound):
        await service.get(THEIRS, made.key)


@pytest.mark.parametrize(
    ("query", "ids", "total"),
    [
        (PromptQuery(page=3, page_size=2), ["5", "6"], 600),
        (PromptQuery(page=300, page_size=3), [], 600),
        (
            PromptQuery(search="QUESTION 59", search_field="input", page=2, page_size=4),
            ["594", "595", "596", "597"],
            11,
        ),
        (PromptQuery(search="question", search_field="truth"), [], 0),
        (PromptQuery(sort_by="input", page_size=3), ["1", "2", "11"], 600),
        (PromptQuery(sort_by="id", order="desc", page=2, page_size=2), ["97", "96"], 600),
        (PromptQuery(search="59", search_field="id", sort_by="truth", order="desc", page_size=2), ["599", "598"], 16),
    ],
)
async def test_pages_for_people(service: BenchmarkService, query: PromptQuery, ids: Sequence[str], total: int) -> None:
    await service.create_from_rows(OURS, "b", ROWS)
    found, count = await service.prompts(OURS, "b", query)
    assert ([row.id for row in found], count) == (list(ids), total)


def test_keys_that_read_like_names() -> None:
    assert key_of("My benchmark, №1!") == "my-benchmark-1"
    with pytest.raises(Invalid):
        key_of("日本")
