"""Looking at executions and items in a store of 1,000,000 executions and 10,000,000 items, over HTTP.

`penstock serve` runs on a store that was made by SQL through the real schema (see benchmarks/large_store.py). One
caller on a kept connection asks each question again and again, each time for another place in the list. Page 10,000
begins behind 500,000 entries. Times are those of the caller, from the request to the end of the answer. Before that,
the store is brought to this version and read once, so that it is in the page cache as far as memory allows.

`python -m benchmarks.list_scale --executions N --items N` measures other sizes, and keeps nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

from benchmarks.asking import Asked, Question, answered, begun, p95, read_once
from benchmarks.conditions import conditions
from benchmarks.large_store import Sizes, created_at, execution_id, large_store
from benchmarks.penstock_server import penstock_server
from benchmarks.report import Report, at_most

USUAL = Sizes(1_000_000, 10_000_000)
QUICK = Sizes(20_000, 200_000)
PAGE = 50
TARGET_MS = 20


def measure(report: Report, *, quick: bool, sizes: Sizes = USUAL) -> None:
    """Every question so many times; the start of the server, and its memory afterwards."""
    turns = 20 if quick else 200
    store = large_store(QUICK if quick else sizes)
    read_once(store.folder)
    started = time.perf_counter()
    with penstock_server(store.folder, command="serve") as server:
        report.add("server ready", time.perf_counter() - started, "s", target=at_most(1.5))
        for question in (*_of_the_list(store.sizes), *_of_one(store.sizes)):
            _add(report, question.name, answered(server, question.path, turns))
        results = f"/executions/{execution_id(store.sizes.large)}/results"
        _add(report, "results of the largest, first byte", begun(server, results, turns))
        report.add("RSS of the server afterwards", server.process.rss_mb(), "MB")
    report.add("database when it was made", store.database_bytes / 1e6, "MB")
    executions, items = store.sizes.executions, store.sizes.items
    report.note(f"{executions:,} executions, {items:,} items, p95 of {turns} turns; a page has {PAGE} entries.")


def _of_the_list(sizes: Sizes) -> Iterator[Question]:
    """Lists of executions. Each turn reads another page near the place that its name tells."""
    depth = sizes.executions // 2
    newest = sizes.executions - 1_000

    def listed(**query: str) -> Asked:
        return lambda turn: _list(**query) if turn == 0 else _list(**query, cursor=execution_id(newest - turn * PAGE))

    def deep(**query: str) -> Asked:
        return lambda turn: _list(**query, cursor=execution_id(depth - turn * PAGE))

    yield Question("list, page 1", lambda turn: _list())
    yield Question("list, page 10,000", deep())
    for name, query in (
        ("status=completed", {"status": "completed"}),
        ("status=failed", {"status": "failed"}),
        ("status=paused, none", {"status": "paused"}),
        ("status=pending,running", {"status": "pending,running"}),
        ("flowId of half of all", {"flowId": "many"}),
        ("flowId of one in 2,000", {"flowId": f"{17:024x}"}),
        ("flowId and status=failed", {"flowId": "many", "status": "failed"}),
        ("flowId and status=paused, none", {"flowId": "many", "status": "paused"}),
        ("flowId of one in 2,000 and status=completed", {"flowId": f"{17:024x}", "status": "completed"}),
        ("kind=flow", {"kind": "flow"}),
        ("kind of one in 50,000", {"kind": "evaluation"}),
        ("q, a name of half of all", {"q": "many"}),
        ("q, part of many names", {"q": "flow 1"}),
        ("q, of none", {"q": "nothing has this name"}),
    ):
        yield Question(f"list, {name}, near page 1", listed(**query))
        yield Question(f"list, {name}, near page 10,000", deep(**query))
    yield Question("list, q, an id", lambda turn: _list(q=execution_id(depth - turn * 10 - 1)))
    yield Question("list, one day", lambda turn: _list(**_day(depth - turn * 100)))
    yield Question("list, one day, status=failed", lambda turn: _list(**_day(depth - turn * 100), status="failed"))


def _of_one(sizes: Sizes) -> Iterator[Question]:
    """One execution, and what is below it: of the largest, where nothing else is said."""
    large = f"/executions/{execution_id(sizes.large)}"
    items, steps = sizes.items_of_large, sizes.items_of_others * sizes.large
    yield Question("get", lambda turn: f"/executions/{execution_id(sizes.executions // 2 - turn * 10 - 1)}")
    yield Question("get, the largest", lambda turn: large)
    yield Question("get, not begun", lambda turn: f"/executions/{execution_id(sizes.executions - 1)}")
    yield Question("items, page 1", lambda turn: f"{large}/items?limit={PAGE}")
    yield Question("items, half way", lambda turn: f"{large}/items?limit={PAGE}&cursor={items // 2 + turn * PAGE}")
    yield Question("items, last page", lambda turn: f"{large}/items?limit={PAGE}&cursor={items - PAGE - 1 - turn}")
    yield Question("items, status=failed, page 1", lambda turn: f"{large}/items?limit={PAGE}&status=failed")
    yield Question(
        "items, status=failed, half way",
        lambda turn: f"{large}/items?limit={PAGE}&status=failed&cursor={items // 2 - turn}",
    )
    yield Question("items, status=skipped, none", lambda turn: f"{large}/items?limit={PAGE}&status=skipped")
    yield Question("items of a small one", lambda turn: f"/executions/{execution_id(sizes.large - turn * 10)}/items")
    yield Question("logs, page 1", lambda turn: f"{large}/logs")
    yield Question("logs, half way", lambda turn: f"{large}/logs?after={steps + items // 2 + turn * 100}")
    yield Question(
        "logs, level=error", lambda turn: f"{large}/logs?level=error&after={steps + items // 2 + turn * 100}"
    )
    yield Question("logs of an item", lambda turn: f"{large}/logs?item={items // 2 + turn}")
    yield Question("metrics", lambda turn: "/metrics")


def _list(**query: str) -> str:
    return f"/executions?{urlencode({'limit': str(PAGE), **query})}"


def _day(number: int) -> dict[str, str]:
    """The day that ends when an execution was created."""
    end = created_at(number)
    return {"createdAfter": _iso(end - 86_400_000), "createdBefore": _iso(end)}


def _iso(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add(report: Report, name: str, times: list[float]) -> None:
    report.add(name, p95(times), "ms", target=at_most(TARGET_MS))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.list_scale", description="Other sizes; nothing is kept."
    )
    parser.add_argument("--executions", type=int, default=USUAL.executions, help="at least 10,000")
    parser.add_argument("--items", type=int, default=USUAL.items)
    arguments = parser.parse_args()
    report = Report("list_scale", conditions())
    print(report.heading(), flush=True)
    measure(report, quick=False, sizes=Sizes(arguments.executions, arguments.items))
    print(report.text())


if __name__ == "__main__":
    main()
