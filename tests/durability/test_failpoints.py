"""Penstock dies at each named point, is started again, and keeps every promise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from chaos.actors import start
from chaos.killer import Plan
from chaos.scene import Scene

from penstock.failpoints import POINTS

KILLED = Plan(after_seconds=0, way="kill", point="", target="both", away_seconds=0)
ROWS = [{"mood": mood} for mood in ("plain", "stumbles", "plain", "refused", "limited", "cut", "plain", "plain")] * 3
VISITS = {"journal.before_write": 9, "journal.in_transaction": 9, "journal.after_commit": 9}
"""The journal's points are reached by every flush: a later one falls into the middle of the work."""
HERE = ("submit", "journal", "end", "recovery", "webhook")
"""What these runs come to; schedules have a test of their own."""


def body(scene: Scene, token: str) -> dict[str, Any]:
    return {"inputs": ROWS, "metadata": {"token": token}, "webhook": f"{scene.stages[0].receiver}/flaky"}


@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith(HERE)])
async def test_a_death_at_a_failpoint_breaks_nothing(
    scene: Scene, nothing_broken: Callable[[], Awaitable[None]], point: str
) -> None:
    stage, process = scene.stages[0], scene.penstock.server
    await start(stage, "chain", body(scene, "before"), "before", inputs=ROWS)
    await asyncio.sleep(0.3)
    await process.kill()
    scene.killer.note_death(KILLED, "kill")

    await process.launch(f"{point}:{VISITS.get(point, 1)}")
    asking = asyncio.create_task(start(stage, "chain", body(scene, "while"), "while", inputs=ROWS))
    assert await process.died(30), f"it never came to {point}"
    scene.killer.note_death(KILLED, "failpoint")

    await scene.penstock.start()
    await asking
    await nothing_broken()
    assert len(stage.executions) == 2
