"""Readers of event streams, in a process of their own.

    python -m benchmarks.readers TASK.json

TASK.json is a `Task`; what is printed is a `Measured`. Readers are bare asyncio protocols that look for messages in
what they receive, so that a thousand of them fit into one process.
"""

from __future__ import annotations

import asyncio
import re
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec
import uvloop

_MESSAGE = re.compile(
    rb'id: (\d+)\nevent: (item|status|done)\ndata: [^\n]*?"(?:at|finishedAt|createdAt)":"([^"]+)"[^\n]*\n\n'
)
_COMING_IN_AT_ONCE = 100


class Task(msgspec.Struct):
    """One reader for each path, from its first event to its last; nobody stays longer than `seconds`."""

    url: str
    key: str
    paths: list[str]
    seconds: float


class Measured(msgspec.Struct):
    """Milliseconds from the time an event carries to its receipt, of events after all readers had come.

    `gaps` counts numbers that did not follow the one before, `unfinished` streams without their end.
    """

    readers: int
    events: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    gaps: int
    unfinished: int
    cpu_seconds: float


def read_from(task: Task) -> Measured:
    """Run the readers in a process of their own. Raises RuntimeError when they could not come in."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(msgspec.json.encode(task))
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.readers", file.name], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"the readers of {task.url} failed: {done.stderr.strip()[-1000:]}")
    return msgspec.json.decode(done.stdout, type=Measured)


class Reader(asyncio.Protocol):
    """One stream. `came` is set with its first event, `over` with its last."""

    def __init__(self, request: bytes, latencies: list[tuple[float, float]]) -> None:
        self.came = asyncio.Event()
        self.over = asyncio.Event()
        self.ended = False
        self.gaps = 0
        self._request = request
        self._latencies = latencies
        self._rest = b""
        self._last: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.came.set()
        self.over.set()

    def data_received(self, data: bytes) -> None:
        now = time.time()
        text = self._rest + data
        end = 0
        for found in _MESSAGE.finditer(text):
            end = found.end()
            number = int(found[1])
            if found[2] == b"done":
                self.ended = True
                self.over.set()
                break
            if self._last is not None and number != self._last + 1:
                self.gaps += 1
            self._last = number
            moment = _moment(found[3])
            self._latencies.append((moment, now - moment))
        self._rest = text[max(end, len(text) - 65536) :]
        if self._last is not None:
            self.came.set()


@lru_cache(10_000)
def _moment(text: bytes) -> float:
    return datetime.fromisoformat(text.decode()).timestamp()


async def _run(task: Task) -> Measured:
    latencies: list[tuple[float, float]] = []
    door = asyncio.Semaphore(_COMING_IN_AT_ONCE)
    async with asyncio.timeout(task.seconds):
        readers = await asyncio.gather(*(_come(task, path, latencies, door) for path in task.paths))
    everybody_here = time.time()
    cpu = time.process_time()
    await asyncio.wait([asyncio.create_task(reader.over.wait()) for reader in readers], timeout=task.seconds)
    took = sorted(latency for moment, latency in latencies if moment > everybody_here)
    if not took:
        raise RuntimeError("nothing happened after all readers had come")
    return Measured(
        readers=len(readers),
        events=len(took),
        p50_ms=took[len(took) // 2] * 1000,
        p95_ms=took[len(took) * 95 // 100] * 1000,
        p99_ms=took[len(took) * 99 // 100] * 1000,
        gaps=sum(reader.gaps for reader in readers),
        unfinished=sum(not reader.ended for reader in readers),
        cpu_seconds=time.process_time() - cpu,
    )


async def _come(task: Task, path: str, latencies: list[tuple[float, float]], door: asyncio.Semaphore) -> Reader:
    address = urlsplit(task.url)
    request = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {task.key}\r\n\r\n".encode()
    async with door:
        _, reader = await asyncio.get_running_loop().create_connection(
            lambda: Reader(request, latencies), address.hostname or "127.0.0.1", address.port or 80
        )
        await reader.came.wait()
    return reader


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    task = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Task)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(_run(task))
    print(msgspec.json.encode(measured).decode())


if __name__ == "__main__":
    main()
