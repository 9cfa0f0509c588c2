"""Callers that keep their connections and do nothing but call, in a process of their own.

    python -m benchmarks.callers TASK.json

TASK.json is a `Task`; what is printed is a `Measured`. The client is a bare asyncio protocol over httptools, so that
it is not what is measured; its own CPU time is part of what it says.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import msgspec
import uvloop


class Task(msgspec.Struct):
    """The same POST from so many callers at once, each as soon as its last one was answered.

    Every answer must be 200 and equal `expected` as JSON.
    """

    url: str
    headers: dict[str, str]
    body: Any
    expected: Any
    callers: int
    seconds: float


class Measured(msgspec.Struct):
    """Latencies in milliseconds, and the client's CPU time per call."""

    calls: int
    per_second: float
    p50_ms: float
    p99_ms: float
    most_ms: float
    client_cpu_ms: float


def call_from(task: Task) -> Measured:
    """Run callers in a process of their own. Raises RuntimeError when an answer was not the expected one."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(msgspec.json.encode(task))
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.callers", file.name], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"the callers of {task.url} failed: {done.stderr.strip()[-1000:]}")
    return msgspec.json.decode(done.stdout, type=Measured)


class Connection(asyncio.Protocol):
    """One keep-alive connection: one request at a time."""

    def __init__(self) -> None:
        self._answered: asyncio.Future[bytes] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer. Raises ConnectionError when it is not a 200."""
        if self._transport is None:
            raise ConnectionError("the server closed the connection")
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        status = self._parser.get_status_code()
        # A response parser is done after one message: a new one for each.
        self._parser = httptools.HttpResponseParser(self)
        assert self._answered is not None
        if status == 200:
            self._answered.set_result(body)
        else:
            self._answered.set_exception(ConnectionError(f"status {status}: {body[:500]!r}"))


async def _caller(task: Task, end: float, latencies: list[float]) -> None:
    address = urlsplit(task.url)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, address.hostname or "127.0.0.1", address.port or 80)
    request = _request(task.url, task.headers, msgspec.json.encode(task.body))
    while (sent := time.perf_counter()) < end:
        answer = await connection.ask(request)
        latencies.append(time.perf_counter() - sent)
        if msgspec.json.decode(answer) != task.expected:
            raise ConnectionError(f"an unexpected answer: {answer[:500]!r}")
    connection.close()


def _request(url: str, headers: Mapping[str, str], body: bytes) -> bytes:
    address = urlsplit(url)
    named = {"Host": address.netloc, "Content-Length": str(len(body)), **headers}
    lines = [f"POST {address.path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _run(task: Task) -> Measured:
    latencies: list[float] = []
    begin, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(task.callers):
            group.create_task(_caller(task, begin + task.seconds, latencies))
    took, used = time.perf_counter() - begin, time.process_time() - cpu
    latencies.sort()
    return Measured(
        calls=len(latencies),
        per_second=len(latencies) / took,
        p50_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
        most_ms=latencies[-1] * 1000,
        client_cpu_ms=used / len(latencies) * 1000,
    )


def main() -> None:
    task = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Task)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(_run(task))
    print(msgspec.json.encode(measured).decode())


if __name__ == "__main__":
    main()
