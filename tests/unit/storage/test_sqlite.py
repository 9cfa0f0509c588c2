"""The embedded store when all is well, and when the disk is full, the file is wrong, or it is closed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Unavailable
from penstock.executions.item import ItemRun
from penstock.executions.model import Status
from penstock.executions.patience import patiently
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import Many, Transaction, UniqueViolation, rows_of
from penstock.testing.core import Core, open_core
from penstock.types import Json


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db")
    await opened.write(rows_of("create table numbers (n integer primary key, text text not null)"))
    yield opened
    await opened.close()


def add(n: Any, text: Any = "x") -> Transaction[Any]:
    rows = yield "insert into numbers values ($1, $2) returning n", n, text
    return rows[0]["n"]


async def numbers(store: SqliteStore) -> list[int]:
    return [row["n"] for row in await store.read(rows_of("select n from numbers order by n"))]


async def together(store: SqliteStore, *transactions: Transaction[Any]) -> list[Any]:
    """All handed in before the writer gets to any of them, so that they share one commit."""
    return await asyncio.gather(*(store.write(transaction) for transaction in transactions), return_exceptions=True)


async def test_what_is_written_is_read_and_raising_takes_back_all_of_a_transaction(store: SqliteStore) -> None:
    def two() -> Transaction[None]:
        yield from add(1)
        yield from add(2)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(two())
    assert await numbers(store) == []
    assert await store.write(add(3)) == 3
    assert await numbers(store) == [3]


@pytest.mark.parametrize("bad", [2**70, "\ud800", object(), None], ids=["huge", "surrogate", "object", "null"])
async def test_one_that_fails_takes_nobody_with_it(store: SqliteStore, bad: Any) -> None:
    def half(value: Any) -> Transaction[None]:
        yield from add(50)
        yield from add(51, value)

    results = await together(store, add(1), half(bad), add(2), half(bad), add(3))

    assert [result for result in results if not isinstance(result, Exception)] == [1, 2, 3]
    assert not any(isinstance(result, Unavailable) for result in results)
    assert await numbers(store) == [1, 2, 3]


async def test_a_key_that_is_there_is_told_to_the_transaction_which_may_go_on(store: SqliteStore) -> None:
    def add_or_next(n: int) -> Transaction[Any]:
        try:
            return (yield from add(n))
        except UniqueViolation:
            return (yield from add(n + 1))

    assert await together(store, add(1), add_or_next(1), add(9)) == [1, 2, 9]
    with pytest.raises(UniqueViolation):
        await store.write(add(1))


async def test_many_rows_are_one_statement(store: SqliteStore) -> None:
    def many() -> Transaction[None]:
        yield Many("insert into numbers values ($1, $2)", [(n, "x") for n in range(1000)])

    await store.write(many())
    assert len(await numbers(store)) == 1000


async def test_writes_are_kept_in_the_order_they_were_handed_in(store: SqliteStore) -> None:
    await store.write(add(0, ""))

    def append(letter: str) -> Transaction[None]:
        yield "update numbers set text = text || $1 where n = 0", letter

    await together(store, *(append(letter) for letter in "abcdefghij" * 60))
    assert (await store.read(rows_of("select text from numbers")))[0]["text"] == "abcdefghij" * 60


async def test_a_new_store_is_its_owner_s_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store = SqliteStore(tmp_path / "own.db")
    finally:
        os.umask(before)
    await store.write(rows_of("create table t (n integer)"))
    modes = {name: os.stat(tmp_path / name).st_mode & 0o777 for name in os.listdir(tmp_path)}
    await store.close()
    assert modes == {"own.db": 0o600, "own.db-wal": 0o600, "own.db-shm": 0o600}


async def test_a_read_cannot_write(store: SqliteStore) -> None:
    with pytest.raises(Unavailable):
        await store.read(add(1))
    assert await numbers(store) == []


async def test_a_caller_who_gives_up_does_not_undo_the_write(store: SqliteStore) -> None:
    writing = asyncio.create_task(store.write(add(1)))
    await asyncio.sleep(0)
    writing.cancel()
    await together(store, add(2))
    assert await numbers(store) == [1, 2]


# Closing


async def test_what_waits_when_the_store_is_closed_is_still_written(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.write(rows_of("create table numbers (n integer primary key, text text not null)"))
    waiting = [asyncio.create_task(store.write(add(n))) for n in range(700)]
    await asyncio.sleep(0)
    await store.close()
    assert await asyncio.gather(*waiting) == list(range(700))
    for use in (store.write, store.read):
        with pytest.raises(Unavailable) as caught:
            await use(add(1))
        assert caught.value.code == "store_closed"
    await store.close()


def test_a_writer_outlives_the_loop_that_handed_something_in(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")

    async def leave() -> None:
        writing = asyncio.create_task(store.write(rows_of("create table numbers (n integer primary key, text text)")))
        await asyncio.sleep(0)
        writing.cancel()

    async def come() -> list[int]:
        await store.write(add(7))
        found = await numbers(store)
        await store.close()
        return found

    asyncio.run(leave())
    assert asyncio.run(come()) == [7]


# What is wrong with the file


@pytest.mark.parametrize("name", ["a b", "100%", "why?", "c#", "ä", "a&b=c"])
async def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    store = SqliteStore(folder / "store.db")
    await migrate(store)
    assert (await store.read(rows_of("select count(*) as n from executions")))[0]["n"] == 0
    await store.close()


async def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"These are my notes, not a database. " * 100)
    with pytest.raises(Unavailable) as caught:
        SqliteStore(path)
    assert caught.value.code == "store_damaged"
    assert str(path) in caught.value.detail
    assert path.read_bytes().startswith(b"These are my notes")


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        SqliteStore(tmp_path / "nowhere" / "store.db")
    assert caught.value.code == "store_unreachable"


READ_ONLY = """
import asyncio, os, sys
from pathlib import Path
from penstock.errors import Unavailable
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore

