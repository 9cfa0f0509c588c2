"""`penstock eval`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click

from penstock.cli.arguments import NameType
from penstock.cli.connect import Place
from penstock.cli.datasets import format_of
from penstock.cli.eval_benchmark import benchmark_id
from penstock.cli.eval_options import ScorerType, check_work, options_of, work_options
from penstock.cli.eval_output import mean, rows_format, show_evaluation
from penstock.cli.evaluate import attend, finish, why_undecidable
from penstock.cli.follow import show_handle
from penstock.cli.gating import Demands, check_gate, gate_options
from penstock.cli.lazy import Entry, LazyGroup
from penstock.cli.output import note, plain, show_json, show_table
from penstock.cli.session import Session, session_command
from penstock.client.errors import PenstockError
from penstock.client.evaluation_objects import Evaluation, EvaluationRow, RowOutcome
from penstock.client.objects import TERMINAL, Status

_HERE = "penstock.cli.evaluations"
ENTRIES = {
    "run": Entry("penstock.cli.evaluate:run", "Evaluate a model or a flow on a benchmark."),
    "list": Entry(f"{_HERE}:list_evaluations", "List evaluations."),
    "show": Entry(f"{_HERE}:show", "Show what an evaluation's rows add up to."),
    "rows": Entry(f"{_HERE}:rows", "Show an evaluation's rows, or write them to a file."),
    "watch": Entry(f"{_HERE}:watch", "Follow an evaluation to its end."),
    "gate": Entry(f"{_HERE}:gate", "Make demands of an evaluation that is over."),
    "compare": Entry("penstock.cli.compare:compare", "Hold evaluations against the first of them."),
    "plot": Entry("penstock.cli.compare:plot", "Draw scores or differences as SVG."),
    "power": Entry("penstock.cli.compare:power", "Say what a number of rows can show, before a run."),
    "retry": Entry(f"{_HERE}:retry", "Run what failed again, inside the same evaluation."),
    "rescore": Entry(f"{_HERE}:rescore", "Score the answers again with other scorers."),
    "estimate": Entry(f"{_HERE}:estimate", "Say what an evaluation would take; start nothing."),
    "delete": Entry(f"{_HERE}:delete", "Delete an evaluation with its rows."),
}
_id = click.argument("evaluation_id", metavar="ID", type=NameType())
_STATUSES = click.Choice(["pending", "running", "paused", "completed", "failed", "cancelled", "timeout"])
_OUTCOMES = click.Choice(["correct", "incorrect", "unscorable", "error"])
_output = click.Path(dir_okay=False, path_type=Path)
_in_background = click.option("--async", "in_background", is_flag=True, help="Do not wait for the end.")


@click.group(cls=LazyGroup, entries=ENTRIES)
def evaluations() -> None:
    """Evaluate models and flows on benchmarks."""


def _check_background(place: Place, options: Mapping[str, Any]) -> None:
    if options["in_background"] and place.embedded:
        raise click.UsageError("--async needs a server that goes on after this command: set PENSTOCK_URL")


def _check_rows(place: Place, options: Mapping[str, Any]) -> None:
    if options["output"] is not None:
        rows_format(options["output"])


def _check_gate(place: Place, options: Mapping[str, Any]) -> None:
    check_gate(options)
    if not Demands.of(options):
        raise click.UsageError("demand something: --fail-under, --fail-over, --max-regression, or a report")


def _check_estimate(place: Place, options: Mapping[str, Any]) -> None:
    check_work(options)
    if isinstance(options["benchmark"], Path):
        format_of(options["benchmark"])


@click.command("list")
@click.option("--benchmark", metavar="B", help="Only on this one, by id or key.")
@click.option("--model", metavar="M", help="Only of this model.")
@click.option("--status", type=_STATUSES)
@click.option("--sort", type=click.Choice(["created", "accuracy", "duration"]), default="created", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@session_command()
async def list_evaluations(session: Session, /, status: Status | None, **options: Any) -> None:
    """List evaluations, the newest first, or the most accurate, or the slowest."""
    found = [one async for one in session.client.evaluations.list(status=status, **options)]
    if session.as_json:
        show_json([one.to_dict() for one in found])
    elif not found:
        note("No evaluations yet: penstock eval run --model local/smollm2 --benchmark arithmetic")
    else:
        show_table(["id", "target", "benchmark", "status", "mean"], [_line(one) for one in found])


@click.command()
@_id
@session_command()
async def show(session: Session, evaluation_id: str) -> None:
    """Show what an evaluation's rows add up to, so far or in the end."""
    found = await session.client.evaluations.get(evaluation_id)
    if session.as_json:
        show_json(found.to_dict())
    else:
        await show_evaluation(session, found)


