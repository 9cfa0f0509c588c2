"""Whether a store's file is healthy: its pages, its version, and that its books balance. Blocking; not for the loop."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from penstock.errors import Unavailable
from penstock.storage.migrations import all_migrations

_FAULTS_SHOWN = 3

# Status changes and finished items share one sequence without a gap, so the rows that carry a number are as many as
# the last number says. Executions without a project are being deleted, and have only a part of their rows.
_GAPS = """
select e.id from executions e
where e.project_id <> ''
  and (select count(*) from events v where v.execution_no = e.no)
    + (select count(*) from items i where i.execution_no = e.no and i.seq is not null) <> e.seq
limit 10
"""


@dataclass(frozen=True, slots=True)
class Health:
    """What a healthy store holds: its schema version, its executions, and how many of them are not over."""

    version: int
    executions: int
    unfinished: int


def examine(path: Path, *, thorough: bool = True) -> Health:
    """Read a store's file through, without changing it.

    `thorough` checks every page and index (seconds per gigabyte) and the sequence of every execution's events; without
    it only the structure of the tables. Raises `Unavailable`: `store_unreachable`, `store_damaged`, `store_newer`,
    `store_inconsistent`.
    """
    with opened(path) as database:
        faults = _rows(database, "pragma integrity_check(10)" if thorough else "pragma quick_check(1)")
        if faults != ["ok"]:
            raise damaged(path, "; ".join(faults[:_FAULTS_SHOWN]))
        version = _version(database, path)
        if thorough:
            _no_gaps(database, path)
        by_status = dict(database.execute("select status, count(*) from executions group by status").fetchall())
    unfinished = sum(by_status.get(status, 0) for status in ("pending", "running", "paused"))
    return Health(version, sum(by_status.values()), unfinished)


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A store's file, to be read only. Faults of SQLite become `Unavailable` with what to do."""
    if not path.is_file():
        raise Unavailable("store_unreachable", f"There is no file {path}.")
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
        try:
            connection.execute("pragma busy_timeout = 10000")
            yield connection
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}:
            raise damaged(path, str(error)) from error
        raise Unavailable("store_error", f"The store at {path} cannot be read: {error}.") from error


def damaged(path: Path, fault: str) -> Unavailable:
    """The problem of a file that cannot be trusted any more."""
    # What to do comes first: the fault may be long, and is cut off where there is little room.
    todo = "Stop Penstock and bring back a backup: penstock restore FILE --force."
    return Unavailable("store_damaged", f"{todo} {path} is not a healthy Penstock store: {fault}")


def _version(database: sqlite3.Connection, path: Path) -> int:
    if not _rows(database, "select 1 from sqlite_master where type = 'table' and name = 'schema_migrations'"):
        raise Unavailable("store_damaged", f"{path} is a database, but not one of Penstock's.")
    version = _rows(database, "select coalesce(max(version), 0) from schema_migrations")[0]
    newest = all_migrations()[-1].version
    if int(version) > newest:
        raise Unavailable(
            "store_newer", f"{path} has schema {version}, this Penstock knows {newest}. Upgrade Penstock."
        )
    return int(version)


def _no_gaps(database: sqlite3.Connection, path: Path) -> None:
    faulty = _rows(database, _GAPS)
    if faulty:
        text = f"{path}: events are missing of {', '.join(faulty[:_FAULTS_SHOWN])}. Do not rely on this copy."
        raise Unavailable("store_inconsistent", text)


def _rows(database: sqlite3.Connection, sql: str) -> list[str]:
    return [str(row[0]) for row in database.execute(sql).fetchall()]
