"""Cancelling an execution of 10,000 items with 500 model calls in flight, over HTTP.

The scripted model server, in a process of its own, says how many calls are in flight, how many have come in, and how
many callers left before the answer; it is asked every few milliseconds. What the receipt tells stands beside what the
server saw. Five times another moment: long calls, short calls, answers that come in slowly, the rest between attempts,
and the elements of a splitter. Each time the limit is the same: every call has stopped within a second, and none is
started once the cancel is acknowledged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchmarks.penstock_server import Server, penstock_server
from benchmarks.report import Report, at_most
from benchmarks.workspace import scratch
from penstock.testing.model_server import ModelServer

CONCURRENCY = 500
MODEL_SERVER = "the model server"
QUIET_SECONDS = 1.5
"""So long nothing may start after the acknowledgement."""
USD_PER_TOKEN = 0.001

ASK = {
    "type": "prompt",
    "model": "scripted-openai",
    "prompt": "Say something about item {{ n }}.",
    "inputs": {"n": "input.n"},
    "retry": {"maxAttempts": 5, "initialDelaySeconds": 5},
}
ROWS = {
    "name": "rows",
    "input": {"n": {"type": "integer", "required": True}},
    "nodes": {"answer": ASK},
    "output": "answer.out",
}
ELEMENTS = {
    "name": "elements",
    "input": {"numbers": {"type": "array", "required": True}},
    "nodes": {
        "each": {"type": "split", "inputs": {"array": "input.numbers"}},
        "answer": {**ASK, "inputs": {"n": "each.out"}},
    },
    "output": "answer.out",
}


@dataclass(frozen=True)
class Moment:
    """What is going on when the cancel comes: how the model answers, and when it is time."""

    name: str
    script: list[dict[str, Any]]
    due: Callable[[Mapping[str, Any]], bool]
    start: Callable[[Server], str]


@dataclass
class Watch:
    """What the model server said, and when by our clock in seconds."""

    seen: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def none_in_flight_after(self, moment: float) -> float:
        """Seconds from `moment` until no call was in flight. Raises RuntimeError when that never came."""
        for at, stats in self.seen:
            if at >= moment and not stats["inFlight"]:
                return at - moment
        raise RuntimeError("calls were in flight to the end")

    def calls_at(self, moment: float) -> int:
        """Calls that had come in by the first look after `moment`."""
        return next(int(stats["calls"]) for at, stats in self.seen if at >= moment)


def measure(report: Report, *, quick: bool) -> None:
    """Each moment on the same server, one after the other."""
    items = 2_000 if quick else 10_000
    with scratch() as folder, ModelServer.start() as model, penstock_server(folder) as server:
        _prepare(server, model, items)
        for moment in _moments(items):
            _measure(report, server, model, moment)
    report.note(f"{items:,} items, {CONCURRENCY} at once; the elements are 1,000 of one item.")
    report.note(
        "Costs are those of answers that came back; what a provider bills for a call that was cut off it alone knows."
    )


def _moments(items: int) -> Iterator[Moment]:
    def rows(server: Server) -> str:
        return _started(server, "rows", {"dataset": "rows", "concurrency": CONCURRENCY})

    def elements(server: Server) -> str:
        return _started(server, "elements", {"inputs": [{"numbers": list(range(1_000))}], "concurrency": CONCURRENCY})

    def full(stats: Mapping[str, Any]) -> bool:
        return int(stats["inFlight"]) >= CONCURRENCY

    def under_way(stats: Mapping[str, Any]) -> bool:
        return int(stats["calls"]) >= items // 4

    yield Moment("calls of 5 s", [{"delayMs": 5_000}], full, rows)
    yield Moment("calls of 50 ms", [{"delayMs": 50}], under_way, rows)
    yield Moment("answers of 5 s that drip", [{"behaviour": "drip", "delayMs": 5_000}], full, rows)
    refused = [{"status": 503, "delayMs": 10}]
    yield Moment("between attempts", refused, lambda stats: int(stats["calls"]) >= CONCURRENCY, rows)
    yield Moment("1,000 elements, calls of 2 s", [{"delayMs": 2_000}], full, elements)


def _prepare(server: Server, model: ModelServer, items: int) -> None:
    """Model, flows and rows; and calls enough for the model's endpoint to have opened to all that may be in flight."""
    price = {"inputPerMillionUsd": 0, "outputPerMillionUsd": USD_PER_TOKEN * 1e6}
    specification = {"name": "scripted-openai", "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "unused"}
    server.call("POST", "/models", {**specification, "modelName": "scripted", "pricing": price})
    server.call("POST", "/flows", ROWS)
    server.call("POST", "/flows", ELEMENTS)
    server.import_lines("rows", (b'{"n":%d}\n' % number for number in range(items)))
    server.import_lines("many", (b'{"n":%d}\n' % number for number in range(5_000)))
    model.script([{"delayMs": 20}])
    server.run_dataset("rows", "many", CONCURRENCY)


def _started(server: Server, flow: str, body: dict[str, Any]) -> str:
    return str(server.call("POST", f"/flows/{flow}/executions", body)["executionId"])


def _measure(report: Report, server: Server, model: ModelServer, moment: Moment) -> None:
    model.script(moment.script)
    model.reset()
    execution = moment.start(server)
    with _watching(model) as watch:
        while not watch.seen or not moment.due(watch.seen[-1][1]):
            time.sleep(0.001)
        sent = time.monotonic()
        receipt = server.call("POST", f"/executions/{execution}/cancel")["receipt"]
        acknowledged = time.monotonic()
        if receipt is None:
            receipt = _late_receipt(server, execution)
        time.sleep(QUIET_SECONDS)
    name = moment.name
    report.add(f"{name}: acknowledged after", (acknowledged - sent) * 1000, "ms")
    stopped = watch.none_in_flight_after(sent) * 1000
    report.add(f"{name}: no call in flight after", stopped, "ms", target=at_most(1_000))
    last = watch.seen[-1][1]
    started = last["calls"] - watch.calls_at(acknowledged)
    report.add(f"{name}: calls started after it", started, "", target=at_most(0))
    report.add(f"{name}: calls aborted", receipt["callsAborted"], "")
    report.add(f"{name}: calls aborted", last["aborted"], "", system=MODEL_SERVER)
    report.add(f"{name}: cost after the request", float(receipt["costAfterRequestUsd"]), "USD")
    report.add(
        f"{name}: cost after the request", _cost_since(model, receipt["requestedAt"]), "USD", system=MODEL_SERVER
    )
    report.add(f"{name}: items finished and dropped", receipt["itemsFinished"] + receipt["itemsDropped"], "")


def _late_receipt(server: Server, execution: str) -> Any:
    server.call("GET", f"/executions/{execution}?wait=30")
    return server.call("POST", f"/executions/{execution}/cancel")["receipt"]


def _cost_since(model: ModelServer, moment: str) -> float:
    """Of the answers that left the model server after a time."""
    since = datetime.fromisoformat(moment).timestamp() * 1000
    answered = [call for call in model.calls() if call["at"] > since and call["status"] == 200]
    return sum(int(call["outputTokens"]) for call in answered) * USD_PER_TOKEN


@contextmanager
def _watching(model: ModelServer) -> Iterator[Watch]:
    """Ask the model server for its figures again and again, in a thread, until the block is left."""
    watch = Watch()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.003):
            asked = time.monotonic()
            watch.seen.append((asked, model.stats()))

    thread = threading.Thread(target=look, name="watch")
    thread.start()
    try:
        yield watch
    finally:
        done.set()
        thread.join()
