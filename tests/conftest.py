"""Shared by every test: a store of its own, and nothing of the developer's environment."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.storage.sqlite import SqliteStore
from penstock.testing.stores import open_store

# What is started here, by fixtures of any scope, has nothing of the developer's environment.
for name in list(os.environ):
    if name.startswith("PENSTOCK_") or name in {
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
    }:
        del os.environ[name]

# Dozens of servers are started here, and one that has to compile Penstock first takes half as long again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A real store with the tables of this version."""
    store = await open_store(tmp_path / "penstock.db")
    yield store
    await store.close()
