"""A real store in a temporary folder, and data sets on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from penstock.datasets.service import Datasets
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore
from penstock.types import Tenant


@pytest.fixture
def tenant() -> Tenant:
    return Tenant("org", "project")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "penstock.db", synchronous="NORMAL")
    await migrate(store)
    yield store
    await store.close()


@pytest.fixture
def datasets(store: SqliteStore) -> Datasets:
    return Datasets(store)
