"""`penstock eval run`, and what `watch` and `gate` share with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.connect import Place
from penstock.cli.datasets import format_of
from penstock.cli.eval_benchmark import benchmark_id
from penstock.cli.eval_options import check_work, options_of, work_options
from penstock.cli.eval_output import rows_format, show_evaluation
from penstock.cli.follow import end_of, show_handle
from penstock.cli.gating import Demands, check_gate, decide, gate_options, show_checks
from penstock.cli.output import note, show_json
from penstock.cli.session import DONE, FAILED, GATE_NOT_MET, PARTIAL, STILL_RUNNING, Session, session_command
from penstock.client.errors import ConflictError, PenstockError

if TYPE_CHECKING:
    from penstock import AsyncEvaluationHandle
    from penstock.client.evaluation_objects import Evaluation

_output = click.Path(dir_okay=False, path_type=Path)


def check_usage(place: Place, options: Mapping[str, Any]) -> None:
    """The rules between the flags. Raises UsageError."""
    check_work(options)
    check_gate(options)
    if options["output"] is not None:
        rows_format(options["output"])
    if isinstance(options["benchmark"], Path):
        format_of(options["benchmark"])
    if not options["in_background"]:
        return
    if place.embedded:
        raise click.UsageError(
            "--async needs a server that goes on after this command: start one with `penstock up` and set PENSTOCK_URL"
        )
    if options["wait"] is not None or options["output"] is not None or Demands.of(options):
        raise click.UsageError("--async ends at once: read and judge the rows later, by `penstock eval gate ID`")


@click.command()
@work_options(target=True)
@click.option("--name", metavar="TEXT", help="What the evaluation is called.")
@click.option("--async", "in_background", is_flag=True, help="Print the handle and end; the server goes on.")
@click.option("--wait", type=click.FloatRange(min=0), metavar="N", help="Wait N seconds, then print the handle.")
@click.option("-o", "--output", type=_output, help="Write the rows: .ndjson or .csv.")
@gate_options
@session_command(worker=True, check=check_usage)
async def run(session: Session, /, **options: Any) -> int | None:
    """Evaluate a model or a flow on a benchmark.

    The benchmark is a file of rows (imported first) or the key of one that is there, such as the built-in `arithmetic`.
    Without a server it runs in this process; interrupted, it goes on at the next start.

    For pipelines: --fail-under, --fail-over and --max-regression make demands, decided from the rows; it ends with 4
    when one is not met.
    """
    demands = Demands.of(options)
    if demands.baseline is not None:
        await session.client.evaluations.get(demands.baseline)
    handle = await session.client.evaluations.create(
        benchmark=await benchmark_id(session, options["benchmark"], options["adapter"]),
        model=options["model"],
        flow=options["flow"],
        scorers=options["scorers"],
        options=options_of(options, options["name"]),
    )
    if options["in_background"]:
        show_handle(session, handle)
        return None
    if demands.gate or demands.baseline:
        await _stop_if_undecidable(session, handle, demands)
    return await attend(session, handle, demands, output=options["output"], timeout=options["wait"])


async def attend(
    session: Session,
    handle: AsyncEvaluationHandle,
    demands: Demands,
    *,
    output: Path | None = None,
    timeout: float | None = None,
) -> int:
    """Wait for an evaluation with a live bar, show what came of it, and return the exit code."""
    final = await end_of(session, handle, timeout)
    if final is None:
        return STILL_RUNNING
    return await finish(session, await handle.results(), demands, output)


async def finish(session: Session, evaluation: Evaluation, demands: Demands, output: Path | None = None) -> int:
    """Show an evaluation that is over, decide the demands, write the files; returns the exit code."""
    if output is not None:
        size = await session.client.evaluations.save_rows(evaluation.id, output, rows_format(output))
        note(f"Rows: {output} ({size} bytes)")
    decided = await decide(session.client, demands, evaluation) if demands else None
    if session.as_json:
        show_json(evaluation.to_dict() | ({} if decided is None else {"gate": decided.as_json()}))
    else:
        await show_evaluation(session, evaluation, decided)
        if decided is not None:
            show_checks(decided.checks)
    if evaluation.status != "completed":
        return FAILED
    if decided is not None and not decided.passed:
        return GATE_NOT_MET
    return PARTIAL if evaluation.failed_rows else DONE


async def _stop_if_undecidable(session: Session, handle: AsyncEvaluationHandle, demands: Demands) -> None:
    """Stop an evaluation before it costs more when its demands can never be decided. Raises PenstockError, saying why
    they cannot."""
    why = await why_undecidable(session, await handle.results(), demands)
    if why is None:
        return
    try:
        await handle.cancel()
    except ConflictError:
        raise PenstockError(why) from None  # It was over already.
    raise PenstockError(f"{why} The evaluation {handle.id} was stopped.")


async def why_undecidable(session: Session, evaluation: Evaluation, demands: Demands) -> str | None:
    """Why the demands cannot be decided for this evaluation; None when they can."""
    baseline = None if demands.baseline is None else await session.client.evaluations.get(demands.baseline)
    return demands.fault(evaluation, baseline)
