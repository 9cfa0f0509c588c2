"""A scripted model server in its own process, and a gateway that calls it over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from penstock.models.catalog import Catalog
from penstock.models.gateway import Gateway
from penstock.models.meter import Meter
from penstock.models.prices import Prices
from penstock.models.wire import Message, ModelRequest
from penstock.net.client import GuardedClient
from penstock.net.policy import EgressPolicy
from penstock.storage.sqlite import SqliteStore
from penstock.testing.model_server import ModelServer
from penstock.types import Tenant

TENANT = Tenant("org1", "project1")


@pytest.fixture(scope="session")
def _server() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


@pytest.fixture
def server(_server: ModelServer) -> ModelServer:
    _server.script([])
    _server.reset()
    return _server


@pytest.fixture
def tenant() -> Tenant:
    return TENANT


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def environment() -> dict[str, str]:
    """What the catalog sees in the place of the process's environment."""
    return {}


@pytest.fixture
def catalog(store: SqliteStore, environment: dict[str, str]) -> Catalog:
    return Catalog(store, encrypt=lambda text: text[::-1], decrypt=lambda text: text[::-1], environment=environment)


@pytest.fixture
async def gateway(catalog: Catalog) -> AsyncIterator[Gateway]:
    http = GuardedClient(EgressPolicy())
    gateway = Gateway(http, catalog, Prices())
    yield gateway
    await gateway.close()
    await http.close()


@pytest.fixture
def ask() -> Callable[..., ModelRequest]:
    def make(model: str, text: str = "hello", **more: object) -> ModelRequest:
        return ModelRequest(model, (Message("user", text),), **more)  # type: ignore[arg-type]

    return make
