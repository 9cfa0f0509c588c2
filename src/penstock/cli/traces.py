"""`penstock traces`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from penstock.cli.arguments import AmountType, NameType
from penstock.cli.connect import Place
from penstock.cli.follow import end_of, exit_code, show_handle
from penstock.cli.output import note, show_json
from penstock.cli.session import DONE, FAILED, PARTIAL, STILL_RUNNING, Session, session_command
from penstock.cli.trace_output import SHOWN_LINES, show_trace, show_traces, show_upload
from penstock.client.trace_objects import TraceFilter

F = TypeVar("F", bound=Callable[..., Any])

_DIRECT_BYTES = 8 * 1024 * 1024
"""Larger files are read by an execution that can be followed."""
_STATUSES = click.Choice(["unset", "ok", "error"])
_SORTS = click.Choice(["createdAt", "startedAt", "durationMs", "costUsd"])
_FILTERS = {
    "source": "source",
    "status": "status",
    "name": "name",
    "model": "model",
    "judge": "judge",
    "outcome": "outcome",
    "search": "search",
    "since": "timeRange",
    "min_ms": "minDurationMs",
    "max_ms": "maxDurationMs",
    "min_usd": "minCostUsd",
    "sort": "sort",
}


def _filters(command: F) -> F:
    for option in (
        click.option("--min-usd", type=AmountType(), metavar="N", help="It cost so many dollars or more."),
        click.option("--max-ms", type=click.FloatRange(min=0), metavar="N", help="It took so long at most."),
        click.option("--min-ms", type=click.FloatRange(min=0), metavar="N", help="It took so long at least."),
        click.option("--since", metavar="RANGE", help="It began within 45m, 24h, 7d or 2w of now."),
        click.option("--outcome", type=click.Choice(["pass", "fail"]), help="A judge said so of it."),
        click.option("--judge", type=NameType(), help="This judge has judged it."),
        click.option("--model", type=NameType(), help="One of its spans used it."),
        click.option("--name", type=NameType(), help="Its name."),
        click.option("--status", type=_STATUSES),
        click.option("--source", type=NameType(), help="Where it came from."),
    ):
        command = option(command)
    return command


def _wanted(options: Mapping[str, Any]) -> TraceFilter:
    found: Any = {_FILTERS[name]: value for name, value in options.items() if name in _FILTERS and value is not None}
    if options.get("ascending"):
        found["order"] = "asc"
    wanted: TraceFilter = found
    return wanted


def _check_import(place: Place, options: Mapping[str, Any]) -> None:
    if options["in_background"] and place.embedded:
        raise click.UsageError("--async needs a server that goes on after this command: set PENSTOCK_URL")


@click.group()
def traces() -> None:
    """Look into traces: list, search, show, import, export."""


@traces.command("list")
@_filters
@click.option("--sort", type=_SORTS, help="When it came, by default; with --since, when it began.")
@click.option("--asc", "ascending", is_flag=True, help="The first ones first.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@session_command()
async def list_traces(session: Session, /, limit: int, **options: Any) -> None:
    """List traces, newest first."""
    found = [trace async for trace in session.client.traces.list(_wanted(options), limit=limit)]
    show_traces(session, found, "No such traces. Bring some in: penstock traces import FILE")


@traces.command()
@click.argument("words", nargs=-1, required=True)
@_filters
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@session_command()
async def search(session: Session, /, words: tuple[str, ...], limit: int, **options: Any) -> None:
    """Find traces that have all of these words; `begin*` finds what begins so."""
    wanted = _wanted({**options, "search": " ".join(words)})
    found = [trace async for trace in session.client.traces.list(wanted, limit=limit)]
    show_traces(session, found, "No trace has these words.")


@traces.command()
@click.argument("trace", type=NameType())
@click.option("--span", type=NameType(), help="One span whole, with its input, output, and original.")
@session_command()
async def show(session: Session, trace: str, span: str | None) -> None:
    """Show a trace: its tree beside the time line, and what each model consumed."""
    client = session.client.traces
    if span is not None:
        show_json((await client.span(trace, span)).to_dict())
        return
    found = await client.get(trace)
    lines = [line async for line in client.tree(found.id, limit=SHOWN_LINES)]
    if session.as_json:
        show_json({**found.to_dict(), "tree": [line.to_dict() for line in lines]})
    else:
        show_trace(found, lines)


@traces.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", type=NameType(), help="Where they are said to come from; `upload` by default.")
@click.option("--async", "in_background", is_flag=True, help="Do not wait for the end of a large file.")
@session_command(worker=True, check=_check_import)
async def import_(session: Session, /, file: Path, source: str | None, in_background: bool) -> int:
    """Bring in traces from JSON, JSON Lines, or what `export` wrote. Large files are read in the background."""
    client = session.client.traces
    size = (await asyncio.to_thread(file.stat)).st_size
    if size <= _DIRECT_BYTES and not in_background:
        upload = await client.upload(file, source=source)
        show_upload(session, upload)
        return PARTIAL if upload.errors else DONE
    handle = await client.upload_batch(file, source=source)
    if in_background:
        show_handle(session, handle)
        return DONE
    final = await end_of(session, handle, None)
    if final is None:
        return STILL_RUNNING
    upload = await handle.results()
    show_upload(session, upload)
    if final.error is not None:
        note(f"{final.status}: {final.error.message}")
    return exit_code(final) or (PARTIAL if upload.errors else DONE)


@traces.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--format", "kind", type=click.Choice(["jsonl", "parquet"]), help="By the suffix, if not given.")
@click.option("--search", metavar="WORDS", help="It has all of these words.")
@_filters
@session_command()
async def export(session: Session, /, file: Path, kind: Any, **options: Any) -> None:
    """Write traces with their spans to a file: JSON Lines, or Parquet."""
    size = await session.client.traces.export(file, _wanted(options), format=kind)
    if session.as_json:
        show_json({"file": str(file), "bytes": size})
    else:
        click.echo(f"{file}: {size} bytes")


@traces.command()
@click.argument("trace_ids", metavar="TRACE…", nargs=-1, required=True, type=NameType())
@session_command()
async def delete(session: Session, trace_ids: tuple[str, ...]) -> int:
    """Delete traces with their spans."""
    gone = await session.client.traces.delete_many(trace_ids)
    if session.as_json:
        show_json({"deleted": gone})
    else:
        note(f"{gone} of {len(trace_ids)} deleted" if gone < len(trace_ids) else f"{gone} deleted")
    return DONE if gone else FAILED