@click.command()
@_id
@click.option("--outcome", type=_OUTCOMES, help="By the first scorer.")
@click.option("--failed", is_flag=True, help="Only rows without an answer.")
@click.option("--subset", metavar="NAME", help="Only of this subset.")
@click.option("--search", metavar="TEXT", help="In input, truth or answer.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("-o", "--output", type=_output, help="Write all rows to a file: .ndjson or .csv.")
@session_command(check=_check_rows)
async def rows(
    session: Session, /, evaluation_id: str, outcome: RowOutcome | None, output: Path | None, **options: Any
) -> None:
    """Show an evaluation's rows with answers and scores, or write all of them to a file."""
    client = session.client.evaluations
    if output is not None:
        size = await client.save_rows(evaluation_id, output, rows_format(output))
        note(f"Rows: {output} ({size} bytes)")
        return
    wanted: Any = "failed" if options.pop("failed") else None
    found = [row async for row in client.rows(evaluation_id, status=wanted, outcome=outcome, **options)]
    if session.as_json:
        show_json([row.to_dict() for row in found])
    elif not found:
        note("No such rows.")
    else:
        show_table(["row", "input", "truth", "answer", "scores"], [_row(row) for row in found])


@click.command()
@_id
@session_command(worker=True)
async def watch(session: Session, evaluation_id: str) -> int:
    """Follow an evaluation to its end, live; leaving it does nothing to it."""
    handle = await session.client.evaluations.handle(evaluation_id)
    return await attend(session, handle, Demands.none())


@click.command()
@_id
@gate_options
@session_command(check=_check_gate)
async def gate(session: Session, /, evaluation_id: str, **options: Any) -> int:
    """Make demands of an evaluation that is over; ends with 4 when one is not met."""
    demands = Demands.of(options)
    found = await session.client.evaluations.get(evaluation_id)
    if found.status not in TERMINAL:
        raise PenstockError(f"{evaluation_id} is {found.status}; wait for it: penstock eval watch {evaluation_id}")
    if why := await why_undecidable(session, found, demands):
        raise PenstockError(why)
    return await finish(session, found, demands)


@click.command()
@_id
@click.option("--scores", "what", flag_value="scores", help="Only scores that went wrong; answers are kept.")
@_in_background
@session_command(worker=True, check=_check_background)
async def retry(
    session: Session, /, evaluation_id: str, what: Literal["scores"] | None, in_background: bool
) -> int | None:
    """Run the rows that failed again, inside the same evaluation. What is answered is not paid for twice."""
    handle = await session.client.evaluations.handle(evaluation_id)
    await (handle.retry_scores() if what else handle.retry())
    if in_background:
        show_handle(session, handle)
        return None
    return await attend(session, handle, Demands.none())


@click.command()
@_id
@click.option("--scorer", "scorers", multiple=True, required=True, type=ScorerType(), help="May be repeated.")
@click.option("--name", metavar="TEXT", help="What the new evaluation is called.")
@_in_background
@session_command(worker=True, check=_check_background)
async def rescore(
    session: Session, /, evaluation_id: str, scorers: tuple[Any, ...], name: str | None, in_background: bool
) -> int | None:
    """Score the answers of an evaluation with other scorers, as a new one. The model is not asked again."""
    handle = await session.client.evaluations.rescore(evaluation_id, scorers, name=name)
    if in_background:
        show_handle(session, handle)
        return None
    return await attend(session, handle, Demands.none())


@click.command()
@work_options(target=True)
@session_command(check=_check_estimate)
async def estimate(session: Session, /, **options: Any) -> None:
    """Say what an evaluation would take with these flags of `eval run`; nothing is started."""
    found = await session.client.evaluations.estimate(
        benchmark=await benchmark_id(session, options["benchmark"], options["adapter"]),
        model=options["model"],
        flow=options["flow"],
        scorers=options["scorers"],
        options=options_of(options, None),
    )
    if session.as_json:
        show_json(found.to_dict())
        return
    worst = found.worst_case or {}
    unpriced = worst.get("unpricedModels")
    money = f"${worst['costUsd']}" if worst else "not known: what a flow calls is known when it runs"
    facts = {
        "rows": f"{found.rows:,}",
        "answers": f"{found.items:,}",
        "judge calls": f"{found.scorer_calls:,}" if found.scorer_calls else None,
        "at most": f"{money}, {worst['tokens']:,} tokens" if worst else money,
        "no price": plain(", ".join(unpriced)) if unpriced else None,
        "can show": f"a difference of {found.minimum_detectable['difference']:.3f} between two such evaluations",
    }
    for name, value in facts.items():
        if value is not None:
            click.echo(f"{name:14}{value}")


@click.command()
@_id
@session_command()
async def delete(session: Session, evaluation_id: str) -> None:
    """Delete an evaluation that is over, with its rows."""
    await session.client.evaluations.delete(evaluation_id)


def _line(one: Evaluation) -> tuple[object, ...]:
    return one.id, one.target, one.benchmark.key, one.status, mean(one.score)


def _row(row: EvaluationRow) -> tuple[object, ...]:
    scores = ", ".join(
        f"{name} {score.value:g}" if score.value is not None else f"{name}: {score.reason}"
        for name, score in row.scores.items()
    )
    answer = row.error.message if row.error else row.output
    return row.row_id or f"#{row.number}", row.input, row.truth, answer, scores or row.status