if os.getuid() == 0:
    os.setuid(65534)

async def main():
    try:
        store = SqliteStore(Path(sys.argv[1]))
        await migrate(store)
    except Unavailable as error:
        print(error.code, error.detail)

asyncio.run(main())
"""


def test_a_file_that_may_not_be_written_is_told() -> None:
    # Root is let in everywhere, so the test looks in as another user: not into pytest's own folder, which is private.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        asyncio.run(_make_store(path))
        path.chmod(0o444)
        path.parent.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(path)], capture_output=True, text=True, check=True, timeout=60
        )
        path.parent.chmod(0o700)
    assert done.stdout.startswith("store_read_only")
    assert str(path) in done.stdout


async def _make_store(path: Path) -> None:
    store = SqliteStore(path)
    await migrate(store)
    await store.close()


# A full disk


def pages(store: SqliteStore, more: int | None) -> Transaction[None]:
    """Let the file grow by so many pages and no further, as a disk would; None: as far as it wants."""
    rows = yield ("pragma page_count",)
    yield (f"pragma max_page_count = {2**30 if more is None else rows[0]['page_count'] + more}",)


async def test_a_full_disk_is_told_and_nothing_of_the_group_is_kept(store: SqliteStore) -> None:
    await store.write(pages(store, 5))
    results = await together(store, add(1), add(2, "y" * 500_000), add(3))
    codes = {result.code for result in results if isinstance(result, Unavailable)}
    assert codes == {"store_full"}
    assert await numbers(store) == [n for n, result in zip((1, 2, 3), results, strict=True) if result == n]
    await store.write(pages(store, None))
    assert await store.write(add(4, "y" * 500_000)) == 4


async def trouble(core: Core) -> None:
    """Until the journal has met a disk that is full."""
    async with asyncio.timeout(20):
        while core.journal.trouble is None:
            await core.store.read(rows_of("select 1"))


async def test_work_waits_for_room_on_the_disk_and_then_goes_on_without_loss_or_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.executions.journal.RETRY_SECONDS", 0.01)
    monkeypatch.setattr("penstock.executions.patience.RETRY_SECONDS", 0.01)
    async with open_core(tmp_path / "store.db") as core:

        async def work(item: ItemRun) -> Json:
            await core.step(item, "first", lambda _: "z" * 4000)
            return await core.step(item, "second", lambda _: item.ordinal)

        core.work = work
        await core.store.write(pages(core.store, 20))
        execution = await core.submit(list(range(100)), concurrency=10)
        await trouble(core)
        assert "full" in str(core.journal.trouble)
        stuck = len(core.calls)
        waiting = await core.service.wait_for(execution, 0.1)
        assert waiting.status == Status.RUNNING
        assert len(core.calls) <= stuck + 10, "nothing goes on that depends on what is not on disk"

        # The writer may put this into one group with a flush that still finds the disk full, so more than once.
        await patiently(core.store, lambda: pages(core.store, None))
        ended = await core.finished(execution)

        assert ended.status == Status.COMPLETED
        assert await core.counts(ended) == {"succeeded": 100}
        assert len(core.calls) == len(set(core.calls)) == 200
        assert core.journal.trouble is None
    with sqlite3.connect(tmp_path / "store.db") as database:
        seen = [row[0] for row in database.execute("select seq from items union all select seq from events order by 1")]
    database.close()
    assert seen == list(range(1, 104))


async def test_what_ends_on_a_full_disk_parks_and_is_run_by_the_next_process(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:

        async def work(item: ItemRun) -> Json:
            return await core.step(item, "big", lambda _: "z" * 100_000)

        core.work = work
        await core.store.write(pages(core.store, 4))
        execution = await core.submit([1, 2])
        await trouble(core)
    async with open_core(tmp_path / "store.db") as core:
        core.work = work
        ended = await core.finished(execution)
        assert ended.status == Status.COMPLETED
        assert await core.counts(ended) == {"succeeded": 2}


async def test_a_sum_that_overflows_is_the_fault_of_one_statement(store: SqliteStore) -> None:
    def total() -> Transaction[Any]:
        yield from add(9)
        return (yield ("select sum($1 + n - n) from numbers, (values (1), (2), (3))", 2**62))

    first, overflowing, last = await together(store, add(1), total(), add(2))
    assert (first, last) == (1, 2)
    assert isinstance(overflowing, sqlite3.OperationalError)
    assert await numbers(store) == [1, 2]
