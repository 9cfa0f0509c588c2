"""What every command that talks to Penstock has in common: its options, its client, its errors and exit code."""

from __future__ import annotations

import asyncio
import functools
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

import click

from penstock.cli.connect import Place, connect, place_of

if TYPE_CHECKING:
    from penstock import AsyncPenstock

DONE, FAILED, USAGE, PARTIAL, GATE_NOT_MET, STILL_RUNNING, INTERRUPTED = 0, 1, 2, 3, 4, 124, 130

P = ParamSpec("P")
Command = Callable[P, None]
SessionCommand = Callable[Concatenate["Session", P], Coroutine[Any, Any, int | None]]


@dataclass(frozen=True)
class Session:
    """One command's connection. `as_json` asks for output that scripts read."""

    client: AsyncPenstock
    place: Place
    as_json: bool


Check = Callable[[Place, Mapping[str, Any]], None]


def session_command(*, worker: bool = False, check: Check | None = None) -> Callable[[SessionCommand[P]], Command[...]]:
    """Make a command of a coroutine that takes a Session first and returns its exit code (None is 0).

    It gets `--url`, `--data` and `--json`. `worker`: an engine inside this process also runs what is waiting. `check`
    is given the place and the options before anything is connected to, and raises UsageError.
    """

    def decorate(function: SessionCommand[P]) -> Command[...]:
        @click.option("--url", help="The server to talk to; PENSTOCK_URL by default.")
        @click.option(
            "--data",
            type=click.Path(file_okay=False, path_type=Path),
            help="Use the engine of this process on this data folder.",
        )
        @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
        @functools.wraps(function)
        def command(url: str | None, data: Path | None, as_json: bool, **options: Any) -> None:
            if url is not None and data is not None:
                raise click.UsageError("give either --url (a server) or --data (this machine), not both")
            place = place_of(url, data)
            if check is not None:
                check(place, options)

            async def work() -> int | None:
                async with connect(place, worker=worker) as client:
                    return await function(Session(client, place, as_json), **options)  # type: ignore[call-arg]

            click.get_current_context().exit(run(work(), as_json=as_json))

        return command

    return decorate


def run(work: Coroutine[Any, Any, int | None], *, as_json: bool) -> int:
    """Run a command's coroutine to its end and return the exit code; what was refused is told, not raised."""
    from penstock.cli.output import show_error
    from penstock.client.errors import PenstockError
    from penstock.errors import Problem

    try:
        return asyncio.run(_until_terminated(work)) or DONE
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except Problem as fault:
        show_error(fault, as_json=as_json)
        if fault.code == "data_folder_in_use" and not as_json:
            click.echo("Set PENSTOCK_URL (and PENSTOCK_API_KEY) to use the server that is running.", err=True)
        return FAILED
    except BrokenPipeError:
        # Whoever read our output has had enough (`| head`); click ends the process quietly.
        raise
    except (PenstockError, OSError) as fault:
        show_error(fault, as_json=as_json)
        return FAILED


async def _until_terminated(work: Coroutine[Any, Any, int | None]) -> int | None:
    """SIGTERM stops a command as Ctrl-C does, by cancelling its task: so an engine in this process parks its work."""
    task = asyncio.current_task()
    if task is None or threading.current_thread() is not threading.main_thread():
        return await work
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await work
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
