"""A store of a million executions and ten million items, made once by SQL through the real schema, and kept.

A server makes the store and runs a flow, whose rows become the pattern of all: what a release adds to a table is there
too. Nine in ten executions are of the project that is asked; one of them holds a tenth of all items.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.copying import copy_rows
from benchmarks.penstock_server import penstock_server
from benchmarks.workspace import ENVIRONMENTS
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore

FLOWS = 1_000
FIRST_AT = 1_735_689_600_000
"""2025-01-01, in milliseconds since 1970."""
APART_MS = 30_000
WAITING = 100
"""The last so many have not begun."""
LARGE_FROM_END = 998
"""The large execution is so many before the last."""

FLOW = {
    "name": "many",
    "input": {"text": {"type": "string", "required": True}},
    "nodes": {"same": {"type": "transform", "inputs": {"text": "input.text"}, "expression": "text"}},
    "output": "same.out",
}
_ERROR = """'{"code":"model_refused_request","message":"the model refuses","node":"same","retryable":false}'"""


@dataclass(frozen=True)
class Sizes:
    """How many executions and items a store has: one large one has a share of the items, of which some failed."""

    executions: int
    items: int
    share: int = 10
    failed_each: int = 100

    @property
    def large(self) -> int:
        """The number of the one large execution, from 1."""
        return self.executions - LARGE_FROM_END

    @property
    def begun(self) -> int:
        """The number of the last that has begun."""
        return self.executions - WAITING

    @property
    def items_of_large(self) -> int:
        return self.items // self.share

    @property
    def items_of_others(self) -> int:
        """Items of each of them."""
        return (self.items - self.items_of_large) // self.executions


@dataclass(frozen=True)
class LargeStore:
    """`folder/data` is the data folder; bytes are those of the database when it was made."""

    folder: Path
    sizes: Sizes
    database_bytes: int


def large_store(sizes: Sizes) -> LargeStore:
    """The store of these sizes, made when it is missing, and brought to this version."""
    folder = ENVIRONMENTS / "large_store" / f"{sizes.executions}x{sizes.items}-{sizes.share}-{sizes.failed_each}"
    stamp = folder / "bytes.txt"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"  making {sizes.executions:,} executions and {sizes.items:,} items in {folder}", flush=True)
        _make(folder, sizes)
        stamp.write_text(str((folder / "data" / "penstock.db").stat().st_size))
    # Indexes over millions of rows take longer than anybody waits for a server to be ready.
    asyncio.run(_migrate(folder / "data" / "penstock.db"))
    return LargeStore(folder, sizes, int(stamp.read_text()))


async def _migrate(path: Path) -> None:
    store = SqliteStore(path)
    try:
        await migrate(store)
    finally:
        await store.close()


def execution_id(number: int) -> str:
    """The id of an execution by its number, from 1."""
    return f"exec_{created_at(number):012x}{number:012x}"


def created_at(number: int) -> int:
    """When an execution was created, in milliseconds since 1970."""
    return FIRST_AT + number * APART_MS


def _make(folder: Path, sizes: Sizes) -> None:
    with penstock_server(folder) as server:
        server.call("POST", "/flows", FLOW)
        server.call("POST", "/flows/many/executions", {"inputs": [{"text": "a"}, {"text": "b"}], "mode": "sync"})
    with closing(sqlite3.connect(folder / "data" / "penstock.db", isolation_level=None)) as database:
        # There is nothing to lose: what is half made is made again.
        for pragma in ("synchronous = off", "cache_size = -200000"):
            database.execute(f"pragma {pragma}")
        _fill(database, sizes)
        database.execute("pragma wal_checkpoint(truncate)")


def _fill(database: sqlite3.Connection, sizes: Sizes) -> None:
    """Rows in the order in which a server would have written them, table by table."""
    database.execute("create temp table numbers (n integer primary key, items integer)")
    database.execute(
        "insert into numbers with recursive one(n) as (select 1 union all select n + 1 from one where n < ?1)"
        " select n, case when n = ?2 then ?3 else ?4 end from one",
        (sizes.executions, sizes.large, sizes.items_of_large, sizes.items_of_others),
    )
    database.execute("create temp table ordinals (k integer primary key)")
    database.execute(
        "insert into ordinals with recursive one(k) as (select 0 union all select k + 1 from one where k + 1 < ?1)"
        " select k from one",
        (sizes.items_of_large,),
    )
    copy_rows(database, "executions", "numbers", _execution(sizes))
    every_item = "(select n, k from numbers cross join ordinals on k < items)"
    copy_rows(database, "items", every_item, _item(sizes))
    copy_rows(database, "steps", f"(select * from {every_item} where n <= {sizes.begun})", _step(sizes))
    for seq, status in enumerate(("pending", "running", "completed"), 1):
        of_event = {"execution_no": "n + 1", "seq": str(seq), "at": _at("n"), "data": f'\'{{"status":"{status}"}}\''}
        copy_rows(
            database,
            "events",
            "numbers" if seq == 1 else f"(select n from numbers where n <= {sizes.begun})",
            of_event,
        )


def _at(number: str) -> str:
    return f"({FIRST_AT} + {number} * {APART_MS})"


def _execution(sizes: Sizes) -> dict[str, str]:
    begun = f"n <= {sizes.begun}"
    own = f"(n % 2 or n = {sizes.large})"
    status = (
        f"case when n > {sizes.begun} then 'pending' when n % 1000 = 7 then 'timeout' when n % 500 = 3"
        " then 'cancelled' when n % 100 = 1 then 'failed' else 'completed' end"
    )
    failed = f"items / {sizes.failed_each}"
    counted = f"json_set(pattern.summary, '$.counts.succeeded', items - {failed}, '$.counts.failed', {failed})"
    return {
        "no": "n + 1",
        "id": f"printf('exec_%012x%012x', {_at('n')}, n)",
        "project_id": "case when n % 10 = 0 then 'another project' else pattern.project_id end",
        "kind": "case when n % 50000 = 5 then 'evaluation' else pattern.kind end",
        "subject_id": f"case when {own} then pattern.subject_id else printf('%024x', n / 2 % {FLOWS}) end",
        "subject_name": f"case when {own} then pattern.subject_name else printf('flow %d', n / 2 % {FLOWS}) end",
        "lane": "'batch'",
        "status": status,
        "total_items": "items",
        "seq": f"case when {begun} then items + 3 else 1 end",
        "created_at": _at("n"),
        "started_at": f"case when {begun} then {_at('n')} + 2 end",
        "period_started_at": f"case when {begun} then {_at('n')} + 2 end",
        "finished_at": f"case when {begun} then {_at('n')} + 20 end",
        "deadline_at": f"{_at('n')} + 1000000000000",
        "summary": f"case when {begun} then json_set({counted}, '$.total', items) end",
        "lease_owner": "null",
    }


def _item(sizes: Sizes) -> dict[str, str]:
    begun = f"n <= {sizes.begun}"
    failed = f"{begun} and {_failed(sizes)}"
    return {
        "execution_no": "n + 1",
        "path": "printf('%09d', k)",
        "status": f"case when {failed} then 'failed' when {begun} then 'succeeded' else 'pending' end",
        "seq": f"case when {begun} then k + 3 end",
        "input": 'printf(\'{"text":"what item %d of execution %d is handed"}\', k, n)',
        "error": f"case when {failed} then {_ERROR} end",
        "started_at": f"case when {begun} then {_at('n')} + 3 end",
        "finished_at": f"case when {begun} then {_at('n')} + 9 end",
    }


def _failed(sizes: Sizes) -> str:
    return f"(k % {sizes.failed_each} = {sizes.failed_each - 1})"


def _step(sizes: Sizes) -> dict[str, str]:
    failed = _failed(sizes)
    return {
        "no": "null",
        "execution_no": "n + 1",
        "path": "printf('%09d', k)",
        "status": f"case when {failed} then 'failed' else 'succeeded' end",
        "started_at": f"{_at('n')} + 4",
        "output": f"case when not {failed} then printf('\"what item %d of execution %d is handed\"', k, n) end",
        "output_is_item": f"not {failed}",
        "error": f"case when {failed} then {_ERROR} end",
    }
