"""How an evaluation looks in a terminal: a table of its scores with their intervals, and what is worth knowing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from penstock.cli.annotations import standing
from penstock.cli.output import note, plain, show_table
from penstock.client.progress import cost

if TYPE_CHECKING:
    from penstock.cli.gating import Decided
    from penstock.cli.session import Session
    from penstock.client.evaluation_objects import Evaluation, Score

_ROW_FORMATS: Mapping[str, Literal["ndjson", "csv"]] = {".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv"}
_FAILURES_SHOWN = 10
_SUBSETS_SHOWN = 20


def rows_format(file: Path) -> Literal["ndjson", "csv"]:
    """The format of rows that a file's suffix names; wrong usage when it names none."""
    try:
        return _ROW_FORMATS[file.suffix.lower()]
    except KeyError:
        known = ", ".join(_ROW_FORMATS)
        raise click.UsageError(f"{file.name!r} must end in one of {known}, which names the format") from None


async def show_evaluation(session: Session, evaluation: Evaluation, decided: Decided | None = None) -> None:
    """The scores on standard output; on standard error what failed, and how to go on."""
    benchmark = evaluation.benchmark
    title = f"{plain(evaluation.target)} on {plain(benchmark.key)} (version {benchmark.version})"
    columns = ["score", "mean", "95 % interval", "scored", *(["change"] if decided and decided.report.baseline else [])]
    changes = {} if decided is None else decided.changes()
    rows = [
        (name, mean(score), interval(score), scored(score), *([changes.get(name, "")] if len(columns) > 4 else []))
        for name, score in evaluation.metrics.items()
    ]
    show_table(columns, rows, title=title)
    _show_subsets(evaluation)
    for name, score in evaluation.metrics.items():
        for reason in score.reasons:
            note(f"{plain(name)}: {reason['count']} without a value: {plain(reason['reason'])}")
    for name, agreed in evaluation.agreement.items():
        note(f"{plain(name)} beside people: {standing(agreed)}")
    await _show_failures(session, evaluation)
    note(f"{evaluation.status}: {_facts(evaluation)}")
    flags = session.place.flags()
    note(f"Its rows: penstock eval rows {evaluation.id}{flags}")


def mean(score: Score) -> str:
    """`0.8125`, or that there is none."""
    return "none" if score.mean is None else f"{score.mean:.4f}"


def interval(score: Score) -> str:
    """`0.7214 to 0.8798`, or that there are too few rows for one."""
    return "too few rows" if score.low is None or score.high is None else f"{score.low:.4f} to {score.high:.4f}"


def scored(score: Score) -> str:
    """`98 of 100`, with what became of the rest."""
    whole = f"{score.n:,} of {score.expected or 0:,}"
    rest = [f"{score.unscorable:,} unscorable"] if score.unscorable else []
    rest += [f"{score.errors:,} errors"] if score.errors else []
    return f"{whole} ({', '.join(rest)})" if rest else whole


def _show_subsets(evaluation: Evaluation) -> None:
    if len(evaluation.subsets) < 2 or not evaluation.scorers:
        return
    main = evaluation.scorers[0]
    found = [(subset, scores[main]) for subset, scores in evaluation.subsets.items() if main in scores]
    rows = [(subset, mean(score), interval(score), f"{score.n:,}") for subset, score in found[:_SUBSETS_SHOWN]]
    show_table(["subset", main, "95 % interval", "rows"], rows)
    if len(found) > _SUBSETS_SHOWN:
        note(f"The first {_SUBSETS_SHOWN} of {len(found)} subsets; all: --json")


async def _show_failures(session: Session, evaluation: Evaluation) -> None:
    if evaluation.error is not None:
        note(f"{evaluation.status}: {plain(evaluation.error.message)}")
    if not evaluation.failed_rows:
        return
    note(f"{evaluation.failed_rows} of {evaluation.rows * evaluation.epochs} answers failed:")
    rows = session.client.evaluations.rows(evaluation.id, status="failed", limit=_FAILURES_SHOWN)
    async for row in rows:
        note(f"  row {plain(row.row_id)}: {plain(row.error.message) if row.error else 'no reason was kept'}")
    note(f"Run only those again: penstock eval retry {evaluation.id}{session.place.flags()}")


def _facts(evaluation: Evaluation) -> str:
    answers = f"{evaluation.answered_rows:,}/{evaluation.rows * evaluation.epochs:,} answers"
    parts = [answers]
    if evaluation.started_at and evaluation.finished_at:
        parts.append(f"{(evaluation.finished_at - evaluation.started_at).total_seconds():.1f} s")
    if evaluation.latency.p50_ms is not None:
        p95 = evaluation.latency.p95_ms or 0.0
        parts.append(f"latency p50 {evaluation.latency.p50_ms:,.0f} ms, p95 {p95:,.0f} ms")
    if evaluation.usage.model_calls:
        parts.append(cost(evaluation.usage))
    return ", ".join(parts)
