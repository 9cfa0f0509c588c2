"""A real `penstock up` in a process of its own: started, asked, and killed as a user's would be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2

API_KEY = "psk_for_tests_0123456789abcdefghijklmnop"
START_SECONDS = 30.0


class PenstockProcess:
    """`with PenstockProcess(folder) as server: server.client.get("/executions")`

    `start` and `kill` may be repeated: the folder and the port stay the same.
    """

    def __init__(self, data_dir: Path, *, environment: Mapping[str, str] | None = None, command: str = "up") -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx2.Client(base_url=self.url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=60)
        self._environment = {**os.environ, "PENSTOCK_API_KEY": API_KEY, **(environment or {})}
        self._command = command
        self._log = data_dir.parent / f"{data_dir.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is ready. Raises RuntimeError with its output when it ends instead."""
        program = Path(sys.executable).with_name("penstock")
        arguments = [str(program), self._command, "--data", str(self.data_dir), "--port", str(self.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(arguments, env=self._environment, stdout=log, stderr=log)  # noqa: S603
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            if self._process.poll() is not None:
                raise RuntimeError(f"penstock ended with {self._process.returncode}:\n{self.output()}")
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.02)
        raise RuntimeError(f"penstock was not ready in {START_SECONDS:g} s:\n{self.output()}")

    def output(self) -> str:
        """Everything it has printed."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """`kill -9`: no chance to write or say anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def terminate(self) -> int:
        """SIGTERM, and wait; its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)

    def __enter__(self) -> PenstockProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self.terminate()
        self.client.close()

    # What tests do most

    def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        """POST JSON, or YAML text."""
        if isinstance(body, str):
            return self.client.post(path, content=body, headers={"content-type": "application/yaml", **headers})
        return self.client.post(path, json=body, headers=headers)

    def save_flow(self, document: str) -> str:
        """Create a flow; its id."""
        response = self.post("/flows", document)
        response.raise_for_status()
        return str(response.json()["id"])

    def wait(self, execution_id: str, seconds: float = 60) -> dict[str, Any]:
        """The progress body once the execution is over."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            body: dict[str, Any] = self.client.get(f"/executions/{execution_id}", params={"wait": "10"}).json()
            if body["status"] in {"completed", "failed", "cancelled", "timeout"}:
                return body
        raise TimeoutError(f"{execution_id} is not over after {seconds:g} s")


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
