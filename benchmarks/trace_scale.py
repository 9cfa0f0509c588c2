"""Looking for traces in stores of 1,000, of 100,000 and of 1,000,000 traces, over HTTP; Penstock's are the last.

`penstock serve` runs on stores that were made by SQL through the real schema (see benchmarks/trace_store.py): traces of
3 spans, nine in ten of the project that is asked, a verdict for each tenth, and words that all have, every second, one
in 2,000, one alone, or only another project's. One caller on a kept connection asks each question again and again, each
time for another place in the list; "deep" begins behind half of all. Times are those of the caller, from the request to
the end of the answer. What counts is that they do not grow with the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

from benchmarks.asking import Asked, Question, answered, begun, p50, read_once
from benchmarks.penstock_server import penstock_server
from benchmarks.report import PENSTOCK, Report, at_most
from benchmarks.trace_store import (
    APART_MS,
    ELSEWHERE,
    RARE,
    TraceStore,
    created_at,
    trace_id,
    trace_store,
)

PAGE = 50
TARGET_MS = 20
SCAN_TARGET_MS = 100
"""Of a page that reads as many rows as one may, since few of them are wanted."""
_TURNS = 100


def measure(report: Report, *, quick: bool) -> None:
    """Every question of every store."""
    sizes = (1_000, 10_000) if quick else (1_000, 100_000, 1_000_000)
    for size in sizes:
        store = trace_store(size)
        read_once(store.folder)
        system = PENSTOCK if size == sizes[-1] else f"of {size:,}"
        with penstock_server(store.folder, command="serve") as server:
            for target, question in _questions(store):
                times = answered(server, question.path, 20 if quick else _TURNS)
                _add(report, question.name, times, system, target)
            exported = begun(server, "/traces/export", 20)
            _add(report, "export of all, first byte", exported, system, TARGET_MS)
            report.add("RSS of the server afterwards", server.process.rss_mb(), "MB", system=system)
        report.add("database", store.database_bytes / 1e6, "MB", system=system)
    report.note(f"median of {_TURNS} turns; a page has {PAGE} traces, where so many are found among those it reads.")


def _questions(store: TraceStore) -> Iterator[tuple[int, Question]]:
    """Each with the milliseconds that its answer may take."""
    middle, often, seldom = store.traces // 2, *store.judges
    queries: tuple[tuple[str, dict[str, str], int], ...] = (
        ("all", {}, TARGET_MS),
        ("source of nearly all", {"source": "often"}, TARGET_MS),
        ("source of one in 2,000", {"source": "seldom"}, TARGET_MS),
        ("status=error, one in 100", {"status": "error"}, TARGET_MS),
        ("status=unset, none", {"status": "unset"}, TARGET_MS),
        ("name of one in 2,000", {"name": "seldom"}, TARGET_MS),
        ("source of nearly all and status=error", {"source": "often", "status": "error"}, TARGET_MS),
        ("source and status of none", {"source": "often", "status": "unset"}, SCAN_TARGET_MS),
        ("judge of one in 10", {"judge": often}, TARGET_MS),
        ("judge of one in 10 and outcome=fail", {"judge": often, "outcome": "fail"}, TARGET_MS),
        ("judge of one in 2,000", {"judge": seldom}, TARGET_MS),
        ("outcome=pass, one in 20", {"outcome": "pass"}, TARGET_MS),
        ("minDurationMs, one in 10", {"minDurationMs": "90000"}, TARGET_MS),
        ("minCostUsd, none", {"minCostUsd": "5"}, SCAN_TARGET_MS),
    )
    for name, query, target in queries:
        yield from _both(name, target, query, lambda turn: trace_id(middle - turn * PAGE % middle))
    yield from _by_other_orders(middle)
    yield from _by_words(store)
    yield TARGET_MS, Question("one trace", lambda turn: f"/traces/{trace_id(_some(store, turn))}")
    yield TARGET_MS, Question("one trace, by its sender's id", lambda turn: f"/traces/{_some(store, turn):032x}")
    yield TARGET_MS, Question("tree of one", lambda turn: f"/traces/{trace_id(_some(store, turn))}/tree")
    yield TARGET_MS, Question("sources", lambda turn: "/traces/sources")


def _by_other_orders(middle: int) -> Iterator[tuple[int, Question]]:
    cursors = {
        "startedAt": f"{created_at(middle)}~{trace_id(middle)}",
        "durationMs": f"50000.0~{trace_id(middle)}",
        "costUsd": f"500000000~{trace_id(middle)}",
    }
    for sort, cursor in cursors.items():
        for order in ("desc", "asc"):
            yield from _both(f"sort={sort} {order}", TARGET_MS, {"sort": sort, "order": order}, _always(cursor))
    yield TARGET_MS, Question("an hour", lambda turn: _list(_hour(middle - turn)))
    yield TARGET_MS, Question("an hour, status=error", lambda turn: _list({**_hour(middle - turn), "status": "error"}))


def _by_words(store: TraceStore) -> Iterator[tuple[int, Question]]:
    middle = store.traces // 2
    for name, words, target in (
        ("a word of all", "refund", TARGET_MS),
        ("two words of all", "refund monday", TARGET_MS),
        ("a word of every second", "odd", TARGET_MS),
        ("two words that are never together", "odd even", SCAN_TARGET_MS),
        ("a word of one in 2,000", "seldom", TARGET_MS),
        ("a word of one in 2,000 and one of all", "seldom refund", TARGET_MS),
        ("a word of none", "nobody", TARGET_MS),
        ("a word of another project alone", ELSEWHERE, SCAN_TARGET_MS),
        ("the beginning of a word of all", "ref*", SCAN_TARGET_MS),
        ("the beginning of a ninth of all words", "word1*", SCAN_TARGET_MS),
    ):
        query = {"search": words}
        yield from _both(f"search, {name}", target, query, lambda turn: str(middle - turn * PAGE % middle))
    yield (
        TARGET_MS,
        Question("search, a word of one alone", lambda turn: _list({"search": f"word{_some(store, turn * RARE)}"})),
    )
    yield TARGET_MS, Question("model of all", lambda turn: _list({"model": "gpt-4o"}))
    yield (
        SCAN_TARGET_MS,
        Question("search, a word of all, status=unset", lambda turn: _list({"search": "refund", "status": "unset"})),
    )


def _both(name: str, target: int, query: dict[str, str], cursor: Asked) -> Iterator[tuple[int, Question]]:
    """The first page, and one behind a cursor."""
    yield target, Question(f"{name}, page 1", lambda turn: _list(query))
    yield target, Question(f"{name}, deep", lambda turn: _list({**query, "cursor": cursor(turn)}))


def _always(cursor: str) -> Asked:
    return lambda turn: cursor


def _some(store: TraceStore, turn: int) -> int:
    """The number of a trace of the project, another one each turn."""
    return 1 + turn * 10 % store.traces


def _list(query: dict[str, str]) -> str:
    return f"/traces?{urlencode({'limit': str(PAGE), **query})}"


def _hour(number: int) -> dict[str, str]:
    """The hour that ends when a trace began."""
    end = created_at(max(1, number))
    return {"from": _iso(end - 3600 * APART_MS), "to": _iso(end)}


def _iso(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add(report: Report, name: str, times: list[float], system: str, target_ms: int) -> None:
    target = at_most(target_ms) if system == PENSTOCK else None
    report.add(name, p50(times), "ms", system=system, target=target)
