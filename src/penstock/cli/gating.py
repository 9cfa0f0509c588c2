"""Demands on an evaluation: the flags, the rows they are decided from, and the files that report them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from penstock.cli.output import note, plain
from penstock.evaluations.gate import (
    Bound,
    Check,
    Gate,
    MaxRegression,
    PairedDifference,
    RowFacts,
    Tally,
    parse_demand,
    parse_regression,
)
from penstock.evaluations.reports.model import Baseline, Failure, Metric, Report, RowsWorthShowing, Weak

if TYPE_CHECKING:
    from penstock import AsyncPenstock
    from penstock.client.evaluation_objects import Evaluation, EvaluationRow

F = TypeVar("F", bound=Callable[..., Any])
_file = click.Path(dir_okay=False, writable=True, path_type=Path)
_SHOWN_DIFFERENCES = 5


class BoundType(click.ParamType[Bound]):
    """`METRIC=NUMBER`; becomes a Bound."""

    name = "metric=number"

    def __init__(self, *, upper: bool) -> None:
        self._upper = upper

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Bound:
        """Wrong usage when it is no such thing."""
        try:
            return value if isinstance(value, Bound) else Bound(*parse_demand(value), upper=self._upper)
        except ValueError as fault:
            self.fail(str(fault), param, ctx)


class RegressionType(click.ParamType[MaxRegression]):
    """`NUMBER` or `METRIC=NUMBER`; becomes a MaxRegression."""

    name = "margin"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> MaxRegression:
        """Wrong usage when it is no such thing."""
        try:
            return value if isinstance(value, MaxRegression) else parse_regression(value)
        except ValueError as fault:
            self.fail(str(fault), param, ctx)


def gate_options(command: F) -> F:
    """The flags of demands and reports."""
    for option in (
        click.option("--markdown", type=_file, help="Write the report for a pull request."),
        click.option("--junit", type=_file, help="Write the report for a build server."),
        click.option("--strict", is_flag=True, help="What cannot be told counts as not met."),
        click.option(
            "--max-regression", "regressions", multiple=True, type=RegressionType(), help="Of the baseline: 0.02."
        ),
        click.option("--baseline", metavar="ID", help="The evaluation to compare with, row by row."),
        click.option("--fail-over", "over", multiple=True, type=BoundType(upper=True), help="cost_usd=2; repeatable."),
        click.option(
            "--fail-under", "under", multiple=True, type=BoundType(upper=False), help="accuracy=0.8; repeatable."
        ),
    ):
        command = option(command)
    return command


def check_gate(options: Mapping[str, Any]) -> None:
    """The rules between the flags of demands. Raises UsageError."""
    if options["regressions"] and options["baseline"] is None:
        raise click.UsageError("--max-regression needs a --baseline to compare with")
    if options["strict"] and not options["regressions"]:
        raise click.UsageError("--strict goes with --max-regression")


@dataclass(frozen=True)
class Demands:
    """The demands of one command, and where the reports go."""

    gate: Gate
    baseline: str | None
    junit: Path | None
    markdown: Path | None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Demands:
        gate = Gate((*options["under"], *options["over"]), options["regressions"], options["strict"])
        return cls(gate, options["baseline"], options["junit"], options["markdown"])

    @classmethod
    def none(cls) -> Demands:
        """Nothing is demanded."""
        return cls(Gate(), None, None, None)

    def __bool__(self) -> bool:
        """Whether there is anything to decide or to write."""
        return bool(self.gate or self.baseline or self.junit or self.markdown)

    def fault(self, evaluation: Evaluation, baseline: Evaluation | None) -> str | None:
        """Why these demands cannot be decided for this evaluation; None when they can."""
        unknown = self.gate.unknown(evaluation.scorers)
        if unknown:
            known = ", ".join(("accuracy", *evaluation.scorers))
            return f"There is no metric {unknown[0]!r} to make demands of; its scores are: {known}."
        return None if baseline is None else _not_comparable(evaluation, baseline)


@dataclass(frozen=True)
class Decided:
    """What came of the demands, and the report of it."""

    checks: tuple[Check, ...]
    report: Report

    @property
    def passed(self) -> bool:
        return self.report.passed

    def changes(self) -> dict[str, str]:
        """By scorer: the difference from the baseline with its interval, as text."""
        found = self.report.baseline.differences if self.report.baseline else ()
        return {name: f"{one.value:+.4f}{_interval(one)}" for name, one in found}

    def as_json(self) -> dict[str, Any]:
        """What scripts read."""
        return {"passed": self.passed, "checks": [asdict(check) for check in self.checks]}


async def decide(client: AsyncPenstock, demands: Demands, evaluation: Evaluation) -> Decided:
    """Read every row of an evaluation, and of its baseline, and decide. Writes the reports that are asked for."""
    tally, shown = await _tally(client, evaluation)
    baseline = None if demands.baseline is None else await client.evaluations.get(demands.baseline)
    differences: dict[str, PairedDifference] = {}
    if baseline is not None:
        against, _ = await _tally(client, baseline)
        differences = await asyncio.to_thread(_differences, against, tally)
    checks = demands.gate.check(tally, differences)
    compared = None if baseline is None else Baseline(baseline.id, baseline.name, tuple(differences.items()))
    report = _report(evaluation, tally, shown, checks, compared)
    await asyncio.to_thread(_write, demands, report)
    return Decided(checks, report)


def show_checks(checks: tuple[Check, ...]) -> None:
    """Each demand and what came of it, on standard error."""
    marks = {"met": "met      ", "not_met": "NOT MET  ", "cannot_tell": "unclear  "}
    for check in checks:
        note(f"{marks[check.state]}{plain(check.name)}: {plain(check.message)}")


async def _tally(client: AsyncPenstock, evaluation: Evaluation) -> tuple[Tally, RowsWorthShowing]:
    """Every row of an evaluation, through a file, so that any number fits."""
    from penstock.evaluations.statistics.epochs import reducer

    task = (evaluation.definition or {}).get("task") or {}
    tally = Tally(evaluation.scorers, reducer(task.get("reducer") or "mean"), evaluation.rows * evaluation.epochs)
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        file = Path(folder) / "rows.ndjson"
        await client.evaluations.save_rows(evaluation.id, file, "ndjson")
        shown = await asyncio.to_thread(_add_rows, tally, file)
    return tally, shown


def _add_rows(tally: Tally, file: Path) -> RowsWorthShowing:
    import msgspec

    from penstock.client.evaluation_objects import EvaluationRow

    decode = msgspec.json.Decoder(EvaluationRow).decode
    shown = RowsWorthShowing()
    with file.open("rb") as lines:
        for line in lines:
            row = decode(line)
            tally.add(_facts(row))
            _note_row(shown, row, tally.scorers)
    return shown


def _facts(row: EvaluationRow) -> RowFacts:
    return RowFacts(
        id=row.row_id or f"#{row.number}",
        scores={name: score.value if score.status == "scored" else None for name, score in row.scores.items()},
        failed=row.status != "succeeded",
        cluster=row.cluster,
        latency_ms=row.latency_ms,
        cost_usd=None if row.usage.unpriced_calls else Decimal(row.usage.cost_usd),
    )


def _note_row(shown: RowsWorthShowing, row: EvaluationRow, scorers: Sequence[str]) -> None:
    name = row.row_id or f"#{row.number}"
    if row.status != "succeeded":
        code, message = (row.error.code, row.error.message) if row.error else (row.status, "It has no answer.")
        shown.fail(Failure(name, code, message))
        return
    score = row.scores.get(scorers[0]) if scorers else None
    if score is not None and score.value is not None and shown.wanted(score.value):
        weak = Weak(name, score.value, _text(row.input), _text(row.truth), _text(row.output), score.explanation or "")
        shown.add(weak)


def _text(value: Any) -> str:
    import msgspec

    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _differences(first: Tally, second: Tally) -> dict[str, PairedDifference]:
    """By scorer: second − first, over the rows that both have a value of."""
    from penstock.evaluations.pairs import RowScores, paired_difference

    found: dict[str, PairedDifference] = {}
    for scorer in second.scorers:
        sides = [RowScores(tally.values(scorer), tally.clusters) for tally in (first, second)]
        made = paired_difference(*sides)
        if made.difference is not None:
            found[scorer] = PairedDifference(made.difference, made.low, made.high, made.n_pairs or 0)
    return found


def _interval(found: PairedDifference) -> str:
    return "" if found.low is None or found.high is None else f" ({found.low:+.4f} to {found.high:+.4f})"


def _not_comparable(evaluation: Evaluation, baseline: Evaluation) -> str | None:
    """Why two evaluations did not measure the same; None when they did. Scorers that only one of them has are no
    obstacle: there is no difference to be had by those."""
    from penstock.evaluations.definition import differences

    if baseline.status != "completed":
        return f"The baseline {baseline.id} is {baseline.status}; compare with one that completed."
    shared = [name for name in evaluation.scorers if name in baseline.scorers]
    if not shared:
        return f"The baseline {baseline.id} has none of these scores: {', '.join(evaluation.scorers)}."
    found = list(differences(_task(baseline, shared), _task(evaluation, shared)))
    if not found:
        return None
    listed = "; ".join(f"{one.path}: {one.first!r} is now {one.second!r}" for one in found[:_SHOWN_DIFFERENCES])
    more = f", and {len(found) - _SHOWN_DIFFERENCES} more" if len(found) > _SHOWN_DIFFERENCES else ""
    return f"It cannot be compared with the baseline {baseline.id}, which was another task ({listed}{more})."


def _task(evaluation: Evaluation, scorers: Sequence[str]) -> dict[str, Any]:
    """What an evaluation measured, with these of its scorers."""
    from penstock.evaluations.definition import TASK

    task = (evaluation.definition or {}).get(TASK) or {}
    chosen = {snapshot["name"]: snapshot for snapshot in task.get("scorers") or () if snapshot["name"] in scorers}
    return {**task, "scorers": chosen}


def _report(
    evaluation: Evaluation,
    tally: Tally,
    shown: RowsWorthShowing,
    checks: tuple[Check, ...],
    baseline: Baseline | None,
) -> Report:
    metrics = tuple(_metric(name, tally, evaluation) for name in evaluation.scorers)
    started, finished = evaluation.started_at, evaluation.finished_at
    return Report(
        id=evaluation.id,
        name=evaluation.name,
        target=evaluation.target,
        benchmark=evaluation.benchmark.key,
        status=evaluation.status,
        metrics=metrics,
        rows=tally.total,
        seconds=(finished - started).total_seconds() if started and finished else 0.0,
        cost_usd=None if evaluation.usage.unpriced_calls else evaluation.usage.cost_usd,
        checks=checks,
        failures=tuple(shown.failures),
        failed=shown.failed,
        weakest=tuple(shown.weakest),
        baseline=baseline,
    )


def _metric(name: str, tally: Tally, evaluation: Evaluation) -> Metric:
    """The mean of the rows; the interval is the server's, of the same rows."""
    score = evaluation.metrics.get(name)
    low, high = (score.low, score.high) if score else (None, None)
    return Metric(name, tally.mean(name), low, high, tally.scored(name), tally.total)


def _write(demands: Demands, report: Report) -> None:
    from penstock.evaluations.reports.junit import junit
    from penstock.evaluations.reports.markdown import markdown

    for file, form in ((demands.junit, junit), (demands.markdown, markdown)):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(form(report), encoding="utf-8")
