"""Phoenix on SQLite, its default, with its telemetry off."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.penstock_server import free_port
from benchmarks.processes import started, wait_for
from benchmarks.trace_system import PROTOBUF, TraceSystem
from benchmarks.workspace import Unavailable, installed_version, python_with

_QUERY = "query($id: String!) { getTraceByOtelId(traceId: $id) { numSpans } }"
_START_SECONDS = 120


@contextmanager
def phoenix(folder: Path) -> Iterator[TraceSystem]:
    """Raises `Unavailable` when Phoenix cannot be installed or does not start. A second one in a folder goes on."""
    python = python_with("phoenix", ["arize-phoenix"])
    port, log = free_port(), folder / "phoenix.log"
    environment = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }
    with started([python.parent / "phoenix", "serve"], log=log, cwd=folder, environment=environment) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", process, log=log, seconds=_START_SECONDS)
        except RuntimeError as error:
            raise Unavailable(str(error)) from error
        yield TraceSystem(
            port,
            {"Content-Type": PROTOBUF},
            process,
            folder / "phoenix.db",
            _seen,
            f"Phoenix {_version(python)}, SQLite",
        )


def _version(python: Path) -> str:
    return installed_version(python, "arize-phoenix")


def _seen(connection: http.client.HTTPConnection, trace_id: str) -> int:
    body = json.dumps({"query": _QUERY, "variables": {"id": trace_id}})
    connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
    found = json.loads(connection.getresponse().read())["data"]["getTraceByOtelId"]
    return int(found["numSpans"]) if found else 0
