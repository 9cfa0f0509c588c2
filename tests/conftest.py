"""Shared by every test: a store of its own, and nothing of the developer's environment."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PENSTOCK_") or name in {
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "ANTHROPIC_API_KEY",
            "GEMINI_API_KEY",
        }:
            monkeypatch.delenv(name)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A real store with the tables of this version."""
    store = SqliteStore(tmp_path / "penstock.db", synchronous="NORMAL")
    await migrate(store)
    yield store
    await store.close()
