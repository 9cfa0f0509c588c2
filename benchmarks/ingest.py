"""Spans over OTLP/HTTP (protobuf): how many a second are acknowledged, and how many can be read.

Traces of 8 spans of about 0.6 KB each, in requests of 512 spans (what OpenTelemetry's batches are by default) from 4
senders, and of 8 spans (a trace) from 16 senders, all on kept connections. Beside the senders one reader asks for the
last trace of every request, of small ones of a hundred, until it is shown with all its spans. Who is told to come again
later does so. CPU is that of the server until the last span can be read. Then the server is killed with -9 right after
the last of several requests was acknowledged, and started again; and requests are sent twice. Phoenix does the same.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from benchmarks.peers.phoenix import phoenix
from benchmarks.report import PENSTOCK, Report, Target, at_least, at_most
from benchmarks.spans import SPANS_OF_A_TRACE, Request, requests
from benchmarks.trace_system import TraceSystem, penstock
from benchmarks.workspace import Unavailable, scratch

LARGE_TRACES, LARGE_SENDERS = 64, 4
SMALL_TRACES, SMALL_SENDERS = 1, 16
_WATCHED = 100
_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 600.0

Waiting: TypeAlias = "queue.SimpleQueue[tuple[Request, float] | None]"
"""Requests that were acknowledged, with when they were sent; None: no more come."""
Watched: TypeAlias = Set[Request]
Opened: TypeAlias = Callable[[Path], AbstractContextManager[TraceSystem]]


@dataclass(frozen=True)
class Load:
    """How many requests of each kind a system gets: enough for some seconds, and not for hours."""

    large: int
    small: int
    killed: int


@dataclass
class Run:
    """What was found while one load was sent. Seconds; `waits` are from sending a request to reading its last trace."""

    spans: int
    accepted_seconds: float = 0.0
    visible_seconds: float = 0.0
    cpu_seconds: float = 0.0
    waits: list[float] = field(default_factory=list)


def measure(report: Report, *, quick: bool) -> None:
    """Penstock first, then Phoenix, which gets less to do, as it takes longer over it."""
    share = 10 if quick else 1
    _measure(report, PENSTOCK, penstock, Load(100 // share, 2000 // share, 40 // share))
    try:
        _measure(report, "Phoenix", phoenix, Load(6 // share or 1, 100 // share, 4 // share or 1))
    except Unavailable as error:
        report.note(f"Phoenix was not measured: {error}.")


def _measure(report: Report, system: str, opened: Opened, load: Load) -> None:
    with scratch() as folder:
        with opened(folder) as running:
            _send_all(running, requests(2, LARGE_TRACES, seed=1), 1)
            large = _send_all(running, requests(load.large, LARGE_TRACES, seed=2), LARGE_SENDERS)
            small = _send_all(running, requests(load.small, SMALL_TRACES, seed=3), SMALL_SENDERS)
            added = _added_by_sending_twice(running)
            peak, size = running.process.peak_rss_mb(), running.database.stat().st_size / running.rows()
            if running.about:
                report.note(f"{system}: {running.about}.")
        lost = _lost_by_a_kill(folder, opened, load.killed)
    _add(report, system, f"requests of {LARGE_TRACES * SPANS_OF_A_TRACE}", large)
    _add(report, system, f"requests of {SMALL_TRACES * SPANS_OF_A_TRACE}", small)
    _figure(report, system, "acknowledged spans lost by kill -9", lost, "", at_most(0))
    _figure(report, system, "spans added by sending again", added, "", at_most(0))
    _figure(report, system, "peak RSS of the server", peak, "MB")
    _figure(report, system, "database per span", size / 1000, "KB")


def _add(report: Report, system: str, what: str, run: Run) -> None:
    _figure(report, system, f"spans/s acknowledged, {what}", run.spans / run.accepted_seconds, "/s")
    _figure(report, system, f"spans/s visible, {what}", run.spans / run.visible_seconds, "/s", at_least(2000))
    waits = sorted(run.waits)
    _figure(report, system, f"p50 until visible, {what}", waits[len(waits) // 2], "s")
    _figure(report, system, f"p99 until visible, {what}", waits[int(len(waits) * 0.99)], "s", at_most(2))
    _figure(report, system, f"CPU per span, {what}", run.cpu_seconds / run.spans * 1000, "ms", at_most(0.4))


def _figure(report: Report, system: str, name: str, value: float, unit: str, target: Target | None = None) -> None:
    report.add(name, value, unit, system=system, target=target if system == PENSTOCK else None)


def _send_all(system: TraceSystem, sent: list[Request], senders: int) -> Run:
    """Send everything, and return when the last span can be read."""
    run = Run(sum(request.spans for request in sent))
    waiting: Waiting = queue.SimpleQueue()
    before_rows, before_cpu = system.rows(), system.process.cpu_seconds()
    reader = threading.Thread(target=_watch, args=(system, waiting, run))
    reader.start()
    begun = time.perf_counter()
    with ThreadPoolExecutor(senders) as pool:
        watched = set(sent[:: max(1, len(sent) // _WATCHED)])
        done = [pool.submit(_send, system, sent[n::senders], waiting, watched) for n in range(senders)]
    run.accepted_seconds = time.perf_counter() - begun
    waiting.put(None)
    for future in done:
        future.result()
    reader.join()
    while system.rows() < before_rows + run.spans and time.perf_counter() - begun < _PATIENCE_SECONDS:
        time.sleep(_POLL_SECONDS)
    run.visible_seconds = time.perf_counter() - begun
    run.cpu_seconds = system.process.cpu_seconds() - before_cpu
    return run


def _send(
    system: TraceSystem, sent: list[Request], waiting: Waiting | None = None, watched: Watched = frozenset()
) -> None:
    connection = system.connect()
    for request in sent:
        at = time.perf_counter()
        while True:
            connection.request("POST", "/v1/traces", request.body, system.headers)
            response = connection.getresponse()
            said = response.read()
            if response.status == 200:
                break
            if response.status not in (429, 503):
                raise RuntimeError(f"{response.status}: {said[:500]!r}")
            time.sleep(float(response.headers.get("Retry-After", "1")))
        if waiting is not None and request in watched:
            waiting.put((request, at))
    connection.close()


def _watch(system: TraceSystem, waiting: Waiting, run: Run) -> None:
    connection = system.connect()
    while (next_one := waiting.get()) is not None:
        request, sent_at = next_one
        while system.seen(connection, request.last_trace) < SPANS_OF_A_TRACE:
            if time.perf_counter() - sent_at > _PATIENCE_SECONDS:
                raise RuntimeError(f"trace {request.last_trace} is not shown after {_PATIENCE_SECONDS:g} s")
            time.sleep(_POLL_SECONDS)
        run.waits.append(time.perf_counter() - sent_at)
    connection.close()


def _added_by_sending_twice(system: TraceSystem) -> int:
    twice = requests(2, LARGE_TRACES, seed=4)
    _send_all(system, twice, 1)
    before = system.rows()
    _send(system, twice)
    # Whoever adds them later than it says so has added them before one that comes behind them.
    behind = _send_all(system, requests(1, 1, seed=5), 1)
    return system.rows() - before - behind.spans


def _lost_by_a_kill(folder: Path, opened: Opened, count: int) -> int:
    sent = requests(count, LARGE_TRACES, seed=6)
    with opened(folder) as system:
        before = system.rows()
        with ThreadPoolExecutor(LARGE_SENDERS) as pool:
            list(pool.map(lambda n: _send(system, sent[n::LARGE_SENDERS]), range(LARGE_SENDERS)))
        os.kill(system.process.pid, signal.SIGKILL)
    with opened(folder) as system:
        return before + sum(request.spans for request in sent) - system.rows()
