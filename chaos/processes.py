"""The processes of a run: `penstock up`, or `serve` and `worker`; each can be killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2

from penstock.testing.penstock_process import free_port

START_SECONDS = 60.0


class Process:
    """One command of Penstock on a data folder. `port` is None for a worker, which serves nobody."""

    def __init__(self, command: str, data: Path, port: int | None, environment: Mapping[str, str]) -> None:
        self.command = command
        self.port = port
        self._data = data
        self._arguments = [str(Path(sys.executable).with_name("penstock")), command, "--data", str(data)]
        if port is not None:
            self._arguments += ["--port", str(port)]
        self._added = environment
        self._environment = {**os.environ, **environment}
        self._log = data.parent / f"{command}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._stopped = False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def ended(self) -> bool:
        """Whether it was started and has ended by itself: not by what was done to it here."""
        return self._process is not None and self._process.returncode is not None and not self._stopped

    @property
    def pid(self) -> int:
        """Of the process as it was last started. Raises RuntimeError when it never was."""
        if self._process is None:
            raise RuntimeError(f"penstock {self.command} was not started")
        return self._process.pid

    def another(self, command: str = "up") -> Process:
        """A process like this one, on the same folder; on another port unless it is another command."""
        port = free_port() if command == self.command else self.port
        return Process(command, self._data, port, self._added)

    async def launch(self, crash_at: str | None = None) -> None:
        """Start it, and do not wait until it is ready. `crash_at` is a failpoint it is to die at."""
        environment = self._environment if crash_at is None else {**self._environment, "PENSTOCK_CRASH_AT": crash_at}
        self._stopped = False
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments, env=environment, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL
            )

    async def kill(self) -> bool:
        """`kill -9`, and wait until it is gone; False when it was gone already."""
        if self._process is None or self._process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        return True

    async def terminate(self) -> bool:
        """SIGTERM, and wait until it is gone; it is killed when that takes longer than it promises."""
        if self._process is None or self._process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        self._stopped = True
        try:
            await asyncio.wait_for(self._process.wait(), 20)
        except TimeoutError:
            await self.kill()
            raise RuntimeError(f"penstock {self.command} did not end within 20 s of SIGTERM") from None
        return True

    async def died(self, seconds: float) -> bool:
        """Whether it ends by itself within the time."""
        if self._process is None:
            return True
        try:
            await asyncio.wait_for(self._process.wait(), seconds)
        except TimeoutError:
            return False
        return True


class Penstock:
    """All processes of one installation: `up`, or a server and a worker on one folder when `split`."""

    def __init__(self, data: Path, *, split: bool, environment: Mapping[str, str]) -> None:
        self.data = data
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.server = Process("serve" if split else "up", data, port, environment)
        self.worker = Process("worker", data, None, environment) if split else self.server

    @property
    def processes(self) -> tuple[Process, ...]:
        return (self.server,) if self.worker is self.server else (self.server, self.worker)

    async def start(self) -> None:
        """Start what is not running, and wait until it is ready. Raises RuntimeError when it does not get there."""
        for process in self.processes:
            if not process.running:
                await process.launch()
        await self.ready()

    async def ready(self) -> None:
        """Wait until the server is ready. Raises RuntimeError when it is not in time."""
        give_up = asyncio.get_running_loop().time() + START_SECONDS
        async with httpx2.AsyncClient(base_url=self.url, timeout=5) as client:
            while asyncio.get_running_loop().time() < give_up:
                with contextlib.suppress(httpx2.TransportError):
                    if (await client.get("/readyz")).status_code == 200:
                        return
                if self.server.ended:
                    raise RuntimeError(f"penstock ended while it started; see {self.data.parent}/*.log")
                await asyncio.sleep(0.02)
        raise RuntimeError(f"penstock was not ready in {START_SECONDS:g} s; see {self.data.parent}/*.log")

    async def stop(self) -> None:
        """End everything, the polite way."""
        for process in self.processes:
            await process.terminate()
