"""Whoever takes spans in over OTLP, keeps them in a SQLite file, and shows them over HTTP."""

from __future__ import annotations

import http.client
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.penstock_server import penstock_server
from benchmarks.processes import Process

PROTOBUF = "application/x-protobuf"
_KEY = "psk_of-the-benchmark-of-ingestion-0123456789"

Seen = Callable[[http.client.HTTPConnection, str], int]
"""How many spans of a trace its API shows."""


@dataclass(frozen=True)
class TraceSystem:
    """`headers` are those of a request with spans; both systems take them at `/v1/traces`, and have a table `spans`."""

    port: int
    headers: dict[str, str]
    process: Process
    database: Path
    seen: Seen
    about: str

    def rows(self) -> int:
        """How many spans there are in the file."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection:
            return int(connection.execute("select count(*) from spans").fetchone()[0])

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)


@contextmanager
def penstock(folder: Path) -> Iterator[TraceSystem]:
    """A second one in a folder goes on with what is there."""
    with penstock_server(folder, environment={"PENSTOCK_API_KEY": _KEY}) as server:
        headers = {"Authorization": f"Bearer {_KEY}", "Content-Type": PROTOBUF}
        port = int(server.url.rpartition(":")[2])
        yield TraceSystem(port, headers, server.process, server.data / "penstock.db", _seen, "")


def _seen(connection: http.client.HTTPConnection, trace_id: str) -> int:
    connection.request("GET", f"/traces/{trace_id}", headers={"Authorization": f"Bearer {_KEY}"})
    response = connection.getresponse()
    body = response.read()
    return int(json.loads(body)["spanCount"]) if response.status == 200 else 0
