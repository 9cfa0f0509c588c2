"""Locked Python: a whole program in a real Python that can reach nothing, for code that models wrote.

Where `Sandbox.run` calls one function of a subset of Python, this runs scripts that need all of it. How they are
locked in is told in `jail`.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Literal

from penstock.errors import StepError
from penstock.sandbox.trusted import SWITCH

_JAIL = Path(__file__).with_name("jail.py")
_READY = b"ready"
_READ_BYTES = 65_536
_MOST_STATUS_BYTES = 1_000
_MEBIBYTE = 1024 * 1024

How = Literal["ended", "timeout", "output"]
"""By itself; killed after its time; killed since it wrote too much."""


@dataclass(frozen=True, slots=True)
class LockedLimits:
    """What one program may take. `seconds` is on the clock; `processes` counts threads too."""

    seconds: float = 10.0
    memory_bytes: int = 512 * _MEBIBYTE
    file_bytes: int = 16 * _MEBIBYTE
    disk_bytes: int = 32 * _MEBIBYTE
    output_bytes: int = _MEBIBYTE
    processes: int = 16


@dataclass(frozen=True, slots=True)
class Script:
    """A program: its files by name, all in its working folder, the first being what is run."""

    files: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    stdin: bytes = b""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. `exit_code` is 128 + n for signal n; `stdout` and `stderr` are at most the limit."""

    how: How
    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


@dataclass(slots=True)
class _Running:
    process: Process
    status: int
    how: How = "ended"
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)


class LockedPython:
    """Runs scripts, a few at a time; more wait for their turn.

    `trusted` None asks the environment: where nothing can be locked in, scripts are refused unless the operator says
    that programs may do all that Penstock itself may. They then run with limits, and nothing else between.
    """

    def __init__(self, *, trusted: bool | None = None, processes: int | None = None) -> None:
        self._trusted = os.environ.get(SWITCH) == "1" if trusted is None else trusted
        self._places = asyncio.Semaphore(processes or max(2, os.cpu_count() or 1))
        self._trying = asyncio.Lock()
        self._locks: bool | None = None
        self._obstacle = ""

    async def run(self, script: Script, limits: LockedLimits) -> Ended:
        """Run one script to its end.

        Raises `StepError`: `code_unlocked` where it cannot be locked in; retryable `code_crashed` when it could not be
        started this time.
        """
        await self._try()
        async with self._places:
            return await self._run(script, limits)

    async def run_pair(self, main: Script, other: Script, limits: LockedLimits) -> Ended:
        """Run two scripts that can talk with each other, and with nobody else, through a socket that is the standard
        input of both. How `main` ended; the other is ended with it. Raises as `run` does."""
        await self._try()
        async with self._places:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                async with self._started(other, limits, theirs):
                    theirs.close()
                    return await self._run(main, limits, ours)

    async def _try(self) -> None:
        """Find out, once, whether this machine lets anything be locked in."""
        async with self._trying:
            if self._locks is None:
                self._locks = True
                try:
                    await self._run(Script({"main.py": ""}), LockedLimits())
                except StepError as error:
                    self._locks = None
                    if error.cause is None:
                        raise  # It was too slow, or killed: that says nothing of the machine.
                    self._locks, self._obstacle = False, error.cause
        if not (self._locks or self._trusted):
            message = (
                f"this machine cannot lock a program in ({self._obstacle}): run Penstock on Linux, as root or where "
                f"users may make namespaces; or let programs do all that Penstock may, with {SWITCH}=1"
            )
            raise StepError("code_unlocked", message)

    async def _run(self, script: Script, limits: LockedLimits, channel: socket.socket | None = None) -> Ended:
        async with self._started(script, limits, channel, heard=True) as running:
            if channel is not None:
                channel.close()
            await _listen(running, script.stdin, limits)
            await _end(running.process)
            status = os.read(running.status, _MOST_STATUS_BYTES)
        if status != _READY:
            obstacle = status.decode(errors="replace") or None
            message = f"the program could not be started: {obstacle or 'it was ended before it began'}"
            raise StepError("code_crashed", message, retryable=True, cause=obstacle)
        code = running.process.returncode or 0
        return Ended(running.how, code if code >= 0 else 128 - code, bytes(running.stdout), bytes(running.stderr))

    @asynccontextmanager
    async def _started(
        self, script: Script, limits: LockedLimits, channel: socket.socket | None, *, heard: bool = False
    ) -> AsyncIterator[_Running]:
        """The script as a process, which is killed at the end."""
        async with AsyncExitStack() as stack:
            folder = None
            if not self._locks:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-code-"))
            files = stack.enter_context(await asyncio.to_thread(_written, script))
            status, theirs = os.pipe()
            stack.callback(os.close, status)
            try:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", str(_JAIL), _task(script, limits, folder, (files.fileno(), theirs))),
                    stdin=PIPE if channel is None else channel.fileno(),
                    stdout=PIPE if heard else DEVNULL,
                    stderr=PIPE if heard else DEVNULL,
                    pass_fds=(files.fileno(), theirs),
                    env={},
                    start_new_session=True,
                )
            finally:
                os.close(theirs)
            stack.push_async_callback(_end, process)
            yield _Running(process, status)


