"""A fresh `penstock up` on an empty data folder, and its API."""

from __future__ import annotations

import json
import secrets
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import Process, started, wait_for

PENSTOCK = Path(sys.executable).parent / "penstock"
_ENDED = ("completed", "failed", "cancelled", "timeout")


@dataclass(frozen=True)
class Server:
    """A running server. `key` is its admin key."""

    url: str
    key: str
    data: Path
    process: Process

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None, *, timeout_seconds: float = 120) -> Any:
        """One call with a JSON body and answer. Raises RuntimeError with the problem when it is refused."""
        data = None if body is None else json.dumps(body).encode()
        return self._send(urllib.request.Request(self.url + path, data, self.headers, method=method), timeout_seconds)

    def import_lines(self, name: str, lines: Iterator[bytes], *, into: str = "/datasets?name=") -> None:
        """Make a data set of JSON Lines, or what else is made of them at a path that ends in its name."""
        headers = {**self.headers, "Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked"}
        request = urllib.request.Request(f"{self.url}{into}{name}", lines, headers, method="POST")
        self._send(request, 600)

    def _send(self, request: urllib.request.Request, timeout_seconds: float) -> Any:
        try:
            with urllib.request.urlopen(request, timeout=timeout_seconds) as response:
                return json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{request.full_url}: {error.code} {error.read().decode()[:1000]}") from error

    def run_dataset(self, flow: str, dataset: str, concurrency: int) -> tuple[dict[str, Any], float]:
        """Run every row of a data set through a flow: the last progress body, and the seconds until it was there.

        Raises RuntimeError unless every item succeeded.
        """
        begun = time.perf_counter()
        body = {"dataset": dataset, "concurrency": concurrency}
        handle = self.call("POST", f"/flows/{flow}/executions", body)
        progress = self.finished(handle["executionId"])
        return progress, time.perf_counter() - begun

    def finished(self, execution_id: str) -> dict[str, Any]:
        """The last progress body of an execution, once it is over. Raises RuntimeError unless every item succeeded."""
        progress: dict[str, Any] = {"status": "pending"}
        while progress["status"] not in _ENDED:
            progress = self.call("GET", f"/executions/{execution_id}?wait=60")
        if progress["status"] != "completed" or progress["partial"]:
            raise RuntimeError(f"the execution did not complete: {json.dumps(progress)[:1000]}")
        return progress


@contextmanager
def penstock_server(
    folder: Path, *, command: str = "up", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server on `folder/data`, which is made; `serve` leaves running to others. `environment` holds its settings.

    It has stopped, and its store is closed, when the block is left.
    """
    port = free_port()
    key = secrets.token_urlsafe(32)
    data, log = folder / "data", folder / "penstock.log"
    program: list[str | Path] = [PENSTOCK, command, "--data", data, "--port", str(port)]
    with started(program, log=log, environment={"PENSTOCK_API_KEY": key, **(environment or {})}) as process:
        server = Server(f"http://127.0.0.1:{port}", key, data, process)
        wait_for(server.url + "/readyz", process, log=log)
        yield server


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
