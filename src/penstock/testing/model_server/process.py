"""Start and stop a scripted model server from a test."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_STOP_SECONDS = 5.0


class ModelServer:
    """A running scripted model server, in a process of its own. Leaving the `with` block ends it.

    `url` is where it listens: OpenAI's base URL is `url + "/v1"`, Anthropic's and Gemini's is `url`.
    """

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self.url = url

    @classmethod
    def start(
        cls, *, rules: Sequence[dict[str, Any]] = (), delay_ms: float = 0.0, log: Path | None = None, port: int = 0
    ) -> ModelServer:
        """Start one, and return when it listens. Raises RuntimeError when it does not come up."""
        command = [sys.executable, "-m", "penstock.testing.model_server", "--port", str(port)]
        command += ["--delay-ms", str(delay_ms)]
        if log is not None:
            command += ["--log", str(log)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            _end(process)
            raise RuntimeError(f"the scripted model server did not start (exit code {process.returncode})")
        server = cls(process, json.loads(line)["url"])
        if rules:
            server.script(rules)
        return server

    def script(
        self, rules: Sequence[dict[str, Any]], *, delay_ms: float | None = None, capacity: int | None = None
    ) -> None:
        """Put these rules (see `script.Rule`), and how many calls it takes at once, in the place of those in force."""
        self._ask("/script", {"rules": list(rules), "delayMs": delay_ms, "capacity": capacity})

    def calls(self) -> list[dict[str, Any]]:
        """The calls that were answered since the start or the last reset, at most the last 100,000."""
        calls: list[dict[str, Any]] = self._ask("/calls")
        return calls

    def stats(self) -> dict[str, Any]:
        """`calls`, `inFlight`, `mostInFlight`, `aborted` (who left first), `lastReceivedAt` (ms), `statuses`."""
        stats: dict[str, Any] = self._ask("/stats")
        return stats

    def reset(self) -> None:
        """Forget the calls."""
        self._ask("/reset", {})

    def stop(self) -> None:
        """End the process; it is gone when this returns."""
        _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data)  # noqa: S310 - our own http server
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return json.loads(response.read())


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
