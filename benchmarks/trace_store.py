"""A store of many traces, made once by SQL through the real schema, and kept.

A server makes the store and takes one trace in, whose rows become the pattern of all: what a release adds to a table is
there too. Nine in ten traces are of the project that is asked, and each tenth of these has a verdict.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.copying import copy_rows, numbers
from benchmarks.penstock_server import Server, penstock_server
from benchmarks.workspace import ENVIRONMENTS
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore
from penstock.storage.traces import PARTS

FIRST_AT = 1_780_000_000_000
"""In milliseconds since 1970; the traces are `APART_MS` from one another."""
APART_MS = 1_000
SPANS = 3
RARE = 2_000
"""One in so many is of a rare kind."""
ELSEWHERE = "elsewhere"
"""A word of the other project alone."""

_PATTERN = {
    "name": "answer",
    "children": [
        {"name": "look", "kind": "tool", "input": "where is my refund", "output": "sent on monday"},
        {"name": "write", "model": "gpt-4o", "input": "where is my refund", "tokens": {"input": 60, "output": 40}},
    ],
}
_OURS = "n % 10"
_RARE = f"n % {RARE} = 1"


@dataclass(frozen=True)
class TraceStore:
    """`folder/data` is the data folder; bytes are those of the database when it was made. `judges`: the one that has
    said most of the verdicts, and the one that has said few."""

    folder: Path
    traces: int
    database_bytes: int
    judges: tuple[str, str]


def trace_store(traces: int) -> TraceStore:
    """The store of this size, made when it is missing, and brought to this version."""
    folder = ENVIRONMENTS / "trace_store" / str(traces)
    stamp = folder / "made.json"
    database = folder / "data" / "penstock.db"
    if not stamp.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"  making {traces:,} traces in {folder}", flush=True)
        judges = _make(folder, traces)
        stamp.write_text(json.dumps({"bytes": database.stat().st_size, "judges": judges}))
    # Indexes over millions of rows take longer than anybody waits for a server to be ready.
    asyncio.run(_migrate(database))
    made = json.loads(stamp.read_text())
    return TraceStore(folder, traces, made["bytes"], tuple(made["judges"]))


def trace_id(number: int) -> str:
    """The id of a trace by its number, from 1."""
    return f"{created_at(number):012x}{number:012x}"


def created_at(number: int) -> int:
    """When a trace came, in milliseconds since 1970."""
    return FIRST_AT + number * APART_MS


async def _migrate(path: Path) -> None:
    store = SqliteStore(path)
    try:
        await migrate(store)
    finally:
        await store.close()


def _make(folder: Path, traces: int) -> list[str]:
    with penstock_server(folder) as server:
        server.call("POST", "/traces", _PATTERN)
        judges = [_judge(server, name) for name in ("often", "seldom")]
    with closing(sqlite3.connect(folder / "data" / "penstock.db", isolation_level=None)) as database:
        # There is nothing to lose: what is half made is made again.
        for pragma in ("synchronous = off", "cache_size = -400000"):
            database.execute(f"pragma {pragma}")
        database.execute("begin")
        _fill(database, traces, judges)
        database.execute("commit")
        database.execute("pragma wal_checkpoint(truncate)")
    return judges


def _judge(server: Server, name: str) -> str:
    definition = {"name": name, "evaluationGoal": "Is it an answer?", "model": "openai/gpt-4o"}
    made: str = server.call("POST", "/judges", definition)["id"]
    return made


def _fill(database: sqlite3.Connection, traces: int, judges: list[str]) -> None:
    """Rows in the order in which a server would have written them, table by table."""
    numbers(database, traces)
    copy_rows(database, "traces", "numbers", _trace())
    # Spans of a trace one after the other, as they come.
    pattern = "(select s.*, row_number() over (order by no) - 1 as k from spans s where trace_no = 1)"
    copy_rows(
        database, "spans", "numbers", {"no": f"{SPANS + 1} + (n - 1) * {SPANS} + k", "trace_no": "n + 1"}, pattern
    )
    database.execute(
        f"insert into trace_words (rowid, project, words) select (n + 1) * {PARTS}, {_project('w')}, {_words()}"
        " from numbers cross join (select project from trace_words limit 1) w"
    )
    columns = _verdict(judges)
    database.execute(
        f"insert into trace_evaluations ({', '.join(columns)}) select {', '.join(columns.values())}"
        " from numbers cross join (select * from traces where no = 1) pattern where n % 10 = 1"
    )


def _project(pattern: str) -> str:
    column = "project" if pattern == "w" else "project_id"
    return f"case when {_OURS} then {pattern}.{column} else 'another' end"


def _at(number: str = "n") -> str:
    return f"({FIRST_AT} + {number} * {APART_MS})"


def _trace() -> dict[str, str]:
    return {
        "no": "n + 1",
        "id": f"printf('%012x%012x', {_at()}, n)",
        "project_id": _project("pattern"),
        "trace_id": "printf('%032x', n)",
        "source": f"case when {_RARE} then 'seldom' else 'often' end",
        "name": f"case when {_RARE} then 'seldom' else 'answer' end",
        "status": "case when n % 100 = 1 then 'error' else 'ok' end",
        "started_at": _at(),
        "started_ns": f"{_at()} * 1000000",
        "duration_ms": "(n * 7919 % 1000000) / 10.0",
        "cost_nanos": "n * 104729 % 1000000 * 1000",
        "created_at": _at(),
        "updated_at": _at(),
    }


def _words() -> str:
    """Words of everybody, of every second, of few, of one alone, and of the other project alone."""
    frequent = "'answer look write gpt-4o where is my refund sent on monday'"
    parts = (
        frequent,
        "case when n % 2 then ' odd' else ' even' end",
        f"case when {_RARE} then ' seldom' else '' end",
        f"case when {_OURS} then '' else ' {ELSEWHERE}' end",
        "printf(' word%d', n)",
    )
    return " || ".join(parts)


def _verdict(judges: list[str]) -> dict[str, str]:
    often, seldom = judges
    return {
        "id": f"printf('%012x%012x', {_at()} + 5, n)",
        "organization_id": "pattern.organization_id",
        "project_id": _project("pattern"),
        "execution_id": "printf('exec_%024x', n / 1000)",
        "ordinal": "n",
        "trace_id": f"printf('%012x%012x', {_at()}, n)",
        "trace_name": "'answer'",
        "judge_id": f"case when {_RARE} then '{seldom}' else '{often}' end",
        "judge_name": f"case when {_RARE} then 'seldom' else 'often' end",
        "judge_version": "1",
        "place": "0",
        "status": "'scored'",
        "score": "n / 10 % 2",
        "passed": "n / 10 % 2",
        "created_at": f"{_at()} + 5",
        "judged_at": f"{_at()} + 5",
    }
