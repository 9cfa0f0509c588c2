from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import AsyncPenstock, Penstock

_spec = importlib.util.spec_from_file_location("client_test_api", Path(__file__).with_name("api.py"))
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["client_test_api"] = _module
_spec.loader.exec_module(_module)


@pytest.fixture
def api() -> Iterator[Any]:
    server = _module.Api()
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short pauses between attempts, and an environment that names no server."""
    monkeypatch.setattr("penstock.client.calls._BACK_OFF_SECONDS", 0.01)
    for name in ("PENSTOCK_URL", "PENSTOCK_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=[AsyncPenstock, Penstock])
async def client(api: Any, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Both clients, one after the other: a test drives them with `now` and `every`."""
    made = request.param(api.url, "key")
    yield made
    await _module.now(made.close())
