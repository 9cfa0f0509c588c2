"""`penstock executions`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from penstock.cli.arguments import NameType, budget_of, budget_options
from penstock.cli.connect import Place
from penstock.cli.follow import follow, result_format, show_handle, show_outcome
from penstock.cli.output import harmless_json, note, plain, show_json, show_records, show_table
from penstock.cli.session import PARTIAL, Session, session_command
from penstock.cli.watch import follow_log, watch_run
from penstock.client.objects import Execution, Item, LogEntry, Status, Usage
from penstock.client.progress import cost

_STATUSES = click.Choice(["pending", "running", "paused", "completed", "failed", "cancelled", "timeout"])
_id = click.argument("execution_id", metavar="ID", type=NameType())


def _check_background(place: Place, options: Mapping[str, Any]) -> None:
    if options["in_background"] and place.embedded:
        raise click.UsageError("--async needs a server that goes on after this command: set PENSTOCK_URL")


def _check_output(place: Place, options: Mapping[str, Any]) -> None:
    if options["output"] is not None:
        result_format(options["output"])


@click.group()
def executions() -> None:
    """Follow and steer runs."""


@executions.command("list")
@click.option("--status", type=_STATUSES)
@click.option("--flow", help="Only runs of this flow, by id or name.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@session_command()
async def list_executions(session: Session, status: Status | None, flow: str | None, limit: int) -> None:
    """List runs, newest first."""
    found = [run async for run in session.client.executions.list(status=status, flow=flow, limit=limit)]
    columns = {
        "id": "execution_id",
        "flow": "flow_name",
        "status": "status",
        "%": "progress",
        "items": "total_items",
        "took": "elapsed_time",
        "created": "created_at",
    }
    show_records(found, columns, as_json=session.as_json, none="No executions yet: penstock run FLOW.yaml")


@executions.command()
@_id
@click.option("--failed", is_flag=True, help="List every failed item with why.")
@session_command()
async def show(session: Session, execution_id: str, failed: bool) -> None:
    """Show how far a run is, or how it ended."""
    handle = await session.client.executions.get(execution_id)
    state = handle.progress
    if failed:
        _show_items([item async for item in handle.items(status="failed")], as_json=session.as_json)
    elif session.as_json:
        show_json(state.to_dict())
    else:
        for name, value in _facts(state):
            click.echo(f"{name:12}{plain(value)}")


@executions.command()
@_id
@session_command(worker=True)
async def watch(session: Session, execution_id: str) -> int:
    """Follow a run to its end, live; leaving it does nothing to it."""
    return await watch_run(session, await session.client.executions.get(execution_id))


@executions.command()
@_id
@session_command(worker=True)
async def cancel(session: Session, execution_id: str) -> None:
    """Stop a run: no step starts any more, and what is finished is kept."""
    handle = await session.client.executions.get(execution_id)
    receipt = await handle.cancel()
    if session.as_json:
        show_json(receipt.to_dict())
        return
    if receipt.receipt is None:
        click.echo(f"{execution_id} is stopping; {handle.progress.counts.succeeded} finished items are kept")
        return
    click.echo(f"{execution_id} is cancelled")
    for name, value in _receipt(receipt.receipt):
        click.echo(f"{name:22}{plain(value)}")


@executions.command()
@_id
@session_command(worker=True)
async def pause(session: Session, execution_id: str) -> None:
    """Set a run aside: steps in flight finish, no other starts, and its deadline stands still."""
    handle = await session.client.executions.get(execution_id)
    state = await handle.pause()
    if session.as_json:
        show_json(state.to_dict())
        return
    done = "is paused" if state.status == "paused" else "pauses as soon as its steps in flight have finished"
    click.echo(f"{execution_id} {done}; go on with: penstock executions resume {execution_id}")


@executions.command()
@_id
@click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Items at once from now on.")
@budget_options
@click.option("--async", "in_background", is_flag=True, help="Do not wait for the end.")
@session_command(worker=True, check=_check_background)
async def resume(session: Session, /, execution_id: str, **options: Any) -> int | None:
    """Let a paused run go on where it stopped. A budget is what it may consume in all."""
    handle = await session.client.executions.get(execution_id)
    await handle.resume(concurrency=options["concurrency"], budget=budget_of(options))
    if options["in_background"]:
        show_handle(session, handle)
        return None
    return await follow(session, handle)


@executions.command()
@_id
@click.option("--unfinished", is_flag=True, help="Also the items that never ran.")
@click.option("--item", "items", multiple=True, metavar="PATH", help="Only this item; may be repeated.")
@click.option("--code", "codes", multiple=True, metavar="CODE", help="Only items that failed so; may be repeated.")
@click.option("--flow-version", type=click.IntRange(min=1), metavar="N", help="With this version of the flow.")
@click.option("--async", "in_background", is_flag=True, help="Do not wait for the end.")
@session_command(worker=True, check=_check_background)
async def retry(session: Session, /, execution_id: str, **options: Any) -> int | None:
    """Run the failed items again, inside the same execution. What succeeded is not paid for twice."""
    handle = await session.client.executions.get(execution_id)
    chosen = options["items"] or ("unfinished" if options["unfinished"] else "failed")
    await handle.retry(chosen, error_codes=options["codes"], flow_version=options["flow_version"])
    if options["in_background"]:
        show_handle(session, handle)
        return None
    return await follow(session, handle)


@executions.command()
@_id
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="A file: .json, .ndjson or .csv.")
@session_command(check=_check_output)
async def results(session: Session, execution_id: str, output: Path | None) -> int | None:
    """Print the results of a run, or write them to a file."""
    handle = await session.client.executions.get(execution_id)
    if output is not None:
        return await show_outcome(session, handle, handle.progress, output)
    show_json(await handle.results())
    return PARTIAL if handle.progress.partial else None


@executions.command()
@_id
@click.option("--level", type=click.Choice(["info", "warn", "error"]), help="This level and above.")
@click.option("--node", help="Only this node.")
@click.option("--item", metavar="PATH", help="Only this item.")
@click.option("--follow", "live", is_flag=True, help="Go on with what is written, until the run is over.")
@session_command()
async def logs(session: Session, /, execution_id: str, **options: Any) -> None:
    """Print a run's log: what each node did for each item, how long it took, what it cost."""
    handle = await session.client.executions.get(execution_id)
    read = partial(follow_log, handle) if options.pop("live") else handle.logs
    async for entry in read(**options):
        click.echo(_one_line(entry) if session.as_json else _log_line(entry))


