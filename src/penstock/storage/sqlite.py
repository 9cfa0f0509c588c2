"""The embedded store: one SQLite file, one writer thread, a few reader threads, nothing on the event loop.

Writes are committed in groups: the writer takes every transaction that is waiting, runs each inside its own savepoint
and commits once, so a thousand callers share one flush to disk while a single caller still gets its own at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from penstock.errors import Unavailable
from penstock.storage.checks import damaged
from penstock.storage.store import Many, Transaction, UniqueViolation

T = TypeVar("T")

GROUP_LIMIT = 256
READER_THREADS = 3
_NAMES = [str(n) for n in range(1, 1000)]


@dataclass(slots=True)
class _Write:
    transaction: Transaction[Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    value: Any = None
    error: BaseException | None = None


class SqliteStore:
    """A `Store` over one SQLite file in WAL mode.

    `synchronous` is FULL (an acknowledged write survives power loss) or NORMAL (survives a killed process only).
    Raises `Unavailable` when the file cannot be opened, is no database, or cannot be written.
    """

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        self.path = path
        self._synchronous = synchronous
        self._writes: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._local = threading.local()
        self._reader_connections: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self._readers = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="penstock-read")
        self._closed = False
        self._connection = self._open_writer()
        self._writer = threading.Thread(target=self._write_loop, name="penstock-write", daemon=True)
        self._writer.start()

    def _open_writer(self) -> sqlite3.Connection:
        # A new file is its owner's alone, whatever the folder; the log and index beside it get the same permissions.
        # What else is wrong with the path SQLite says.
        with contextlib.suppress(OSError):
            self.path.touch(mode=0o600, exist_ok=False)
        try:
            connection = sqlite3.connect(
                self.path, isolation_level=None, check_same_thread=False, cached_statements=512
            )
        except sqlite3.Error as error:
            raise _unavailable(self.path, error) from error
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("pragma busy_timeout = 10000")
            # Rows of about a kilobyte leave less room unused on larger pages; takes effect in a new file only.
            connection.execute("pragma page_size = 8192")
            connection.execute("pragma journal_mode = wal")
            connection.execute(f"pragma synchronous = {self._synchronous}")
            connection.execute("pragma cache_size = -16384")
            connection.execute("pragma temp_store = memory")
        except sqlite3.Error as error:
            connection.close()
            raise _unavailable(self.path, error) from error
        return connection

    async def write(self, transaction: Transaction[T]) -> T:
        if self._closed:
            raise Unavailable("store_closed", "The store is closed: Penstock is shutting down.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._writes.put(_Write(transaction, loop, future))
        return await future

    async def read(self, transaction: Transaction[T]) -> T:
        if self._closed:
            raise Unavailable("store_closed", "The store is closed: Penstock is shutting down.")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._run_read, transaction)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writes.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._shut_down)

    def _shut_down(self) -> None:
        self._writer.join()
        self._readers.shutdown(wait=True)
        for connection in self._reader_connections:
            connection.close()
        self._connection.close()

    # The reader threads

    def _run_read(self, transaction: Transaction[T]) -> T:
        try:
            connection: sqlite3.Connection = getattr(self._local, "connection", None) or self._open_reader()
            connection.execute("begin")
            try:
                return _run(connection, transaction)
            finally:
                _roll_back(connection)
        except _FAULTS_OF_A_STATEMENT:
            raise
        except sqlite3.Error as error:
            raise _unavailable(self.path, error) from error

    def _open_reader(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        with self._readers_lock:
            self._reader_connections.append(connection)
        connection.row_factory = sqlite3.Row
        connection.execute("pragma busy_timeout = 10000")
        connection.execute("pragma query_only = on")
        self._local.connection = connection
        return connection

    # The writer thread

    def _write_loop(self) -> None:
        while True:
            group, last = self._next_group()
            if group:
                self._commit(group)
                _release(group)
            if last:
                return

    def _next_group(self) -> tuple[list[_Write], bool]:
        first = self._writes.get()
        if first is None:
            return [], True
        group = [first]
        while len(group) < GROUP_LIMIT:
            try:
                following = self._writes.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return group, True
            group.append(following)
        return group, False

    def _commit(self, group: list[_Write]) -> None:
        connection = self._connection
        try:
            connection.execute("begin immediate")
            for write in group:
                self._run_in_savepoint(write)
            connection.execute("commit")
        except sqlite3.Error as error:
            # A full or broken disk takes the whole group with it: nothing of it was kept, and each caller hears so.
            _roll_back(connection)
            for write in group:
                write.error = _unavailable(self.path, error)

    def _run_in_savepoint(self, write: _Write) -> None:
        connection = self._connection
        connection.execute("savepoint one")
        try:
            write.value = _run(connection, write.transaction)
        except _FAULTS_OF_A_STATEMENT as error:
            write.error = error
            connection.execute("rollback to one")
        except sqlite3.Error as error:
            if "integer overflow" not in str(error):
                raise
            # Of this statement's numbers, so none of the others is to suffer for it.
            write.error = error
            connection.execute("rollback to one")
        except BaseException as error:  # noqa: BLE001 - carried to the caller, who awaits it
            write.error = error
            connection.execute("rollback to one")
        connection.execute("release one")


_FAULTS_OF_A_STATEMENT = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
"""A value that cannot be bound, or is too long: one caller's fault, and none of the disk."""


