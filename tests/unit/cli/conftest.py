from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from penstock.cli.main import cli

_spec = importlib.util.spec_from_file_location("cli_test_api", Path(__file__).parents[1] / "client" / "api.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["cli_test_api"] = _module
_spec.loader.exec_module(_module)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server that keeps to the contract, named by the environment."""
    server = _module.Api()
    server.start()
    monkeypatch.setenv("PENSTOCK_URL", server.url)
    monkeypatch.setenv("PENSTOCK_API_KEY", "key")
    yield server
    server.stop()


@pytest.fixture
def penstock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in this process: `penstock("flows", "list")`."""
    monkeypatch.setattr("penstock.client.calls._BACK_OFF_SECONDS", 0.01)
    return lambda *words: CliRunner().invoke(cli, [str(word) for word in words], prog_name="penstock")
