"""The loop a team lives in, from end to end: traces, a judge, people's labels, agreement, a better judge.

    python examples/loop/run.py                         played back: no model is asked, the same on every machine
    python examples/loop/run.py --model openai/gpt-4o   a real model judges, and writes the better instruction
    python examples/loop/run.py --cases 12 --budget 30  less of it, for a slow model or a dear one
    python examples/loop/run.py --plot kappa.svg        where the picture goes

The agent's answers are always played back, since the labels are of these answers. Everything else is what docs/loop.md
describes, done on a server of its own in a temporary folder, which is removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import playback
from labels import labels_of

from penstock import Penstock, PenstockError
from penstock.cli.output import plain
from penstock.client.annotation_objects import AgreementReport, Coefficient
from penstock.client.optimization_objects import Kappa, Measured, Optimization, OptimizationReport
from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import API_KEY, PenstockProcess

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases.jsonl"
JUDGE = "helpful"
BUDGET = 300


@dataclass(frozen=True)
class Loop:
    """The steps, on a server that is running. `models` is where the agent's model is, `judge_model` who judges."""

    penstock: Penstock
    models: str
    judge_model: str
    folder: Path
    plot: Path
    budget: int

    def run(self) -> None:
        """Every step, in order. Raises PenstockError when one does not work."""
        traces = self.make_traces()
        self.judge_traces(traces)
        self.label(traces)
        before = self.agreement(1)
        optimization, report = self.optimize()
        if report.outcome == "kept" or report.after is None:
            say("The old instruction stays, and with it the judge. That is the end of it.")
            return
        applied = self.penstock.optimizations.apply(optimization.id)
        title("Apply it, and judge again")
        say(f"{JUDGE} is at version {applied.new_version}")
        self.judge_again(traces)
        after = self.agreement(applied.new_version)
        say(f"Over all labels kappa went from {_kappa(before)} to {_kappa(after)}; what it learned from is among them.")
        say("The number to quote is that of the examples which it never saw:")
        say(f"  before {_held_out(report.before)}   after {_held_out(report.after)}")

    def make_traces(self) -> Mapping[str, str]:
        """The agent answers, and its traces arrive; by case."""
        title("Traces: the agent answers, OpenTelemetry sends")
        environment = os.environ | {
            "OPENAI_BASE_URL": f"{self.models}/v1",
            "OPENAI_API_KEY": "played-back",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.penstock.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {API_KEY}",
        }
        command = [sys.executable, str(HERE / "agent.py"), str(self.folder / CASES.name)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LoopBroken(f"the agent ended with {done.returncode}:\n{done.stderr.strip()}")
        traces = {line["case"]: line["trace"] for line in map(json.loads, done.stdout.splitlines())}
        newest = next(iter(self.penstock.traces.list({"source": "ferry-help"})))
        say(f"{len(traces)} traces of {newest.span_count} spans each; the newest:")
        for line in self.penstock.traces.tree(newest.id):
            say(f"  {'  ' * line.depth}{line.kind:6} {plain(line.name)}")
        say(f"  asked    {plain(newest.input or '')}")
        say(f"  answered {plain(newest.output or '')}")
        return traces

    def judge_traces(self, traces: Mapping[str, str]) -> None:
        """A judge with a weak instruction judges all of them."""
        title("A judge, told too little")
        settings = {"model": self.judge_model}
        self.penstock.judges.create(JUDGE, playback.WEAK_GOAL, settings)
        say(f"{JUDGE}: {playback.WEAK_GOAL}")
        self.judge_again(traces)

    def judge_again(self, traces: Mapping[str, str]) -> None:
        """The judge's latest version judges all of them."""
        handle = self.penstock.trace_evaluations.create(JUDGE, list(traces.values()))
        handle.wait(show_progress=True)
        (found,) = handle.summary()
        rate = found.pass_rate
        say(f"{found.scored} of {found.expected} judged; it passes {_percent(rate.mean, rate.low, rate.high)}")

    def label(self, traces: Mapping[str, str]) -> None:
        """What people say, from a file; a real team labels what `annotations next` puts first."""
        title("People label")
        file = self.folder / "labels.jsonl"
        lines = [*labels_of(traces)]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        told = self.penstock.annotations.import_file(file, judge=JUDGE)
        authors = sorted({line["author"] for line in lines})
        say(f"{told.added} labels by {' and '.join(authors)}")

    def agreement(self, version: int) -> AgreementReport:
        """How far a version of the judge agrees with them."""
        title(f"Agreement of people with version {version}")
        found = self.penstock.annotations.agreement(JUDGE, version)
        everybody = found.everybody.passes
        table = zip(everybody.labels, everybody.confusion, strict=True)
        for label, row in table:
            counts = ", ".join(f"{name} {count}" for name, count in zip(everybody.labels, row, strict=True))
            say(f"  people say {label}: the judge says {counts}")
        say(f"kappa {_coefficient(everybody.kappa)}, n = {everybody.n}")
        say(f"people among themselves: alpha {_coefficient(found.people.passes)}")
        return found

    def optimize(self) -> tuple[Optimization, OptimizationReport]:
        """GEPA looks for a better instruction, within its budget; the optimization when it is over."""
        title("Optimize its instruction against the labels")
        options = {"budget": self.budget, "reflectionModel": self.judge_model}
        handle = self.penstock.optimizations.create(JUDGE, options=options)
        handle.wait(show_progress=True)
        found = handle.optimization()
        for candidate in handle.candidates():
            score = "" if candidate.validation_score is None else f", {candidate.validation_score:.0%} right"
            said = candidate.instruction or candidate.reason or ""
            say(f"  {candidate.number} {candidate.status}{score}: {plain(said)}")
        if found.report is None:
            raise LoopBroken("the optimization is over and has no report")
        report = found.report
        say(f"{report.metric_calls} of {report.metric_calls_allowed} metric calls, {report.reflection_calls} proposals")
        say(report.summary)
        self.penstock.optimizations.save_plot(handle.id, self.plot)
        say(f"The picture is in {self.plot}")
        return found, report


class LoopBroken(Exception):
    """A step did not work; the message says what to do."""


def title(text: str) -> None:
    """A heading."""
    print(f"\n{text}", flush=True)


def say(text: str) -> None:
    """A line."""
    print(f"   {text}", flush=True)


def _coefficient(found: Coefficient) -> str:
    low, high = found.interval or (None, None)
    return _number(found.value, low, high, found.note)


def _held_out(measured: Measured) -> str:
    kappa = measured.kappa or Kappa()
    return _number(kappa.value, kappa.low, kappa.high, kappa.note)


def _number(value: float | None, low: float | None, high: float | None, note: str | None) -> str:
    if value is None:
        return note or "not defined"
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _kappa(report: AgreementReport) -> str:
    return _coefficient(report.everybody.passes.kappa)


def _percent(mean: float | None, low: float | None, high: float | None) -> str:
    if mean is None or low is None or high is None:
        return "nothing that could be counted"
    return f"{mean:.0%} [{low:.0%}, {high:.0%}]"


@contextmanager
def started(judge_model: str, folder: Path, count: int | None = None) -> Iterator[tuple[PenstockProcess, str]]:
    """A Penstock server, and the model server that plays back the first so many cases, which are put into the folder;
    both end with the block."""
    lines = CASES.read_text(encoding="utf-8").splitlines(keepends=True)[:count]
    (folder / CASES.name).write_text("".join(lines), encoding="utf-8")
    cases = [json.loads(line) for line in lines]
    with ModelServer.start(rules=playback.rules(cases)) as models:
        environment = {"PENSTOCK_SCRIPTED_URL": f"{models.url}/v1", "PENSTOCK_DEFAULT_MODEL": judge_model}
        with PenstockProcess(folder / "data", environment=environment) as server:
            yield server, models.url


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="From traces to a better judge.")
    parser.add_argument("--model", default=playback.JUDGE, help="Who judges and reflects: provider/name.")
    parser.add_argument("--cases", type=int, help="So many of the eighty answers.")
    parser.add_argument("--budget", type=int, default=BUDGET, help="Metric calls of the optimization.")
    parser.add_argument("--plot", type=Path, default=Path("kappa.svg"), help="Where the picture goes.")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="penstock-loop-") as name:
            folder = Path(name)
            with (
                started(options.model, folder, options.cases) as (server, models),
                Penstock(server.url, API_KEY) as penstock,
            ):
                say(f"Penstock is at {server.url}, {options.model} judges")
                Loop(penstock, models, options.model, folder, options.plot, options.budget).run()
    except (PenstockError, LoopBroken, RuntimeError, OSError) as fault:
        print(f"\nThe loop cannot go on: {fault}", file=sys.stderr)
        return 1
    title(f"{time.monotonic() - began:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
