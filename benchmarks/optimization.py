"""A judge with a planted flaw is optimized with a budget of 150 metric calls, and killed with -9 in each iteration.

Judge and reflecting model are a scripted server whose answers depend on what it is asked alone; its log is what is counted. People's labels follow two rules that the judge's instruction lacks (benchmarks/planted.py). Penstock runs as a server of its own; a run that nothing disturbs is followed by one with the same seed that is killed and started again: first while the old instruction is scored, then each time after the model has reflected, with calls in flight. What is asked again is counted by the log, and held against when the first answer left: only a call that was in flight at a kill may be made twice. Then GEPA by itself, its own `optimize` with its own limit and folder to resume from, does the same with as many examples for training and validation, and once more with all of them for both, which is what it does when it is given no others; it measures on no test part, asks for one answer after the other, and is killed right after a reflection, so nothing of it is in flight.
"""  # noqa: E501 - paragraphs of a page

from __future__ import annotations

import json
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import planted
from benchmarks.peers import gepa
from benchmarks.planted import JUDGE_MODEL, MENDED, REFLECTION_MODEL, Case
from benchmarks.report import PENSTOCK, Report, Target, at_least, at_most
from benchmarks.workspace import ROOT, Unavailable, scratch
from penstock.clock import now_ms
from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess

PICTURE = ROOT / "docs" / "images" / "optimization-kappa.svg"
BUDGET = 150
CASES = 80
CONCURRENCY = 4
SEEDS = range(10)
KILLED_SEED = 1
DELAY_MS = 40
SETTLING_MS = 250
"""An answer that left so shortly before a kill may not be on disk yet: it counts as in flight."""
_FIRST_KILL = 5
"""Calls after which the first kill comes, before the first iteration."""


@dataclass(frozen=True)
class Log:
    """What the model server answered during one run; `kills` in milliseconds since 1970. `cut_off`: calls whose
    connection was gone before they were answered."""

    calls: Sequence[dict[str, Any]]
    kills: Sequence[int] = ()
    cut_off: int = 0

    @property
    def metric(self) -> list[str]:
        """Each metric call, by what was asked."""
        return [_asked(call) for call in self.calls if call["model"] == JUDGE_MODEL]

    @property
    def repeated(self) -> int:
        """Calls of either model that were made again, though an answer to the same had left before."""
        return sum(count - 1 for count in Counter(map(_asked, self.calls)).values())

    @property
    def repeated_without_cause(self) -> int:
        """Those of them whose first one was not in flight at a kill."""
        by_text: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for call in self.calls:
            by_text[_asked(call)].append(call)
        return sum(not self._in_flight(first) for same in by_text.values() for first in same[:-1])

    def _in_flight(self, call: dict[str, Any]) -> bool:
        return any(call["receivedAt"] <= kill <= call["at"] + SETTLING_MS for kill in self.kills)


@dataclass
class Runs:
    """One system: what each seed took, and the run that was killed beside the same run undisturbed."""

    found: int = 0
    calls: dict[int, int] = field(default_factory=dict)
    undisturbed: Log = Log(())
    killed: Log = Log(())


def measure(report: Report, *, quick: bool) -> None:
    seeds = SEEDS[: KILLED_SEED + 1] if quick else SEEDS
    cases = planted.cases(CASES)
    with scratch() as folder, ModelServer.start() as model:
        model.script(planted.script(), delay_ms=DELAY_MS)
        runs, optimized = _penstock(folder, model, cases, seeds)
        _add(report, PENSTOCK, runs, len(seeds))
        _add_kappa(report, optimized)
        if not quick:
            shutil.copy(folder / PICTURE.name, PICTURE)
        parts = optimized["parts"]
        model.script(planted.script(), delay_ms=0)
        some = cases[: parts["train"]], cases[parts["train"] :][: parts["validation"]]
        _beside(report, folder, model, some, seeds)
    report.note(
        f"{CASES} labelled traces: {parts['train']} to learn from, {parts['validation']} to choose by, {parts['test']} "
        f"to measure on. {PENSTOCK}'s metric calls include both instructions on the test part; the others have none."
    )
    report.note(
        "Cut off: in flight at a kill and never answered; these are asked again. An answer that left less than "
        f"{SETTLING_MS} ms before a kill may not be on disk: it counts as in flight, too."
    )


