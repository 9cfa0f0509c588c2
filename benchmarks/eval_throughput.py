"""2,000 rows answered by a scripted model and scored by exact match, beside those who do the same.

Everybody asks the same scripted OpenAI-compatible server, in a process of its own, the same rows with 100 calls in
flight and no cache, once with answers that take 50 ms, which allows 2,000 rows/s, and once with answers at once.
Penstock is asked over HTTP, from POST /evaluations to the evaluation with its metrics, everything on disk; the others
are measured from within their process, from the call of their API to its result, after a few rows for warming up, so
that no start counts. CPU is that of the whole process tree, the model calls included. All take turns, and the medians
stand here. Each tenth truth is a wrong one, and who does not find exactly that is not measured.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks.evaluating import evaluate, right, rows, save_model
from benchmarks.peers import EVALUATORS, Evaluator, Turn
from benchmarks.penstock_server import Server, penstock_server
from benchmarks.report import PENSTOCK, Report, at_least, at_most
from benchmarks.workspace import Unavailable, scratch
from penstock.testing.model_server import ModelServer

CONCURRENCY = 100
FEW = 100
LATENCIES_MS = (50, 0)
IN_MEMORY = "lm-eval"
"""It keeps nothing on disk, which is the work that all others do beside asking and scoring."""

TakeTurn = Callable[[], Turn]


def measure(report: Report, *, quick: bool) -> None:
    """Each latency on its own: Penstock and the others in turn."""
    count, turns = (300, 1) if quick else (2_000, 3)
    evaluators = _available(report)
    with scratch() as folder, ModelServer.start() as model, penstock_server(folder) as server:
        _prepare(server, folder, model, count)
        takers: dict[str, TakeTurn] = {PENSTOCK: lambda: _turn(server)}
        for name, evaluator in evaluators.items():
            takers[name] = _taker(evaluator, folder, f"{model.url}/v1")
        for latency_ms in LATENCIES_MS:
            model.script([], delay_ms=latency_ms)
            found = _turns(report, takers, model, count, turns)
            _add(report, found, count, f"answers of {latency_ms} ms" if latency_ms else "answers at once")
    report.note(f"Median of {turns} turns of {count:,} rows, the highest RSS of all of them.")
    report.note(f"{IN_MEMORY} has its results in memory when it is done, and nothing on disk.")


def _available(report: Report) -> dict[str, Evaluator]:
    found: dict[str, Evaluator] = {}
    for name, make in EVALUATORS.items():
        try:
            found[name] = make()
        except Unavailable as error:
            report.note(f"{name} was not measured: {error}.")
        else:
            report.note(f"{name}: {found[name].about}.")
    return found


def _prepare(server: Server, folder: Path, model: ModelServer, count: int) -> None:
    """The rows in a file and in Penstock, its model; and a short run, as everybody has one."""
    for name, some in (("rows", count), ("few", FEW)):
        (folder / f"{name}.jsonl").write_bytes(b"".join(rows(some)))
        server.import_lines(name, rows(some), into="/benchmarks?key=")
    save_model(server, model.url)
    evaluate(server, "few", CONCURRENCY)


def _turn(server: Server) -> Turn:
    process = server.process
    process.forget_peak()
    cpu = process.cpu_seconds()
    found, seconds = evaluate(server, "rows", CONCURRENCY)
    scored = found["metrics"]["exact"]
    used = (process.cpu_seconds() - cpu) * 1000
    return Turn(seconds, used, process.peak_rss_mb(), round(scored["mean"] * scored["n"]))


def _taker(evaluator: Evaluator, folder: Path, base_url: str) -> TakeTurn:
    return lambda: evaluator.turn(folder, base_url, CONCURRENCY)


def _turns(
    report: Report, takers: dict[str, TakeTurn], model: ModelServer, count: int, turns: int
) -> dict[str, list[Turn]]:
    found: dict[str, list[Turn]] = {}
    for _ in range(turns):
        for name, take in list(takers.items()):
            model.reset()
            try:
                turn = take()
                _check(model, turn, count)
            except Unavailable as error:
                del takers[name]
                report.note(f"{name} was not measured to the end: {error}.")
            else:
                found.setdefault(name, []).append(turn)
    return found


def _check(model: ModelServer, turn: Turn, count: int) -> None:
    """Raises `Unavailable` when somebody did less or more than what was to be done."""
    stats = model.stats()
    if turn.right != right(count):
        raise Unavailable(f"it found {turn.right} right of {count}, not {right(count)}")
    if not count <= stats["calls"] <= count + FEW:
        raise Unavailable(f"it made {stats['calls']} calls for {count} rows")
    if stats["mostInFlight"] > CONCURRENCY:
        raise Unavailable(f"it made {stats['mostInFlight']} calls at once instead of {CONCURRENCY}")


def _add(report: Report, found: dict[str, list[Turn]], count: int, when: str) -> None:
    speed = f"rows/s, {when}"
    for system, turns in found.items():
        ours = system == PENSTOCK
        report.add(speed, count / statistics.median(turn.seconds for turn in turns), "/s", system=system)
        cpu_ms = statistics.median(turn.cpu_ms for turn in turns) / count
        report.add(f"CPU per row, {when}", cpu_ms, "ms", system=system, target=at_most(1) if ours else None)
        report.add(f"peak RSS, {when}", max(turn.peak_rss_mb for turn in turns), "MB", system=system)
    others = {system: report.value(speed, system) for system in found if system != PENSTOCK}
    for name, beside in (
        ("best of all", others),
        (f"best, {IN_MEMORY} aside", {system: value for system, value in others.items() if system != IN_MEMORY}),
    ):
        if beside:
            share = report.value(speed) / max(beside.values())
            report.add(f"rows/s ÷ {name}, {when}", share, "", target=at_least(5))