def _written(script: Script) -> IO[bytes]:
    files = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever asked for it
    files.write(json.dumps(dict(script.files)).encode())
    files.seek(0)
    return files


def _task(script: Script, limits: LockedLimits, folder: str | None, descriptors: tuple[int, int]) -> str:
    """What the jail is told; `folder` is where the script runs unlocked."""
    files, status = descriptors
    task = {
        "locked": folder is None,
        "folder": folder,
        "files": files,
        "status": status,
        "visible": _visible(),
        "python": os.path.realpath(sys.executable),
        "arguments": ["-I", "-S", "-X", "utf8", next(iter(script.files)), *script.arguments],
        "limits": {
            "cpu": math.ceil(limits.seconds) + 1,
            "memory": limits.memory_bytes,
            "file": limits.file_bytes,
            "disk": limits.disk_bytes,
            # Unlocked, the limit would count every process of the operator's user.
            "processes": limits.processes if folder is None else 0,
        },
    }
    return json.dumps(task)


@cache
def _visible() -> list[str]:
    """What a Python needs to run, and no more: itself, its library, the system's libraries."""
    wanted = [
        os.path.realpath(sys.executable),
        os.path.join(sys.base_prefix, "lib"),
        *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/dev/null"),
    ]
    there = [path for path in dict.fromkeys(wanted) if os.path.exists(path)]
    return [path for path in there if not any(path.startswith(f"{other}/") for other in there)]


async def _listen(running: _Running, stdin: bytes, limits: LockedLimits) -> None:
    """Feed and read the process until it ends, its time is over, or it has written too much."""
    process = running.process
    try:
        async with asyncio.timeout(limits.seconds), asyncio.TaskGroup() as tasks:
            tasks.create_task(_feed(process, stdin))
            tasks.create_task(_read(running, process.stdout, running.stdout, limits.output_bytes))
            tasks.create_task(_read(running, process.stderr, running.stderr, limits.output_bytes))
            tasks.create_task(process.wait())
    except TimeoutError:
        running.how = "timeout"


async def _feed(process: Process, stdin: bytes) -> None:
    if process.stdin is None:
        return
    try:
        process.stdin.write(stdin)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        pass  # It does not read its input.


async def _read(running: _Running, stream: asyncio.StreamReader | None, into: bytearray, most: int) -> None:
    assert stream is not None  # noqa: S101 - it was asked for as a pipe
    while chunk := await stream.read(_READ_BYTES):
        into += chunk[: most - len(into)]
        if len(into) >= most and running.how == "ended":
            running.how = "output"
            _kill(running.process)


def _kill(process: Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


async def _end(process: Process) -> None:
    _kill(process)
    await process.wait()
