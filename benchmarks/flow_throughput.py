"""10,000 rows of a data set, each one model call of 50 ms, 500 in flight, from POST to `completed`.

The scripted model server runs in another process and is called through the OpenAI adapter. The raw loop is one process
that makes the same calls of the same server at the same concurrency with nothing around them: no engine, no store. They
take turns, and the medians of all turns stand here. CPU is that of the calling process, the model call included.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.penstock_server import Server, penstock_server
from benchmarks.report import PENSTOCK, Report, Target, at_least, at_most
from benchmarks.workspace import python_with, scratch
from penstock.testing.model_server import ModelServer

CONCURRENCY = 500
DELAY_MS = 50
RAW_LOOP = Path(__file__).parent / "peers" / "programs" / "raw_loop.py"
RAW_CLIENTS = ("aiohttp", "pyreqwest")

FLOW = {
    "name": "ask",
    "input": {"n": {"type": "integer", "required": True}},
    "nodes": {
        "answer": {
            "type": "prompt",
            "model": "scripted-openai",
            "prompt": "Say something about item {{ n }}.",
            "inputs": {"n": "input.n"},
        }
    },
    "output": {"answer": "answer.out"},
}


@dataclass(frozen=True)
class Turn:
    """One run: seconds of wall time, CPU milliseconds, and the highest RSS of the process in MB."""

    seconds: float
    cpu_ms: float
    peak_rss_mb: float


def measure(report: Report, *, quick: bool) -> None:
    """Turns of the raw loops and of Penstock, one after the other."""
    items, turns = (2_000, 1) if quick else (10_000, 3)
    python = python_with("raw-loop", ["aiohttp", "pyreqwest", "uvloop", "msgspec"])
    found: dict[str, list[Turn]] = {}
    with scratch() as folder, ModelServer.start(delay_ms=DELAY_MS) as model, penstock_server(folder) as server:
        _prepare(server, model.url, items)
        for _ in range(turns):
            for client in RAW_CLIENTS:
                found.setdefault(f"raw loop, {client}", []).append(_raw_turn(python, client, model.url, items))
            found.setdefault(PENSTOCK, []).append(_turn(server))
        if (most := model.stats()["mostInFlight"]) > CONCURRENCY:
            raise RuntimeError(f"{most} calls were in flight at once; at most {CONCURRENCY} were asked for")
    for system, its_turns in found.items():
        _add(report, system, its_turns, items)
    fastest = max(report.value("items/s", f"raw loop, {client}") for client in RAW_CLIENTS)
    report.add("share of the fastest raw loop", report.value("items/s") / fastest, "", target=at_least(0.6))
    report.note(f"Median of {turns} turns of {items:,} items; the model server alone allows {_bound():,.0f} items/s.")


def _bound() -> float:
    return CONCURRENCY / DELAY_MS * 1000


def _prepare(server: Server, model_url: str, items: int) -> None:
    """The model, the flow and its rows; and a short run, so that everything is loaded as in a server that is in use."""
    model = {"name": "scripted-openai", "provider": "openai", "baseUrl": f"{model_url}/v1", "modelName": "scripted"}
    server.call("POST", "/models", {**model, "apiKey": "unused"})
    server.call("POST", "/flows", FLOW)
    server.import_lines("rows", _rows(items))
    server.import_lines("few", _rows(CONCURRENCY))
    server.run_dataset("ask", "few", CONCURRENCY)


def _rows(count: int) -> Iterator[bytes]:
    return (b'{"n":%d}\n' % number for number in range(count))


def _turn(server: Server) -> Turn:
    process = server.process
    process.forget_peak()
    cpu = process.cpu_seconds()
    _, seconds = server.run_dataset("ask", "rows", CONCURRENCY)
    return Turn(seconds, (process.cpu_seconds() - cpu) * 1000, process.peak_rss_mb())


def _raw_turn(python: Path, client: str, model_url: str, items: int) -> Turn:
    command: list[str | Path] = [
        python,
        RAW_LOOP,
        client,
        f"{model_url}/v1/chat/completions",
        str(items),
        str(CONCURRENCY),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the raw loop with {client} failed: {done.stderr.strip()[-1000:]}")
    return Turn(**json.loads(done.stdout))


def _add(report: Report, system: str, turns: list[Turn], items: int) -> None:
    cpu_target: Target | None = at_most(0.5) if system == PENSTOCK else None
    report.add("items/s", items / statistics.median(turn.seconds for turn in turns), "/s", system=system)
    cpu_ms = statistics.median(turn.cpu_ms for turn in turns) / items
    report.add("CPU per item", cpu_ms, "ms", system=system, target=cpu_target)
    report.add("peak RSS", statistics.median(turn.peak_rss_mb for turn in turns), "MB", system=system)
