"""A backup is whole, checked, of one moment; a restore never destroys anything."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.errors import Conflict, Unavailable
from penstock.storage.backup import back_up, restore
from penstock.storage.checks import examine
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import Many, rows_of
from penstock.testing.core import Core, open_core


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path / "core.db") as opened:
        yield opened


async def work(item: object) -> str:
    return "done"


async def test_a_backup_taken_while_the_store_is_written_is_of_one_moment(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.storage.backup.PAGES_PER_STEP", 16)
    await store.write(rows_of("create table pairs (n integer, half text)"))
    loop = asyncio.get_running_loop()
    written = 0

    async def write() -> None:
        nonlocal written
        for _ in range(10):
            await store.write(rows_of("insert into pairs values ($1, 'a'), ($1, $2)", written, "b" * 5000))
            written += 1

    for _ in range(10):
        await write()
    before, steps = written, []

    def between_steps(done: int, total: int) -> None:
        steps.append(done)
        asyncio.run_coroutine_threadsafe(write(), loop).result()

    await asyncio.to_thread(back_up, store.path, tmp_path / "copy.db", progress=between_steps)
    assert len(steps) > 3
    assert written > before
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("select count(*) from pairs").fetchone()[0] == 2 * before
    copy.close()


async def test_a_backup_holds_what_the_store_holds_also_without_a_log(core: Core, tmp_path: Path) -> None:
    await core.run(list(range(20)), work)
    copy = back_up(core.store.path, tmp_path / "copy.db")
    assert copy.health.executions == 1
    assert copy.health.unfinished == 0
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    assert not (tmp_path / "copy.db-wal").exists()


async def test_a_compact_backup_leaves_out_unused_space(store: SqliteStore, tmp_path: Path) -> None:
    await store.write(rows_of("create table big (text text)"))

    def fill() -> object:
        yield Many("insert into big values ($1)", [("x" * 1000,)] * 5000)

    await store.write(fill())  # type: ignore[arg-type]
    await store.write(rows_of("delete from big"))
    plain = back_up(store.path, tmp_path / "plain.db")
    compact = back_up(store.path, tmp_path / "compact.db", compact=True)
    assert compact.size_bytes < plain.size_bytes / 2
    assert compact.health == plain.health


async def test_a_backup_never_overwrites_unless_told(store: SqliteStore, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(Conflict, match="--force"):
        back_up(store.path, target)
    assert target.read_text() == "precious"
    back_up(store.path, target, replace=True)
    assert examine(target).executions == 0


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern) if not path.name.endswith(("-wal", "-shm")))


def damage(path: Path) -> None:
    """Overwrite the middle of a file."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 8192 * 8192)
        file.write(b"\x55" * 8192 * 3)


async def test_a_damaged_store_is_not_backed_up(core: Core, tmp_path: Path) -> None:
    await core.run(list(range(300)), work)
    whole = back_up(core.store.path, tmp_path / "whole.db").path
    damage(whole)
    with pytest.raises(Unavailable) as refused:
        back_up(whole, tmp_path / "copy.db")
    assert refused.value.code == "store_damaged"
    assert "penstock restore" in refused.value.detail
    assert names(tmp_path, "*copy*") == []


async def test_a_store_that_misses_an_event_is_told_apart(core: Core, tmp_path: Path) -> None:
    execution = await core.run([1, 2, 3], work)
    await core.store.write(rows_of("delete from items where execution_no = $1 and seq = 3", execution.no))
    with pytest.raises(Unavailable) as refused:
        back_up(core.store.path, tmp_path / "copy.db")
    assert refused.value.code == "store_inconsistent"
    assert execution.id in refused.value.detail


async def test_a_restored_store_goes_on_with_what_was_running(tmp_path: Path) -> None:
    begun, wait = asyncio.Event(), asyncio.Event()

    async def waits(item: object) -> str:
        begun.set()
        await wait.wait()
        return "late"

    async with open_core(tmp_path / "store.db") as core:
        core.work = waits
        execution = await core.submit([1, 2, 3])
        await begun.wait()
        copy = await asyncio.to_thread(back_up, core.store.path, tmp_path / "copy.db")
        assert copy.health.unfinished == 1
        wait.set()
        await core.finished(execution)
    restore(tmp_path / "copy.db", tmp_path / "other.db")
    async with open_core(tmp_path / "other.db") as again:
        again.work = work
        ended = await again.finished(execution)
        assert ended.status == "completed"
        assert await again.counts(ended) == {"succeeded": 3}
        await again.store.read(rows_of("select 1"))
    examine(tmp_path / "other.db")


async def test_a_restore_into_a_used_place_is_refused_and_changes_nothing(core: Core, tmp_path: Path) -> None:
    await core.run([1], work)
    copy = back_up(core.store.path, tmp_path / "copy.db").path
    with pytest.raises(Conflict) as taken:
        restore(copy, core.store.path)
    assert taken.value.code == "store_exists"
    with pytest.raises(Conflict) as used:
        restore(copy, core.store.path, replace=True)
    assert used.value.code == "data_folder_in_use"
    assert (await core.finished(await core.submit([2]))).status == "completed"


async def test_a_restore_keeps_what_was_there_under_another_name(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        await core.run([1], work)
        back_up(core.store.path, tmp_path / "copy.db")
        await core.run([1], work)
    restore(tmp_path / "copy.db", tmp_path / "store.db", replace=True)
    assert examine(tmp_path / "store.db").executions == 1
    (kept,) = names(tmp_path, "store.db.*")
    assert examine(tmp_path / kept).executions == 2


async def test_a_damaged_store_is_moved_aside_as_it_is(core: Core, tmp_path: Path) -> None:
    copy = back_up(core.store.path, tmp_path / "copy.db").path
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database at all" * 1000)
    restore(copy, broken, replace=True)
    assert examine(broken).executions == 0
    (kept,) = names(tmp_path, "broken.db.*")
    assert (tmp_path / kept).read_bytes().startswith(b"this is no database")


async def test_a_backup_of_a_newer_version_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    await store.write(rows_of("insert into schema_migrations (version, name, applied_at) values (999, 'later', 0)"))
    with pytest.raises(Unavailable) as refused:
        restore(store.path, tmp_path / "other.db")
    assert refused.value.code == "store_newer"
    assert not (tmp_path / "other.db").exists()


async def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "else.db") as other:
        other.execute("create table songs (name text)")
    other.close()
    with pytest.raises(Unavailable, match="not one of Penstock's"):
        restore(tmp_path / "else.db", tmp_path / "store.db")
