"""Copies of a store: taken while it is in use, checked, and brought back. Blocking; not for the event loop."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from penstock.errors import Conflict, Unavailable
from penstock.storage.checks import Health, examine, opened

logger = logging.getLogger(__name__)

PAGES_PER_STEP = 1024
"""8 MB: seldom enough to be quick, often enough to show how far it is and to be interrupted."""
KEY_SUFFIX = ".key"

Progress = Callable[[int, int], None]
"""Told of pages done and pages in all."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A finished copy: where it is, how large, and what it holds."""

    path: Path
    size_bytes: int
    health: Health


def back_up(
    store: Path, target: Path, *, replace: bool = False, compact: bool = False, progress: Progress | None = None
) -> Copy:
    """Copy a store as it is at this moment, also while other processes work with it, and check the copy.

    Readers and writers go on meanwhile; the write-ahead log grows for as long as it takes. `compact` rewrites the
    copy without unused space, which takes several times as long. The target appears only when it is whole. Raises
    `Conflict` when it is there already and `replace` is not given, `Unavailable` when either file is not usable.
    """
    if target.exists() and not replace:
        raise Conflict("file_exists", f"{target} is there already. Choose another name, or replace it with --force.")
    with _unfinished(target) as temporary:
        with opened(store) as source:
            if compact:
                source.execute("vacuum into ?", (str(temporary),))
            else:
                _copy_pages(source, temporary, progress)
        health = examine(temporary)
        size = temporary.stat().st_size
        publish(temporary, target)
    return Copy(target, size, health)


def restore(backup: Path, store: Path, *, replace: bool = False) -> Health:
    """Put a checked copy of a backup where a store is to be. What is there is moved aside, never deleted.

    Raises `Conflict` when there is a store and `replace` is not given, or somebody uses it, and `Unavailable` when the
    backup is damaged, or of a newer Penstock.
    """
    health = examine(backup)
    if store.exists() and not replace:
        detail = f"There is a store at {store}. Restore into an empty folder, or move it aside with --force."
        raise Conflict("store_exists", detail)
    with _unfinished(store) as temporary:
        with opened(backup) as source:
            _copy_pages(source, temporary, None)
        move_store_aside(store)
        publish(temporary, store)
    return health


def move_store_aside(store: Path) -> Path | None:
    """Give a store's files other names, with the time in them; None when there is none.

    Raises `Conflict` when a process has it open.
    """
    if not store.exists():
        return None
    _let_go(store)
    moved = aside(store)
    for suffix in ("-wal", "-shm", ""):
        part = store.with_name(store.name + suffix)
        if part.exists():
            part.rename(moved.with_name(moved.name + suffix))
    return moved


def aside(path: Path) -> Path:
    """Another name in the same folder, with the time in it."""
    return path.with_name(f"{path.name}.{datetime.now(UTC).strftime('%Y%m%dT%H%M%S%f')}")


def copy_private(source: Path, target: Path) -> None:
    """Copy a key: only its owner may read the copy, from its first byte on."""
    with _unfinished(target) as temporary:
        temporary.touch(mode=0o600)
        shutil.copyfile(source, temporary)
        publish(temporary, target)


def publish(temporary: Path, target: Path) -> None:
    """Give a whole file its name, so that it has it after a power cut too."""
    _sync(temporary)
    temporary.replace(target)
    _sync(target.parent)


def _copy_pages(source: sqlite3.Connection, target: Path, progress: Progress | None) -> None:
    # The copy is of one snapshot: held open here, as every step would otherwise begin anew after each write.
    source.execute("begin")
    source.execute("select 1 from sqlite_master limit 1").fetchone()
    target.touch(mode=0o600)
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        source.backup(
            copy,
            pages=PAGES_PER_STEP,
            progress=None if progress is None else lambda _, left, total: progress(total - left, total),
        )
        # One file that can be moved and read by itself; opening it as a store brings the write-ahead log back.
        copy.execute("pragma journal_mode = delete")
    finally:
        copy.close()


def _let_go(store: Path) -> None:
    """Take the log into the file; only who is alone with a store may do that."""
    try:
        connection = sqlite3.connect(store, isolation_level=None)
        try:
            connection.execute("pragma busy_timeout = 500")
            connection.execute("pragma journal_mode = delete")
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            detail = f"Another process uses {store}. Stop every Penstock on this folder first."
            raise Conflict("data_folder_in_use", detail) from error
        # Damaged beyond opening: that is why somebody restores. Its files are moved as they are.
        logger.warning("%s cannot be opened (%s); its files are moved aside as they are", store, error)


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A name beside the target for a file in the making; nothing is left of it when that fails."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield temporary
    except (sqlite3.Error, OSError) as error:
        raise Unavailable("backup_failed", f"{target} could not be written: {error}.") from error
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
