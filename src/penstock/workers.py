"""Worker processes for what may neither run in this process nor be waited for without end."""

from __future__ import annotations

import asyncio
import atexit
import os
import select
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from penstock.errors import StepError
from penstock.types import JsonObject

_READ_BYTES = 65_536
MAX_ANSWER_BYTES = 1_000_000
_BOOT = Path(__file__).with_name("worker_boot.py")


class WorkerPool:
    """A few processes of one program, each started when it is first needed and kept for the next task.

    The program reads tasks from its standard input, a line of JSON each, and writes one line of JSON for each. It is
    expected to end when its input ends, and it dies with this process in any case. A worker that takes too long, dies
    or writes anything else is killed with all that it started; only the task it had is lost.

    Tasks wait in threads of the pool's own, as many as there are processes, so that one pool serves every event loop
    of this process.
    """

    def __init__(self, program: Path, *, processes: int | None = None) -> None:
        self._program = program
        self._threads = ThreadPoolExecutor(processes or min(4, os.cpu_count() or 1), f"worker of {program.stem}")
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        atexit.register(self.close)

    async def run(self, task: JsonObject, *, seconds: float) -> dict[str, Any]:
        """What the program answers to a task. `seconds` begin when a worker has the task.

        Raises `StepError`: `worker_timeout`, and, retryable, `worker_died`.
        """
        given = _Given(msgspec.json.encode(task) + b"\n", seconds)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, given)
        finally:
            given.end()

    def close(self) -> None:
        """End every idle worker. The pool goes on working: the next task starts a new one."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def _run(self, given: _Given) -> dict[str, Any]:
        worker = self._taken()
        try:
            answer = given.done_by(worker)
        except BaseException:
            worker.kill()
            raise
        with self._lock:
            self._idle.append(worker)
        return answer

    def _taken(self) -> _Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                worker.kill()
        return _Worker(self._program)


class _Given:
    """One task on its way through a worker; a worker that still has it at its end is killed."""

    def __init__(self, line: bytes, seconds: float) -> None:
        self._line = line
        self._seconds = seconds
        self._worker: _Worker | None = None
        self._over = False
        self._lock = threading.Lock()

    def done_by(self, worker: _Worker) -> dict[str, Any]:
        with self._lock:
            if self._over:
                raise StepError("worker_died", "the task was cancelled", retryable=True)
            self._worker = worker
        answer = worker.answer(self._line, self._seconds)
        with self._lock:
            self._worker = None
        return answer

    def end(self) -> None:
        with self._lock:
            self._over = True
            if self._worker is not None:
                self._worker.signal()


class _Worker:
    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            (sys.executable, "-I", str(_BOOT), str(os.getpid()), str(program)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,
            bufsize=0,
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def answer(self, line: bytes, seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None  # noqa: S101 - both were asked for as pipes
        assert self._process.stdout is not None  # noqa: S101
        until = time.monotonic() + seconds
        try:
            os.set_blocking(self._process.stdin.fileno(), False)
            self._write(self._process.stdin.fileno(), line, until)
            return msgspec.json.decode(self._line(self._process.stdout.fileno(), until), type=dict[str, Any])
        except TimeoutError:
            raise StepError("worker_timeout", f"it took longer than {seconds:g} s") from None
        except (OSError, EOFError, msgspec.DecodeError):
            raise StepError("worker_died", "the worker process died over it", retryable=True) from None

    def _write(self, pipe: int, line: bytes, until: float) -> None:
        while line:
            _, ready, _ = select.select([], [pipe], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            line = line[os.write(pipe, line) :]

    def _line(self, pipe: int, until: float) -> bytes:
        line = bytearray()
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            chunk = os.read(pipe, _READ_BYTES)
            line += chunk
            if not chunk or len(line) > MAX_ANSWER_BYTES:
                raise EOFError
        return bytes(line)

    def signal(self) -> None:
        """Kill it with all that it started, and leave the rest to whoever has it."""
        if self._process.returncode is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def kill(self) -> None:
        self.signal()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
