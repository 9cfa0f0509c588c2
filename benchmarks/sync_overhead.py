"""A durable sync call of a one-node flow that does nothing, over HTTP.

Each call creates an execution, records its step and its item, ends it, and answers with its result: all of it on disk
before the answer. 1 and 50 callers on kept connections, in a process of their own. DBOS and Restate do the same: a
workflow with one recorded step behind an HTTP endpoint. CPU is that of all processes that serve a call, without the
caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.callers import Measured, Task, call_from
from benchmarks.peers import PEERS, Endpoint
from benchmarks.penstock_server import penstock_server
from benchmarks.report import PENSTOCK, Report, Target, at_least, at_most
from benchmarks.workspace import Unavailable, scratch

FLOW = {
    "name": "noop",
    "input": {"n": {"type": "integer", "required": True}},
    "nodes": {"same": {"type": "transform", "inputs": {"n": "input.n"}, "expression": "n"}},
    "output": {"n": "same.out"},
}
SAME = {"n": 7}
CALLERS = 50
WARM_SECONDS = 1.0

_TARGETS = {
    "p50, 1 caller": at_most(4),
    "p99, 1 caller": at_most(20),
    f"executions/s, {CALLERS} callers": at_least(800),
}


def measure(report: Report, *, quick: bool) -> None:
    """Penstock first, then each peer on the same machine."""
    seconds = 2.0 if quick else 10.0
    with scratch() as folder, penstock_server(folder) as server:
        server.call("POST", "/flows", FLOW)
        endpoint = Endpoint(f"{server.url}/flows/noop/execute", (server.process,), server.headers)
        _measure(report, PENSTOCK, endpoint, seconds)
    for name, peer in PEERS.items():
        try:
            _measure_peer(report, name, peer, seconds)
        except Unavailable as error:
            report.note(f"{name} was not measured: {error}.")


def _measure_peer(
    report: Report, name: str, peer: Callable[[Path], AbstractContextManager[Endpoint]], seconds: float
) -> None:
    with scratch() as folder, peer(folder) as endpoint:
        _measure(report, name, endpoint, seconds)
        report.note(f"{name}: {endpoint.about}.")


def _measure(report: Report, system: str, endpoint: Endpoint, seconds: float) -> None:
    alone, alone_cpu = _load(endpoint, 1, seconds)
    many, many_cpu = _load(endpoint, CALLERS, seconds)
    figures = [
        ("p50, 1 caller", alone.p50_ms, "ms"),
        ("p99, 1 caller", alone.p99_ms, "ms"),
        ("CPU per execution, 1 caller", alone_cpu, "ms"),
        (f"executions/s, {CALLERS} callers", many.per_second, "/s"),
        (f"p50, {CALLERS} callers", many.p50_ms, "ms"),
        (f"p99, {CALLERS} callers", many.p99_ms, "ms"),
        (f"CPU per execution, {CALLERS} callers", many_cpu, "ms"),
        (f"CPU of the client per call, {CALLERS} callers", many.client_cpu_ms, "ms"),
    ]
    for name, value, unit in figures:
        report.add(name, value, unit, system=system, target=_target(name, system))


def _target(name: str, system: str) -> Target | None:
    return _TARGETS.get(name) if system == PENSTOCK else None


def _load(endpoint: Endpoint, callers: int, seconds: float) -> tuple[Measured, float]:
    """What the callers measured, and the server's CPU milliseconds per call."""
    call_from(_task(endpoint, callers, WARM_SECONDS))
    before = endpoint.cpu_seconds()
    measured = call_from(_task(endpoint, callers, seconds))
    return measured, (endpoint.cpu_seconds() - before) / measured.calls * 1000


def _task(endpoint: Endpoint, callers: int, seconds: float) -> Task:
    return Task(endpoint.url, dict(endpoint.headers), SAME, SAME, callers, seconds)
