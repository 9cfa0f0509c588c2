"""Bringing a store to the version of the program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.errors import Unavailable
from penstock.storage.migrations import Migration, _migrate, all_migrations, migrate
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of


async def versions(store: SqliteStore) -> list[int]:
    return [row["version"] for row in await store.read(rows_of("select version from schema_migrations order by 1"))]


def test_they_are_numbered_from_one_without_a_gap() -> None:
    assert [migration.version for migration in all_migrations()] == list(range(1, len(all_migrations()) + 1))


async def test_a_new_store_is_migrated_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    assert await migrate(store) == len(all_migrations())
    assert await migrate(store) == 0
    assert await versions(store) == [migration.version for migration in all_migrations()]
    await store.close()


async def test_two_processes_that_start_together_do_not_disturb_each_other(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "store.db") for _ in range(2)]
    ran = await asyncio.gather(*(migrate(store) for store in stores))
    assert sorted(ran) == [0, len(all_migrations())]
    for store in stores:
        await store.close()


async def test_a_store_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await migrate(store)
    await store.write(rows_of("insert into schema_migrations (version, name, applied_at) values (999, 'later', 0)"))
    before = await store.read(rows_of("select count(*) as n from sqlite_master"))
    with pytest.raises(Unavailable) as caught:
        await migrate(store)
    assert caught.value.code == "store_newer"
    assert "999" in caught.value.detail
    assert (await store.read(rows_of("select count(*) as n from sqlite_master")))[0]["n"] == before[0]["n"]
    await store.close()


async def test_a_migration_that_fails_leaves_nothing_of_itself(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.write(_migrate([Migration(1, "one", ("create table one (n integer)",))]))
    broken = Migration(2, "two", ("create table two (n integer)", "create table one (n integer)"))
    with pytest.raises(Unavailable, match="already exists"):
        await store.write(_migrate([Migration(1, "one", ()), broken]))
    assert await versions(store) == [1]
    assert not await store.read(rows_of("select 1 from sqlite_master where name = 'two'"))
    await store.close()
