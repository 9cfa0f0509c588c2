"""A real store in a temporary folder, and data sets on it."""

from __future__ import annotations

import pytest

from penstock.datasets.service import Datasets
from penstock.storage.sqlite import SqliteStore
from penstock.types import Tenant


@pytest.fixture
def tenant() -> Tenant:
    return Tenant("org", "project")


@pytest.fixture
def datasets(store: SqliteStore) -> Datasets:
    return Datasets(store)
