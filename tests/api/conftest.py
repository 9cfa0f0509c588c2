"""A real server process, a second tenant in its store, and a small site whose answers tests can hold back."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from penstock.accounts.keys import Accounts
from penstock.accounts.organizations import create_organization, create_project
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore

ADMIN_KEY = "psk_test-admin-key-of-the-api-tests"
MAX_BODY_BYTES = 50_000
MAX_IMPORT_BYTES = 200_000
PATIENCE_SECONDS = 30
_PROGRAM = "from penstock.server.main import serve; from penstock.settings import *; serve(settings_from_environment())"


@dataclass
class Process:
    """A server process. What it prints is kept."""

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    url: str = ""
    printed: str = ""
    _popen: subprocess.Popen[str] | None = None

    def start(self) -> Process:
        settings = {"PENSTOCK_DATA": str(self.data), "PENSTOCK_PORT": "0", "PENSTOCK_SYNCHRONOUS": "NORMAL"}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        self._popen = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env={**clean, **settings, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self.printed += line
            if found := re.search(r"listening on (http://\S+)", line):
                self.url = found[1]
            if "documentation" in line:
                break
        return self

    def first_key(self) -> str:
        """The key that a first start prints."""
        assert self._popen is not None
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        self.printed += line
        return line.rpartition(" ")[2].strip()

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; the exit status, and what it wrote to standard error."""
        assert self._popen is not None
        self._popen.send_signal(number)
        out, err = self._popen.communicate(timeout=PATIENCE_SECONDS)
        self.printed += out
        return self._popen.returncode, err

    def wait(self) -> tuple[int, str]:
        """The exit status and standard error of a process that ends by itself."""
        assert self._popen is not None
        out, err = self._popen.communicate(timeout=PATIENCE_SECONDS)
        self.printed += out
        return self._popen.returncode, err


class Api(requests.Session):
    """Requests to one server with one key."""

    def __init__(self, url: str, key: str | None = ADMIN_KEY) -> None:
        super().__init__()
        self.url = url
        self.trust_env = False
        if key is not None:
            self.headers["Authorization"] = f"Bearer {key}"

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", PATIENCE_SECONDS)
        return super().request(method, f"{self.url}{url}" if url.startswith("/") else url, *args, **kwargs)

    def flow(self, document: dict[str, Any]) -> str:
        """Save a flow under a name of its own; its id."""
        named = {"name": f"flow-{uuid.uuid4().hex[:12]}", **document}
        saved = self.post("/flows", json=named)
        assert saved.status_code == 201, saved.text
        flow_id: str = saved.json()["id"]
        return flow_id

    def ended(self, execution_id: str) -> dict[str, Any]:
        """An execution when it is over."""
        body: dict[str, Any] = {}
        while body.get("status") not in ("completed", "failed", "cancelled", "timeout"):
            answer = self.get(f"/executions/{execution_id}", params={"wait": 20})
            assert answer.status_code == 200, answer.text
            body = answer.json()
        return body


class Site(ThreadingHTTPServer):
    """`/number/N` answers N, but 404 for 3; `/gate/NAME` answers when the gate is open."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SiteHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._changed = threading.Condition()
        self._open: set[str] = set()
        self.arrived: list[str] = []

    def open_gate(self, name: str) -> None:
        with self._changed:
            self._open.add(name)
            self._changed.notify_all()

    def wait_for_arrival(self, name: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: name in self.arrived, PATIENCE_SECONDS), f"nobody came to {name}"

    def pass_gate(self, name: str) -> None:
        with self._changed:
            self.arrived.append(name)
            self._changed.notify_all()
            self._changed.wait_for(lambda: name in self._open, PATIENCE_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was cancelled hangs up in the middle; that is what some tests are about."""


class _SiteHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site = self.server
        assert isinstance(site, Site)
        _, kind, name = self.path.split("/", 2)
        if kind == "gate":
            site.pass_gate(name)
        body = json.dumps({"value": name}).encode()
        self.send_response(404 if (kind, name) == ("number", "3") else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield site
        site.shutdown()
        thread.join()


@dataclass
class Running:
    """The server that most tests share, and the key of another tenant in it."""

    process: Process
    other_key: str

    @property
    def url(self) -> str:
        return self.process.url


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("server")
    other_key = asyncio.run(_second_tenant(data))
    process = Process(
        data,
        {
            "PENSTOCK_API_KEY": ADMIN_KEY,
            "PENSTOCK_MAX_BODY_BYTES": str(MAX_BODY_BYTES),
            "PENSTOCK_MAX_IMPORT_BYTES": str(MAX_IMPORT_BYTES),
            "PENSTOCK_ALLOWED_NETWORKS": "127.0.0.0/8",
        },
    ).start()
    yield Running(process, other_key)
    status, err = process.end()
    assert status == 0, err


@pytest.fixture
def api(server: Running) -> Iterator[Api]:
    with Api(server.url) as api:
        yield api


@pytest.fixture
def other(server: Running) -> Iterator[Api]:
    """The same server with a key of another tenant."""
    with Api(server.url, server.other_key) as api:
        yield api


@pytest.fixture
def nobody(server: Running) -> Iterator[Api]:
    """The same server without a key."""
    with Api(server.url, None) as api:
        yield api


GREET: dict[str, Any] = {
    "description": "Greets.",
    "input": {
        "name": {"type": "string", "required": True, "description": "Whom to greet", "example": "Ada"},
        "times": {"type": "integer", "minimum": 1, "default": 1},
    },
    "nodes": {"hello": {"type": "transform", "inputs": {"name": "input.name"}, "expression": "'Hello ' ~ name"}},
    "output": {"greeting": "hello.out"},
}


def fetching(site: Site, kind: str, **settings: Any) -> dict[str, Any]:
    """A flow that asks the site for `/kind/<name>`."""
    return {
        "input": {"name": {"type": "string", "required": True}},
        "settings": settings,
        "nodes": {
            "fetch": {
                "type": "http_request",
                "inputs": {"name": "input.name"},
                "url": f"{site.url}/{kind}/{{{{ name }}}}",
                "retry": {"maxAttempts": 1},
            }
        },
        "output": {"value": "fetch.out.body.value"},
    }


async def _second_tenant(data: Path) -> str:
    store = SqliteStore(data / "penstock.db", synchronous="NORMAL")
    try:
        await migrate(store)
        accounts = Accounts(store)
        await accounts.first_start(ADMIN_KEY)
        tenant = await create_project(store, await create_organization(store, "other"), "theirs")
        return (await accounts.create(tenant, "theirs", ("admin",))).key
    finally:
        await store.close()
