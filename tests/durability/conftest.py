"""A whole scene in a folder of its own: the model server, a receiver, Penstock, and one user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chaos.scene import Scenario, Scene, open_scene


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    small = Scenario(split=False, tenants=1, actors=1, kills=0, delay_ms=10, places=16)
    async with open_scene(1, small, tmp_path) as scene:
        yield scene
