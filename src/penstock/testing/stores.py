"""Stores for tests: copies of one that was migrated once in this process, which takes a fifth of the time."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore


async def open_store(path: Path) -> SqliteStore:
    """The store at `path`, made when there is none; it survives a killed process, not a loss of power."""
    await asyncio.to_thread(prepare_store, path)
    store = SqliteStore(path, synchronous="NORMAL")
    await migrate(store)
    return store


def prepare_store(path: Path) -> None:
    """Where there is no file yet, put one with the tables of this version and nothing in them. Makes its folder."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    """What the file of a new store holds once it is closed."""

    async def make(path: Path) -> None:
        store = SqliteStore(path, synchronous="OFF")
        await migrate(store)
        await store.close()

    with TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        asyncio.run(make(path))
        return path.read_bytes()
