"""Follows a run to its end, and says how it ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.output import note, plain, plain_lines, show_json, show_table
from penstock.cli.session import DONE, FAILED, PARTIAL, STILL_RUNNING, Session
from penstock.client.errors import APITimeoutError, ExecutionError
from penstock.client.progress import facts

if TYPE_CHECKING:
    from penstock import AsyncExecutionHandle
    from penstock.client._async.handles import ResultFormat
    from penstock.client.objects import Execution

_ROWS_SHOWN = 20
_FAILURES_SHOWN = 10
_RESULT_FORMATS: Mapping[str, ResultFormat] = {".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv"}


def result_format(file: Path) -> ResultFormat:
    """The format of results that a file's suffix names; wrong usage when it names none."""
    try:
        return _RESULT_FORMATS[file.suffix.lower()]
    except KeyError:
        known = ", ".join(_RESULT_FORMATS)
        raise click.UsageError(f"{file.name!r} must end in one of {known}, which names the format") from None


async def follow(
    session: Session, handle: AsyncExecutionHandle, *, output: Path | None = None, timeout: float | None = None
) -> int:
    """Wait for a run with a live bar, show its outcome, and return the exit code.

    After `timeout` seconds the handle is shown in the place of the outcome. Interrupted, it says what becomes of the
    run: on a server it goes on, and in this process it is parked until the next start.
    """
    final = await end_of(session, handle, timeout)
    return STILL_RUNNING if final is None else await show_outcome(session, handle, final, output)


async def end_of(session: Session, handle: AsyncExecutionHandle, timeout: float | None) -> Execution | None:
    """How a run ended, however it did, waited for with a live bar; None after `timeout` seconds, when the handle was
    shown. One that is paused because its budget is used up is over as far as waiting goes: nobody may ever resume it.
    """
    try:
        return await handle.wait(timeout, _leave_without_budget, show_progress=sys.stderr.isatty())
    except _BudgetUsedUp:
        _say_paused(session, handle)
        return handle.progress
    except ExecutionError:
        return handle.progress
    except APITimeoutError:
        if timeout is None:
            raise
        show_handle(session, handle)
        return None
    except asyncio.CancelledError:
        say_interrupted(session, handle)
        raise


class _BudgetUsedUp(Exception):
    """It is paused, and waits for a larger budget."""


def _leave_without_budget(state: Execution) -> None:
    if state.status == "paused" and state.pause_reason is not None and state.pause_reason.code == "budget_exhausted":
        raise _BudgetUsedUp


def _say_paused(session: Session, handle: AsyncExecutionHandle) -> None:
    reason = handle.progress.pause_reason
    resume = f"penstock executions resume {handle.execution_id}{session.place.flags()} --budget-usd N"
    note(f"Paused: {plain(reason.message) if reason else 'its budget is used up.'}\nWith a larger budget: {resume}")


def show_handle(session: Session, handle: AsyncExecutionHandle) -> None:
    """A run that is not over: its id, and how to go on."""
    if session.as_json:
        show_json(handle.progress.to_dict())
        return
    click.echo(handle.id)
    if session.place.embedded:
        note(_parked(session, handle))
    else:
        note(f"It is {handle.status}. {_ways(session, handle)}")


async def show_outcome(
    session: Session, handle: AsyncExecutionHandle, final: Execution, output: Path | None = None
) -> int:
    """How a run ended: its results, or a table of them, and the items that failed with why."""
    has_results = final.status == "completed"
    if output is not None and has_results:
        size = await handle.save_results(output, result_format(output))
        note(f"Results: {output} ({size} bytes)")
    if session.as_json:
        whole = final.to_dict()
        if has_results and output is None and final.results is None:
            whole["results"] = await handle.results()
        show_json(whole)
        return exit_code(final)
    if has_results and output is None:
        await _show_results(session, handle, final)
    await _show_failures(session, handle, final)
    note(f"{final.status}: {facts(final)}")
    return exit_code(final)


def exit_code(final: Execution) -> int:
    """0 done, 1 failed, 3 done but some items failed."""
    if final.status != "completed":
        return FAILED
    return PARTIAL if final.partial else DONE


async def _show_results(session: Session, handle: AsyncExecutionHandle, final: Execution) -> None:
    if final.results is not None and not isinstance(final.results, list):
        show_json(final.results)
        return
    rows = final.results if isinstance(final.results, list) else await _first_outputs(handle)
    shown = [row for row in rows if row is not None][:_ROWS_SHOWN]
    if not shown:
        return
    columns = _columns(shown)
    show_table(columns, [_cells(row, columns) for row in shown])
    if final.counts.succeeded > len(shown):
        whole = f"penstock executions results {handle.id} -o FILE{session.place.flags()}"
        note(f"The first {len(shown)} of {final.counts.succeeded}; all: {whole}")


async def _first_outputs(handle: AsyncExecutionHandle) -> list[Any]:
    return [item.output async for item in handle.items("succeeded", limit=_ROWS_SHOWN)]


def _columns(rows: Sequence[Any]) -> list[str]:
    if not all(isinstance(row, dict) for row in rows):
        return ["result"]
    return list(dict.fromkeys(name for row in rows for name in row))


def _cells(row: Any, columns: Sequence[str]) -> list[object]:
    return [row] if columns == ["result"] and not isinstance(row, dict) else [row.get(name) for name in columns]


async def _show_failures(session: Session, handle: AsyncExecutionHandle, final: Execution) -> None:
    if final.error is not None:
        place = f" (node {plain(final.error.node)!r})" if final.error.node else ""
        note(f"{final.status}{place}: {plain_lines(final.error.message)}")
    if not final.counts.failed:
        return
    note(f"{final.counts.failed} of {final.total_items} items failed:")
    async for item in handle.items("failed", limit=_FAILURES_SHOWN):
        reason = f"{item.error.node or ''}: {item.error.message}" if item.error else "no reason was kept"
        note(f"  item {plain(item.path)}: {plain(reason)}")
    flags = session.place.flags()
    if final.counts.failed > _FAILURES_SHOWN:
        note(f"  … all of them: penstock executions show {handle.id} --failed{flags}")
    note(f"Run only those again: penstock executions retry {handle.id}{flags}")


def say_interrupted(session: Session, handle: AsyncExecutionHandle) -> None:
    """What becomes of a run whose watcher leaves, and how to come back to it."""
    if session.place.embedded:
        note(f"\n{_parked(session, handle)}")
    else:
        note(f"\nThe execution goes on. {_ways(session, handle)}")


def _watch(session: Session, handle: AsyncExecutionHandle) -> str:
    """The command that follows it; an evaluation has an id of its own."""
    group = "executions" if handle.id == handle.execution_id else "eval"
    return f"penstock {group} watch {handle.id}{session.place.flags()}"


def _ways(session: Session, handle: AsyncExecutionHandle) -> str:
    cancel = f"penstock executions cancel {handle.execution_id}{session.place.flags()}"
    return f"Watch it: {_watch(session, handle)}   Stop it: {cancel}"


def _parked(session: Session, handle: AsyncExecutionHandle) -> str:
    return (
        f"{handle.id} is parked: what is finished is kept, and it goes on at the next start. "
        f"Go on now: {_watch(session, handle)}"
    )
