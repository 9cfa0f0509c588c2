"""Restate: its server from npm, a service in its Python SDK behind hypercorn, called through its ingress."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.endpoint import Endpoint
from benchmarks.penstock_server import free_port
from benchmarks.processes import started, wait_for
from benchmarks.workspace import Unavailable, installed_version, node_program, python_with

PROGRAMS = Path(__file__).parent / "programs"


@contextmanager
def restate(folder: Path) -> Iterator[Endpoint]:
    """Raises `Unavailable` when a part of it cannot be installed or does not start."""
    python = python_with("restate", ["restate-sdk", "hypercorn", "uvloop"])
    program = node_program("restate-server", "@restatedev/restate-server", "restate-server")
    ingress, admin, node, app = (free_port() for _ in range(4))
    environment = {
        "RESTATE_INGRESS__BIND_PORT": str(ingress),
        "RESTATE_ADMIN__BIND_PORT": str(admin),
        "RESTATE_BIND_PORT": str(node),
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_BASE_DIR": str(folder / "restate"),
        "RESTATE_DISABLE_TELEMETRY": "true",
    }
    command: list[str | Path] = [python, "-m", "hypercorn", "-k", "uvloop", "-b", f"127.0.0.1:{app}", "restate_app:app"]
    server_log, app_log = folder / "server.log", folder / "app.log"
    with (
        started([program], log=server_log, cwd=folder, environment=environment) as server,
        started(command, log=app_log, cwd=PROGRAMS) as service,
    ):
        try:
            wait_for(f"http://127.0.0.1:{admin}/health", server, log=server_log)
            wait_for(f"http://127.0.0.1:{app}/restate/health", service, log=app_log)
            _register(f"http://127.0.0.1:{admin}/deployments", f"http://127.0.0.1:{app}")
        except (RuntimeError, OSError) as error:
            raise Unavailable(str(error)) from error
        about = f"server from npm, SDK {installed_version(python, 'restate-sdk')} for Python, 2 processes"
        yield Endpoint(f"http://127.0.0.1:{ingress}/noop/same", (server, service), about=about)


def _register(url: str, deployment: str) -> None:
    body = json.dumps({"uri": deployment}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="POST")
    with urllib.request.urlopen(request, timeout=30):
        pass
