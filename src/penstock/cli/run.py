"""`penstock run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.arguments import DatasetType, FlowFile, FlowType, budget_of, budget_options
from penstock.cli.connect import Place
from penstock.cli.datasets import format_of, show_skipped
from penstock.cli.follow import follow, result_format, show_handle
from penstock.cli.inputs import InputFileType, typed_inputs
from penstock.cli.output import note
from penstock.cli.push import push_flow
from penstock.cli.session import Session, session_command
from penstock.client.options import RunOptions

if TYPE_CHECKING:
    from penstock import AsyncExecutionHandle
    from penstock.client.objects import Flow

_output = click.Path(dir_okay=False, path_type=Path)


def check_usage(place: Place, options: Mapping[str, Any]) -> None:
    """The rules between the flags. Raises UsageError."""
    if sum(1 for source in ("pairs", "content", "dataset") if options[source]) > 1:
        raise click.UsageError("give one of --input, --input-file and --dataset")
    if options["in_background"] and place.embedded:
        raise click.UsageError(
            "--async needs a server that goes on after this command: start one with `penstock up` and set PENSTOCK_URL"
        )
    if options["in_background"] and (options["wait"] is not None or options["output"] is not None):
        raise click.UsageError("--async ends at once, so --wait and --output do not go with it")
    if budget_of(options) and not (options["dataset"] or isinstance(options["content"], list)):
        raise click.UsageError("a budget on the command line goes with many rows; for one input, use settings.budget")
    if options["output"] is not None:
        result_format(options["output"])
    if isinstance(options["dataset"], Path):
        format_of(options["dataset"])


@click.command()
@click.argument("flow", type=FlowType())
@click.option("--input", "pairs", multiple=True, metavar="NAME=VALUE", help="One input field; may be repeated.")
@click.option(
    "--input-file", "content", type=InputFileType(), help="JSON or YAML: an object is one input, a list many."
)
@click.option("--dataset", type=DatasetType(), help="Run on each row of a file, or of a saved data set.")
@click.option("--async", "in_background", is_flag=True, help="Print the handle and end; the server goes on.")
@click.option("--wait", type=click.FloatRange(min=0), metavar="N", help="Wait N seconds, then print the handle.")
@budget_options
@click.option("-o", "--output", type=_output, help="Write the results: .json, .ndjson or .csv.")
@session_command(worker=True, check=check_usage)
async def run(session: Session, /, flow: FlowFile | str, **options: Any) -> int | None:
    """Run a flow file, on one input or on many rows.

    The file (YAML or JSON) is saved first where it has changed; the name of a saved flow does as well.
    On one input it prints the results; on many it shows a bar, a table, and the items that failed. Without a server it
    runs in this process; interrupted, it goes on at the next start.
    """
    saved = await _saved_flow(session, flow)
    how = RunOptions(budget=budget_of(options))
    if options["dataset"]:
        rows = await _dataset(session, options["dataset"])
        handle = await session.client.flows.run(saved.id, dataset=rows, options=how)
    elif isinstance(options["content"], list):
        handle = await session.client.flows.run(saved.id, options["content"], options=how)
    else:
        handle = await _start(session, saved, options["content"], options["pairs"])
    if options["in_background"]:
        show_handle(session, handle)
        return None
    return await follow(session, handle, output=options["output"], timeout=options["wait"])


async def _saved_flow(session: Session, flow: FlowFile | str) -> Flow:
    if isinstance(flow, str):
        return await session.client.flows.get(flow)
    pushed = await push_flow(session.client, flow.text)
    if pushed.change != "unchanged":
        note(f"{pushed.flow.name}: version {pushed.flow.version} ({pushed.change})")
    return await session.client.flows.get(pushed.flow.id)


async def _start(session: Session, flow: Flow, content: Any, pairs: tuple[str, ...]) -> AsyncExecutionHandle:
    declared = (flow.document or {}).get("input") or {}
    return await session.client.flows.execute_async(flow.id, content or typed_inputs(pairs, declared))


async def _dataset(session: Session, named: Path | str) -> str:
    """The id of a saved data set, or of the one that a file becomes: of its name, with its rows as they are now."""
    if isinstance(named, str):
        return (await session.client.datasets.get(named)).id
    report = await session.client.datasets.import_file(named, mode="replace")
    note(f"data set {report.dataset.name!r}: {report.rows} rows of {named}")
    show_skipped(report)
    return report.dataset.id
