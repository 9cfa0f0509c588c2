"""One server for all of these tests, and clients of it: of a key, of a token, and of another tenant's key.

Beside it, for the few that look inside or spend what others need, one in this process: `app`, and `near` to ask it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from penstock.accounts.keys import Accounts
from penstock.accounts.organizations import create_organization, create_project
from penstock.server.app import create_app, embedded_key
from penstock.settings import Settings
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore
from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import API_KEY, PenstockProcess

from .client import Client


@dataclass(frozen=True)
class Server:
    """Where it is, and the key of another tenant in it."""

    process: PenstockProcess
    other_key: str

    @property
    def url(self) -> str:
        return self.process.url

    @property
    def own(self) -> httpx2.Client:
        """Penstock's own API of the same project."""
        return self.process.client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("stratix") / "data"
    data.mkdir()
    other_key = asyncio.run(_second_tenant(data))
    environment = {
        "PENSTOCK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "PENSTOCK_SYNCHRONOUS": "NORMAL",
        "PENSTOCK_DEFAULT_MODEL": "scripted/echo",
    }
    with PenstockProcess(data, environment=environment) as process:
        yield Server(process, other_key)


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[Client]:
    made = Client(server.url, API_KEY)
    yield made
    made.close()


@pytest.fixture(scope="session")
def bearer(server: Server) -> Iterator[Client]:
    made = Client(server.url, API_KEY, bearer=True)
    yield made
    made.close()


@pytest.fixture(scope="session")
def other(server: Server) -> Iterator[Client]:
    made = Client(server.url, server.other_key)
    yield made
    made.close()


@pytest.fixture(scope="session")
def model_server() -> Iterator[ModelServer]:
    """Answers with what it was asked; is silent to "wait", and refuses "boom"."""
    rules = [{"contains": "wait", "behaviour": "hang"}, {"contains": "boom", "status": 400}, {"template": "{last}"}]
    with ModelServer.start(rules=rules) as made:
        yield made


@pytest.fixture(scope="session")
def custom(client: Client, model_server: ModelServer) -> str:
    """The id of a custom model that the model server answers for."""
    made = client.create_model(
        name="Loopback",
        key="loopback-1",
        description="Answers from this machine.",
        api_url=f"{model_server.url}/v1/chat/completions",
        max_tokens=77,
        api_key="sk-secret-of-the-loopback-model",
        extra_payload={"temperature": 0.25, "seed": 7},
    )
    return made.model_id


ROWS = [
    *({"input": f"word {n}", "truth": f"word {n}", "subset": "same"} for n in range(6)),
    *({"input": f"word {n}", "truth": f"another {n}", "subset": "different"} for n in range(4)),
]
"""An echo is right on six of ten."""


def written(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def echo(client: Client) -> str:
    """The id of the public model that answers with what it was asked."""
    found = client.get("/models", key="scripted/echo")["models"]
    echo_id: str = found[0]["id"]
    return echo_id


@pytest.fixture(scope="session")
def benchmark(client: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a custom benchmark with `ROWS`."""
    path = written(tmp_path_factory.mktemp("rows"), ROWS)
    return client.create_benchmark("Echoes", path, additional_metrics=["readability"]).benchmark_id


@pytest.fixture(scope="session")
def evaluation(client: Client, echo: str, benchmark: str) -> str:
    """The id of a finished evaluation of the echo on `ROWS`."""
    return client.wait(client.evaluate(echo, benchmark).id).id


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    made = create_app(Settings(data_dir=tmp_path), embedded=True)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def near(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    headers = {"x-api-key": embedded_key(app)}
    async with httpx2.AsyncClient(transport=transport, base_url="http://x/api/v1", headers=headers) as made:
        yield made


@pytest.fixture
async def project(near: httpx2.AsyncClient) -> str:
    """The path of its project."""
    found = (await near.get("/organizations")).json()["data"]
    return f"/organizations/{found['id']}/projects/{found['projects'][0]['id']}"


async def _second_tenant(data: Path) -> str:
    store = SqliteStore(data / "penstock.db", synchronous="NORMAL")
    try:
        await migrate(store)
        accounts = Accounts(store)
        await accounts.first_start(API_KEY)
        tenant = await create_project(store, await create_organization(store, "other"), "theirs")
        return (await accounts.create(tenant, "theirs", ("admin",))).key
    finally:
        await store.close()
