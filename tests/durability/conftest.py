"""A whole scene in a folder of its own: the model server, a receiver, Penstock, and one user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from chaos.checks import check
from chaos.evidence import Evidence
from chaos.scene import Scenario, Scene, open_scene


@pytest.fixture
async def nothing_broken(scene: Scene, tmp_path: Path) -> Callable[[], Awaitable[None]]:
    """Brings everything to its end, and asserts that every promise was kept."""

    async def ask() -> None:
        await scene.come_to_an_end()
        found = check(Evidence.read(tmp_path))
        # Whether enough happened is for each test to see: some of them kill nothing.
        assert {name: broken for name, broken in found.items() if broken and name != "idle"} == {}

    return ask


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    small = Scenario(split=False, tenants=1, actors=1, kills=0, delay_ms=10, places=16)
    async with open_scene(1, small, tmp_path) as scene:
        yield scene
