"""From the start of a process to help, to a server that is ready, and to the first result of a sync call.

The server starts on an empty data folder each time, so that it also makes its store, its project and its key; before
the first call a flow is saved. The files of the program are in the page cache, as they are after a first start.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable

from benchmarks.penstock_server import PENSTOCK, penstock_server
from benchmarks.report import Report, at_most
from benchmarks.sync_overhead import FLOW, SAME
from benchmarks.workspace import scratch

TARGETS = {"penstock --help": 0.3, "server ready": 1.5, "first sync result": 2.0}


def measure(report: Report, *, quick: bool) -> None:
    """Best and median of several starts; the target is for the median."""
    runs = 3 if quick else 15
    _help()
    times: dict[str, list[float]] = {"penstock --help": [_help() for _ in range(runs)]}
    for _ in range(runs):
        ready, answered = _server()
        times.setdefault("server ready", []).append(ready)
        times.setdefault("first sync result", []).append(answered)
    for name, seconds in times.items():
        report.add(f"{name}, median of {runs}", statistics.median(seconds), "s", target=at_most(TARGETS[name]))
        report.add(f"{name}, best of {runs}", min(seconds), "s")


def _help() -> float:
    return _seconds(lambda: subprocess.run([PENSTOCK, "--help"], check=True, capture_output=True))


def _server() -> tuple[float, float]:
    """Seconds until /readyz answered, and until a flow had been saved and called."""
    begun = time.perf_counter()
    with scratch() as folder, penstock_server(folder) as server:
        ready = time.perf_counter() - begun
        server.call("POST", "/flows", FLOW)
        if server.call("POST", "/flows/noop/execute", SAME) != SAME:
            raise RuntimeError("the first call gave another result")
        return ready, time.perf_counter() - begun


def _seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun
