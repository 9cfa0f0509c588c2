"""The processes behind the demo: a Penstock server, and the small site that it crawls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 15
_KEPT_VARIABLES = ("PENSTOCK_DEFAULT_MODEL", "PENSTOCK_LOCAL_THREADS")
_LISTENING = "is listening on "


class ServerDied(Exception):
    """A process ended before it was ready; the message is the end of what it said."""


@contextmanager
def serve_penstock(folder: Path, key: str) -> Iterator[str]:
    """`penstock up` on a free port; yields its URL. `key` becomes the admin key.

    Only this server may reach loopback, because the site that the demo crawls is there. Raises ServerDied.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_") or name in _KEPT_VARIABLES
    }
    environment |= {"PENSTOCK_API_KEY": key, "PENSTOCK_ALLOWED_NETWORKS": "127.0.0.0/8"}
    up = [sys.executable, "-m", "penstock", "up", "--port", "0", "--data", str(folder / "data")]
    with _process(up, folder / "server.log", environment) as process:
        yield _line_with(process, _LISTENING, folder / "server.log").partition(_LISTENING)[2]


@contextmanager
def serve_site(folder: Path) -> Iterator[str]:
    """The ferry line's site on a free port; yields its URL. Raises ServerDied."""
    site = [sys.executable, "-m", "penstock.testing.site"]
    with _process(site, folder / "site.log", os.environ) as process:
        url: str = json.loads(_line_with(process, "url", folder / "site.log"))["url"]
        yield url


@contextmanager
def _process(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process of a session of its own, so that Ctrl-C reaches it only through us; it is stopped at the end."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, env=dict(environment), stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _line_with(process: subprocess.Popen[str], words: str, log: Path) -> str:
    if process.stdout is None:
        raise ServerDied("its output cannot be read")
    for line in process.stdout:
        if words in line:
            return line.strip()
    raise ServerDied(end_of(log) or "a process ended without a word")


def end_of(log: Path) -> str:
    """The last lines of a process's log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
