"""Events to 1,000 readers of one execution, and to 2,000 readers of as many executions that run at the same time.

Server-sent events over HTTP, readers in a process of their own, a scripted model server in a third. The one execution
finishes an item every 20 ms, the 2,000 finish one every 3 s each. Latency is from the time that an event carries (when
its item was finished, before it was written) to the receipt by each reader, of events after all readers had come; so
the commit is part of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.penstock_server import Server, penstock_server
from benchmarks.readers import Measured, Task, read_from
from benchmarks.report import Report, at_most
from benchmarks.workspace import scratch
from penstock.testing.model_server import ModelServer

P95_MS = 300
LONGEST_SECONDS = 180.0


@dataclass(frozen=True)
class Load:
    """So many executions of so many items, one at a time in each, and a model that takes so long for each."""

    executions: int
    items: int
    delay_ms: int
    readers_of_each: int

    @property
    def readers(self) -> int:
        return self.executions * self.readers_of_each


def measure(report: Report, *, quick: bool) -> None:
    """The one execution first, then the many, each with a server of its own."""
    share = 10 if quick else 1
    _measure(report, "one execution", Load(1, 1000 // share, 20, 1000 // share))
    _measure(report, "an execution each", Load(2000 // share, 10 if quick else 14, 3000 // share, 1))


def _measure(report: Report, name: str, load: Load) -> None:
    environment = {"PENSTOCK_MAX_RUNNING_EXECUTIONS": str(load.executions * 2 + 16)}
    with (
        scratch() as folder,
        ModelServer.start(delay_ms=load.delay_ms) as model,
        penstock_server(folder, environment=environment) as server,
    ):
        _prepare(server, model.url)
        paths = [path for path in _begin(server, load) for _ in range(load.readers_of_each)]
        before = server.process.cpu_seconds()
        measured = read_from(Task(server.url, server.key, paths, LONGEST_SECONDS))
        cpu = server.process.cpu_seconds() - before
        peak = server.process.peak_rss_mb()
    _add(report, f"{measured.readers:,} readers, {name}", measured, cpu, peak)


def _add(report: Report, what: str, measured: Measured, cpu_seconds: float, peak_mb: float) -> None:
    report.add(f"p50, {what}", measured.p50_ms, "ms")
    report.add(f"p95, {what}", measured.p95_ms, "ms", target=at_most(P95_MS))
    report.add(f"p99, {what}", measured.p99_ms, "ms")
    report.add(f"gaps, {what}", measured.gaps, "", target=at_most(0))
    report.add(f"streams without their end, {what}", measured.unfinished, "", target=at_most(0))
    report.add(f"events received, {what}", measured.events, "")
    report.add(f"CPU of the server, the runs included, {what}", cpu_seconds, "s")
    report.add(f"peak RSS of the server, {what}", peak_mb, "MB")


FLOW = {
    "name": "ask",
    "input": {"n": {"type": "integer", "required": True}},
    "nodes": {"answer": {"type": "prompt", "model": "scripted", "prompt": "Item {{ n }}.", "inputs": {"n": "input.n"}}},
    "output": {"answer": "answer.out"},
}


def _prepare(server: Server, model_url: str) -> None:
    model = {"name": "scripted", "provider": "openai", "baseUrl": f"{model_url}/v1", "modelName": "scripted"}
    server.call("POST", "/models", {**model, "apiKey": "unused"})
    server.call("POST", "/flows", FLOW)


def _begin(server: Server, load: Load) -> list[str]:
    """Paths of the streams of executions that have been started."""
    body = {"inputs": [{"n": n} for n in range(load.items)], "mode": "async", "concurrency": 1}
    handles = [server.call("POST", "/flows/ask/executions", body) for _ in range(load.executions)]
    return [f"/executions/{handle['executionId']}/events" for handle in handles]
