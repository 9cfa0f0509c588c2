"""Waiting for an execution on a caller's behalf, until it is over, the time is up, or the server stops."""

from __future__ import annotations

import asyncio

from penstock.executions.model import Execution
from penstock.server.auth import Call


class ServerStopping(Exception):
    """The server is shutting down, so it waits no longer. The execution is parked and goes on after the start."""


async def wait_for_end(
    call: Call, execution: Execution, seconds: float | None, *, until_paused: bool = False
) -> Execution:
    """The execution when it is over, or as it is when the time is up; None waits to the end.

    `until_paused` waits no longer once it is paused either. The caller may go away: the execution goes on. Raises
    `ServerStopping`.
    """
    running = call.running
    if running.stopping.is_set():
        raise ServerStopping
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine always runs in a task
    running.waiting.add(task)
    try:
        return await call.engine.executions.wait_for(execution, seconds, until_paused=until_paused)
    except asyncio.CancelledError:
        if not running.stopping.is_set():
            raise
        task.uncancel()
        raise ServerStopping from None
    finally:
        running.waiting.discard(task)