def _roll_back(connection: sqlite3.Connection) -> None:
    """SQLite may have rolled back by itself; and where the disk is gone, what was not committed is gone as well."""
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("rollback")


def _run(connection: sqlite3.Connection, transaction: Transaction[T]) -> T:
    """Drive one generator to its end on one connection."""
    try:
        statement = next(transaction)
        while True:
            try:
                rows = _execute(connection, statement)
            except sqlite3.IntegrityError as error:
                statement = transaction.throw(UniqueViolation(str(error)))
            else:
                statement = transaction.send(rows)
    except StopIteration as stop:
        value: T = stop.value
        return value


def _execute(connection: sqlite3.Connection, statement: Any) -> list[Any]:
    if isinstance(statement, Many):
        connection.executemany(statement.sql, [_bind(row) for row in statement.rows])
        return []
    sql, *args = statement
    cursor = connection.execute(sql, _bind(args)) if args else connection.execute(sql)
    return cursor.fetchall() if cursor.description else []


def _bind(args: Sequence[Any]) -> dict[str, Any]:
    if len(args) > len(_NAMES):
        raise ValueError(f"a statement has {len(args)} arguments; at most {len(_NAMES)}")
    return dict(zip(_NAMES, args, strict=False))


def _release(group: list[_Write]) -> None:
    """Hand the results back, with one wake-up for each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Write]] = {}
    for write in group:
        loops.setdefault(write.loop, []).append(write)
    for loop, writes in loops.items():
        # A loop may close at any moment: then nobody waits any more, and the writer must go on for the others.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, writes)


def _settle(writes: list[_Write]) -> None:
    for write in writes:
        if write.future.done():
            continue
        if write.error is not None:
            write.future.set_exception(write.error)
        else:
            write.future.set_result(write.value)


def _unavailable(path: Path, error: sqlite3.Error) -> Unavailable:
    text = str(error)
    if "full" in text:
        detail = f"The disk that holds {path} is full. Make room; work goes on where it stopped."
        return Unavailable("store_full", detail)
    if "readonly" in text or "read-only" in text:
        return Unavailable("store_read_only", f"{path} cannot be written. Check its owner and permissions.")
    if "unable to open" in text:
        return Unavailable("store_unreachable", f"{path} cannot be opened. Check that its folder exists and is yours.")
    if "not a database" in text or "malformed" in text:
        return damaged(path, text)
    return Unavailable("store_error", f"The store at {path} failed: {text}")
