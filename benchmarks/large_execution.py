"""What one execution of 1,000,000 items does to everybody else: sync calls beside its retry, its cancel and its delete.

The execution is made by SQL through the real schema (see benchmarks/large_store.py); a tenth of its items failed. One
caller on a kept connection makes sync calls of a flow that does nothing, first alone, then while the 100,000 failed
items are retried and run again, while that is cancelled halfway, and while the execution is deleted. The pause is the
longest that a sync call waited: what holds up the one writer of the store shows in it.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.callers import Measured, Task, call_from
from benchmarks.large_store import Sizes, execution_id, large_store
from benchmarks.penstock_server import Server, penstock_server
from benchmarks.report import Report, at_most
from benchmarks.workspace import scratch

USUAL = Sizes(2_000, 1_000_000, share=1, failed_each=10)
QUICK = Sizes(2_000, 20_000, share=1, failed_each=10)
PAUSE_MS = 250
"""A sync call may wait so long for a piece of something large."""


@dataclass
class Done:
    """What a call beside the sync calls came to: its answer, and how long it took."""

    answer: Any = None
    seconds: float = 0.0


def measure(report: Report, *, quick: bool) -> None:
    """The calls alone, and beside each of the three."""
    store = large_store(QUICK if quick else USUAL)
    seconds = 2.0 if quick else 10.0
    large = f"/executions/{execution_id(store.sizes.large)}"
    with scratch() as folder:
        shutil.copytree(store.folder / "data", folder / "data")
        with penstock_server(folder) as server:
            _add(report, "alone", _calls(server, seconds))
            with _meanwhile(lambda: server.call("POST", f"{large}/retry", {"items": "failed"})) as retry:
                _add(report, "beside a retry", _calls(server, seconds))
            report.add("retry answered after", retry.seconds * 1000, "ms")
            with _meanwhile(lambda: server.call("POST", f"{large}/cancel")) as cancel:
                _add(report, "beside the cancel of it", _calls(server, seconds))
            report.add("cancel answered after", cancel.seconds * 1000, "ms")
            _run_the_rest(server, large)
            with _meanwhile(lambda: server.call("DELETE", large)) as delete:
                _add(report, "beside its delete", _calls(server, seconds))
            report.add("delete answered after", delete.seconds * 1000, "ms")
            report.add("highest RSS of the server", server.process.peak_rss_mb(), "MB")
    failed = store.sizes.items_of_large // store.sizes.failed_each
    report.note(f"{store.sizes.items_of_large:,} items, {failed:,} of them failed; {seconds:g} s of calls each time.")


def _run_the_rest(server: Server, large: str) -> None:
    """So that it is over, whatever the cancel met."""
    while server.call("GET", f"{large}?wait=30")["status"] not in ("completed", "failed", "cancelled"):
        pass


def _calls(server: Server, seconds: float) -> Measured:
    return call_from(Task(f"{server.url}/flows/many/execute", server.headers, {"text": "a"}, "a", 1, seconds))


def _add(report: Report, when: str, measured: Measured) -> None:
    report.add(f"sync call {when}, p50", measured.p50_ms, "ms")
    report.add(f"sync call {when}, p99", measured.p99_ms, "ms")
    report.add(f"sync call {when}, longest", measured.most_ms, "ms", target=at_most(PAUSE_MS))


@contextmanager
def _meanwhile(call: Callable[[], Any]) -> Iterator[Done]:
    """Make a call in a thread a moment after the block has begun; it is answered when the block is left."""
    done = Done()

    def make() -> None:
        time.sleep(0.5)
        begun = time.perf_counter()
        done.answer = call()
        done.seconds = time.perf_counter() - begun

    thread = threading.Thread(target=make, name="meanwhile")
    thread.start()
    try:
        yield done
    finally:
        thread.join()