def _facts(state: Execution) -> list[tuple[str, object]]:
    counts = ", ".join(f"{number} {name}" for name, number in state.counts.to_dict().items() if number)
    facts: list[tuple[str, object]] = [
        ("execution", state.execution_id),
        ("flow", f"{state.flow_name or state.flow_id or ''} v{state.flow_version or '?'}"),
        ("status", state.status + (", some items failed" if state.partial else "")),
        ("progress", f"{state.progress} %"),
        ("items", counts),
        ("took", state.elapsed_time),
        ("left", state.estimated_remaining),
        (
            "model calls",
            f"{state.usage.model_calls}, {cost(state.usage)}" if state.usage.model_calls else None,
        ),
        ("budget", _budget(state)),
        ("paused", state.pause_reason.message if state.pause_reason else None),
        ("error", state.error.message if state.error else None),
    ]
    return [(name, value) for name, value in facts if value]


def _budget(state: Execution) -> str | None:
    budget = state.budget
    if budget is None:
        return None
    units = {"usd": "$", "tokens": " tokens", "ecu": " ECU"}
    limits = [(name, getattr(budget, name), getattr(budget.spent, name)) for name in units]
    return ", ".join(
        f"${spent} of ${limit}" if name == "usd" else f"{spent} of {limit}{units[name]}"
        for name, limit, spent in limits
        if limit is not None
    )


def _receipt(receipt: Mapping[str, Any]) -> list[tuple[str, object]]:
    return [
        ("asked for", receipt["requestedAt"]),
        ("last call stopped", receipt["stoppedAt"]),
        ("items finished", receipt["itemsFinished"]),
        ("items dropped", receipt["itemsDropped"]),
        ("calls aborted", receipt["callsAborted"]),
        ("spent after the click", f"${receipt['costAfterRequestUsd']}"),
    ]


def _show_items(items: list[Item], *, as_json: bool) -> None:
    if as_json:
        show_json([item.to_dict() for item in items])
        return
    if not items:
        note("No item failed.")
        return
    rows = [(item.path, item.error.node, item.error.message) for item in items if item.error]
    show_table(["item", "node", "why"], rows)


def _one_line(entry: LogEntry) -> str:
    import msgspec

    return harmless_json(msgspec.json.encode(entry))


def _spent(usage: Usage | None) -> str:
    if usage is None or not usage.model_calls:
        return ""
    return f"{usage.input_tokens} + {usage.output_tokens} tokens, {cost(usage)}"


def _log_line(entry: LogEntry) -> str:
    parts = [
        entry.at.astimezone().strftime("%H:%M:%S") if entry.at else "",
        entry.level,
        f"item {plain(entry.item_path)}" if entry.item_path else "",
        plain(entry.message or f"{entry.node} {entry.status}"),
        _spent(entry.usage),
        plain(entry.error.message) if entry.error else "",
    ]
    return "  ".join(part for part in parts if part)