def _beside(
    report: Report, folder: Path, model: ModelServer, parts: tuple[Sequence[Case], Sequence[Case]], seeds: Sequence[int]
) -> None:
    """GEPA by itself, with the same examples; then as it is without examples of their own for validation."""
    train, validation = parts
    alike = f"{gepa.ABOUT}, validating on all it learns from"
    try:
        _add(report, gepa.ABOUT, _plain(folder / "plain", model, parts, seeds), len(seeds))
        everything = [*train, *validation]
        _add(report, alike, _plain(folder / "alike", model, (everything, everything), seeds), len(seeds))
    except Unavailable as error:
        report.note(f"GEPA by itself was not measured: {error}.")


def _add(report: Report, system: str, runs: Runs, seeds: int) -> None:
    def figure(name: str, value: float, target: Target | None = None) -> None:
        report.add(name, value, "", system=system, target=target if system == PENSTOCK else None)

    plain, killed = runs.undisturbed, runs.killed
    figure(f"runs of {seeds} that found both rules", runs.found, at_least(seeds // 2))
    figure(f"most metric calls of {seeds} runs, budget {BUDGET}", max(runs.calls.values()), at_most(BUDGET))
    figure("metric calls, undisturbed", len(plain.metric), at_most(BUDGET))
    figure("distinct metric calls, undisturbed", len(set(plain.metric)))
    figure("kills", len(killed.kills))
    figure("metric calls, killed", len(killed.metric))
    figure("distinct metric calls, killed", len(set(killed.metric)))
    apart = len(set(plain.metric) ^ set(killed.metric))
    figure("distinct metric calls of one of the two only", apart, at_most(0))
    figure("calls cut off by a kill", killed.cut_off)
    figure("calls answered twice, killed", killed.repeated - plain.repeated)
    figure("of these, not in flight at a kill", _without_cause(killed, plain), at_most(0))


def _without_cause(killed: Log, plain: Log) -> int:
    """What a run repeats of its own accord, also undisturbed, is no consequence of a kill."""
    return max(0, killed.repeated_without_cause - plain.repeated)


def _add_kappa(report: Report, optimized: dict[str, Any]) -> None:
    for side in ("before", "after"):
        kappa = optimized[side]["kappa"]
        report.add(f"held-out kappa {side}", kappa["value"], "")
        report.add(f"held-out kappa {side}, 95 % from", kappa["low"], "")
        report.add(f"held-out kappa {side}, 95 % to", kappa["high"], "")
    paired = optimized["paired"]
    report.note(
        f"Held out: {optimized['before']['n']} traces; the paired difference in agreement is "
        f"{paired['difference']:+.2f} [{paired['low']:+.2f}, {paired['high']:+.2f}], p {paired['pValue']:.3g}. "
        f"{optimized['summary']}"
    )


# Penstock


def _penstock(
    folder: Path, model: ModelServer, cases: Sequence[Case], seeds: Sequence[int]
) -> tuple[Runs, dict[str, Any]]:
    """All seeds, one of them killed as well; and the report of that one, whose picture is drawn into the folder."""
    runs = Runs()
    environment = {"PENSTOCK_SCRIPTED_URL": model.url}
    with PenstockProcess(folder / "data", environment=environment) as server:
        _prepare(server, cases)
        for seed in seeds:
            optimized, log = _optimized(server, model, seed, kill=False)
            runs.found += optimized["optimized"] == MENDED
            runs.calls[seed] = len(log.metric)
            if seed == KILLED_SEED:
                runs.undisturbed = log
        optimized, runs.killed = _optimized(server, model, KILLED_SEED, kill=True)
        newest = server.client.get("/optimizations", params={"limit": 1}).raise_for_status().json()["data"][0]
        drawn = server.client.get(f"/optimizations/{newest['id']}/kappa.svg").raise_for_status()
        (folder / PICTURE.name).write_text(drawn.text)
    return runs, optimized


def _prepare(server: PenstockProcess, cases: Sequence[Case]) -> None:
    judge = {"name": "treatment", "evaluationGoal": planted.SEED, "model": f"scripted/{JUDGE_MODEL}"}
    server.post("/judges", judge).raise_for_status()
    lines = "\n".join(json.dumps({"input": case.asked, "output": case.said}) for case in cases)
    sent = server.client.post("/traces", content=lines, params={"filename": "cases.jsonl"}).raise_for_status()
    labels = [
        {"trace": trace, "judge": "treatment", "label": "pass" if case.passed else "fail", "rationale": case.why}
        for trace, case in zip(sent.json()["ids"], cases, strict=True)
    ]
    body = "\n".join(map(json.dumps, labels))
    headers = {"content-type": "application/x-ndjson"}
    server.client.post(
        "/annotations/import", content=body, headers=headers, params={"author": "ann"}
    ).raise_for_status()


def _optimized(server: PenstockProcess, model: ModelServer, seed: int, *, kill: bool) -> tuple[dict[str, Any], Log]:
    model.reset()
    wanted = {
        "judge": "treatment",
        "budget": BUDGET,
        "reflectionModel": f"scripted/{REFLECTION_MODEL}",
        "seed": seed,
        "concurrency": CONCURRENCY,
    }
    started = server.post("/optimizations", wanted).raise_for_status().json()
    kills = _killed(server, model, started["executionId"]) if kill else []
    ended = server.wait(started["executionId"])
    if ended["status"] != "completed":
        raise RuntimeError(f"the optimization ended as {ended['status']}: {ended.get('error')}")
    found: dict[str, Any] = server.client.get(f"/optimizations/{started['id']}").raise_for_status().json()["report"]
    return found, Log(model.calls(), kills, model.stats()["aborted"])


def _killed(server: PenstockProcess, model: ModelServer, execution: str) -> list[int]:
    """Kill it before the first iteration, and in each one; when: in milliseconds since 1970."""
    kills: list[int] = []
    reflected = 0
    while True:
        calls = model.calls()
        seen = sum(call["model"] == REFLECTION_MODEL for call in calls)
        due = seen > reflected or (not kills and len(calls) >= _FIRST_KILL)
        if due and model.stats()["inFlight"]:
            reflected = seen
            kills.append(now_ms())
            server.kill()
            server.start()
        elif server.client.get(f"/executions/{execution}").json()["status"] != "running" and kills:
            return kills
        time.sleep(0.002)


# GEPA by itself


def _plain(
    folder: Path, model: ModelServer, parts: tuple[Sequence[Case], Sequence[Case]], seeds: Sequence[int]
) -> Runs:
    folder.mkdir()
    runs = Runs()
    for seed in seeds:
        model.reset()
        found = gepa.optimize(folder / str(seed), model.url, parts, BUDGET, seed=seed, kill=False)
        log = Log(model.calls())
        runs.found += found.instruction == MENDED
        runs.calls[seed] = len(log.metric)
        if seed == KILLED_SEED:
            runs.undisturbed = log
    model.reset()
    again = gepa.optimize(folder / "killed", model.url, parts, BUDGET, seed=KILLED_SEED, kill=True)
    # The times of its kills do not matter: it is killed when none of its calls is in flight.
    runs.killed = Log(model.calls(), [0] * again.kills)
    return runs


def _asked(call: dict[str, Any]) -> str:
    """What was asked: the log has the first 2,000 characters of a prompt, and how long all of it was."""
    return f"{call['model']} {call['inputTokens']} {call['prompt']}"
