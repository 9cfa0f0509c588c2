"""`penstock experiments`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.arguments import NameType
from penstock.cli.connect import Place
from penstock.cli.datasets import format_of
from penstock.cli.eval_benchmark import benchmark_id
from penstock.cli.eval_options import check_work, options_of, work_options
from penstock.cli.eval_output import interval, mean, scored
from penstock.cli.follow import end_of, show_handle
from penstock.cli.inputs import InputFileType
from penstock.cli.output import note, plain, show_json, show_records, show_table
from penstock.cli.session import DONE, FAILED, PARTIAL, STILL_RUNNING, Session, session_command

if TYPE_CHECKING:
    from penstock import AsyncExecutionHandle
    from penstock.client.evaluation_objects import Experiment, ExperimentVariant

_COLUMNS = {
    "id": "id",
    "name": "name",
    "status": "status",
    "benchmark": "benchmark",
    "variants": "variants",
    "created": "created_at",
}


@click.group()
def experiments() -> None:
    """Hold variants of one thing against each other."""


def _check(place: Place, options: Mapping[str, Any]) -> None:
    check_work(options)
    if not isinstance(options["variants"], list) or len(options["variants"]) < 2:
        raise click.UsageError("the file of variants must hold a list of at least two objects")
    if isinstance(options["benchmark"], Path):
        format_of(options["benchmark"])
    if options["in_background"] and place.embedded:
        raise click.UsageError("--async needs a server that goes on after this command: set PENSTOCK_URL")


@experiments.command()
@click.argument("name", type=NameType())
@click.argument("variants", type=InputFileType())
@work_options(target=False)
@click.option("--baseline", metavar="VARIANT", help="What the others are held against; the first by default.")
@click.option("--async", "in_background", is_flag=True, help="Print the handle and end; the server goes on.")
@click.option("--wait", type=click.FloatRange(min=0), metavar="N", help="Wait N seconds, then print the handle.")
@session_command(worker=True, check=_check)
async def run(session: Session, /, name: str, variants: list[dict[str, Any]], **options: Any) -> int | None:
    """Run the variants of a JSON or YAML file side by side on the same rows.

    Each has a name, a model or a flow, and what it is told: system, prompt, promptId, params.
    """
    handle = await session.client.experiments.create(
        name,
        await benchmark_id(session, options["benchmark"], options["adapter"]),
        variants,
        baseline=options["baseline"],
        scorers=options["scorers"],
        options=options_of(options, None),
    )
    if options["in_background"]:
        show_handle(session, handle)
        return None
    return await _attend(session, handle, options["wait"])


@experiments.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@session_command()
async def list_experiments(session: Session, limit: int) -> None:
    """List experiments, newest first."""
    found = [one async for one in session.client.experiments.list(limit=limit)]
    none = "No experiments yet: penstock experiments run NAME VARIANTS.yaml --benchmark B"
    show_records(found, _COLUMNS, as_json=session.as_json, none=none)


@experiments.command()
@click.argument("experiment_id", metavar="ID", type=NameType())
@session_command()
async def show(session: Session, experiment_id: str) -> None:
    """Show its variants; when it is over, how each differs from the baseline."""
    _show(session, await session.client.experiments.get(experiment_id))


async def _attend(session: Session, handle: AsyncExecutionHandle, timeout: float | None) -> int:
    final = await end_of(session, handle, timeout)
    if final is None:
        return STILL_RUNNING
    _show(session, await session.client.experiments.get(handle.id))
    if final.status != "completed":
        return FAILED
    return PARTIAL if final.partial else DONE


def _show(session: Session, found: Experiment) -> None:
    if session.as_json:
        show_json(found.to_dict())
        return
    show_title = f"{plain(found.name)} on {plain(found.benchmark.key)} (version {found.benchmark.version})"
    for scorer in found.scorers:
        rows = [_row(variant, scorer) for variant in found.variants]
        title = f"{show_title}: {plain(scorer)}" if len(found.scorers) > 1 else show_title
        show_table(["variant", "mean", "95 % interval", "scored", "against the baseline"], rows, title=title)
    for variant in found.variants:
        if variant.failed_rows:
            note(f"{plain(variant.name)}: {variant.failed_rows} answers failed")
        note(f"{plain(variant.name)}: penstock eval show {variant.evaluation_id}{session.place.flags()}")


def _row(variant: ExperimentVariant, scorer: str) -> tuple[object, ...]:
    score = variant.metrics[scorer]
    return variant.name, mean(score), interval(score), scored(score), _against(variant, scorer)


def _against(variant: ExperimentVariant, scorer: str) -> str:
    if variant.baseline:
        return "the baseline"
    found = variant.differences.get(scorer)
    if found is None or found.difference is None:
        return ""
    bounds = "" if found.low is None or found.high is None else f" ({found.low:+.4f} to {found.high:+.4f})"
    more = f", about {found.more_rows:,} more rows could" if found.more_rows else ""
    word = {"better": "better", "worse": "worse"}.get(found.decision, f"cannot tell{more}")
    return f"{found.difference:+.4f}{bounds}: {word}"
