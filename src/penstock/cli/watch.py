"""Follows a run by its events: a line that moves on a terminal, a line for each thing worth knowing elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from penstock.cli.follow import say_interrupted, show_outcome
from penstock.cli.output import note, plain
from penstock.cli.session import FAILED, Session
from penstock.client.events import (
    CandidateEvent,
    DoneEvent,
    GoneEvent,
    ItemEvent,
    LogEvent,
    ProgressEvent,
    SnapshotEvent,
    StatusEvent,
)
from penstock.client.progress import facts, progress_bar

if TYPE_CHECKING:
    from penstock import AsyncExecutionHandle
    from penstock.client.events import Event
    from penstock.client.objects import LogEntry

_LEVELS = {"info": 0, "warn": 1, "error": 2}


async def watch_run(session: Session, handle: AsyncExecutionHandle) -> int:
    """Follow a run to its end, show its outcome, and return the exit code.

    Interrupted, it leaves the run alone and says how to come back.
    """
    try:
        over = await _watch(handle)
    except asyncio.CancelledError:
        say_interrupted(session, handle)
        raise
    if isinstance(over, GoneEvent):
        note(f"{handle.id} was deleted.")
        return FAILED
    return await show_outcome(session, handle, await handle.refresh())


async def follow_log(
    handle: AsyncExecutionHandle, *, level: str | None = None, node: str | None = None, item: str | None = None
) -> AsyncGenerator[LogEntry, None]:
    """The lines of a run's log that match, those there are and those to come, until it is over."""
    async with aclosing(handle.events(snapshot=True, logs=True)) as events:
        async for event in events:
            if isinstance(event, LogEvent) and _matches(event.entry, level=level, node=node, item=item):
                yield event.entry


def _matches(entry: LogEntry, *, level: str | None, node: str | None, item: str | None) -> bool:
    return (
        (level is None or _LEVELS.get(entry.level, 0) >= _LEVELS[level])
        and (node is None or entry.node == node)
        and (item is None or entry.item_path == item)
    )


async def _watch(handle: AsyncExecutionHandle) -> Event | None:
    moving = sys.stderr.isatty()
    event: Event | None = None
    with progress_bar() as draw:
        async with aclosing(handle.events(snapshot=True)) as events:
            async for event in events:
                if isinstance(event, SnapshotEvent | ProgressEvent | DoneEvent):
                    draw(event.progress)
                if not moving or _interrupts(event):
                    _tell(event)
    return event


def _interrupts(event: Event) -> bool:
    """Whether this is worth a line of its own above a line that moves."""
    return isinstance(event, StatusEvent) and event.status == "paused"


def _tell(event: Event) -> None:
    match event:
        case SnapshotEvent(progress=state) if not state.done:
            note(f"{state.status}: {facts(state)}")
        case StatusEvent(status=status, reason=reason):
            note(f"{status}: {plain(reason.message)}" if reason else status)
        case ItemEvent(status="failed", path=path, error=error):
            note(f"item {plain(path)} failed: {plain(error.message) if error else 'no reason was kept'}")
        case CandidateEvent(number=number, status=status, validation_score=score, metric_calls=spent):
            note(f"candidate {number} {status}{'' if score is None else f', {score:.3f}'}; {spent:,} metric calls")
