"""Ends Penstock, in every way a machine can, and starts it again. What it decides depends on the seed alone."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from chaos.evidence import open_store
from chaos.ledger import Ledger
from chaos.processes import Penstock, Process
from penstock.failpoints import POINTS

Way = Literal["kill", "failpoint", "term", "while starting"]

_RECORDED = """
select e.id, s.path, s.node from steps s join executions e on e.no = s.execution_no
where s.status = 'succeeded'
"""
_OPEN = "select count(*) from executions where status = 'running'"
_OWNED = "select no, lease_number from executions where status = 'running'"


@dataclass(frozen=True)
class Plan:
    """One death: after how many seconds of work, how, where, and how long it stays away."""

    after_seconds: float
    way: Way
    point: str
    target: Literal["server", "worker", "both"]
    away_seconds: float


def plans(draw: Random, count: int) -> list[Plan]:
    """A schedule of deaths."""
    return [_plan(draw) for _ in range(count)]


def _plan(draw: Random) -> Plan:
    ways: list[Way] = ["kill", "failpoint", "term", "while starting"]
    point = draw.choice(sorted(POINTS))
    visits = 1 if point.startswith("recovery") else draw.choice((1, 2, 3, 5, 10, 30))
    return Plan(
        after_seconds=draw.uniform(0.3, 3.0),
        way=draw.choices(ways, (10, 6, 1, 2))[0],
        point=f"{point}:{visits}",
        target=draw.choices(("server", "worker", "both"), (1, 2, 1))[0],
        away_seconds=draw.choice((0.0, 0.0, 0.3, 1.5)),
    )


class Killer:
    """Carries out a schedule on one installation, and keeps what the store held at each death."""

    def __init__(self, penstock: Penstock, ledger: Ledger, calls: Path, draw: Random) -> None:
        self._penstock = penstock
        self._ledger = ledger
        self._calls = calls
        self.draw = draw
        self._kills = 0

    async def carry_out(self, schedule: list[Plan]) -> None:
        """Every death of the schedule, each followed by a start."""
        for plan in schedule:
            victims = self._victims(plan)
            await asyncio.sleep(plan.after_seconds)
            for victim in victims:
                await (victim.terminate() if plan.way == "term" else victim.kill())
            self.note_death(plan, "term" if plan.way == "term" else "kill")
            if plan.way == "failpoint":
                await self._at_failpoint(plan, victims[-1])
            elif plan.way == "while starting":
                await self._while_starting(plan, victims[-1])
            await asyncio.sleep(plan.away_seconds)
            await self._restart(self._penstock.worker in victims)

    def _victims(self, plan: Plan) -> tuple[Process, ...]:
        both = self._penstock.processes
        if plan.target == "both":
            return both
        return (self._penstock.worker if plan.target == "worker" else self._penstock.server,)

    async def _at_failpoint(self, plan: Plan, victim: Process) -> None:
        """Start the victim so that it dies at the point; where it does not get there, it is killed at random."""
        await victim.launch(plan.point)
        died = await victim.died(plan.after_seconds + 4)
        await victim.kill()
        self.note_death(plan, "failpoint" if died else "kill")

    async def _while_starting(self, plan: Plan, victim: Process) -> None:
        await victim.launch()
        await asyncio.sleep(self.draw.uniform(0.2, 1.6))
        await victim.kill()
        self.note_death(plan, "while starting")

    async def _restart(self, worker_died: bool) -> None:
        before = self._owned() if worker_died else {}
        started = time.monotonic()
        await self._penstock.start()
        ready = time.monotonic()
        while left := before.items() & self._owned().items():
            if time.monotonic() - ready > 60:
                self._ledger.note("stranded", executions=[no for no, _ in left])
                return
            await asyncio.sleep(0.05)
        now = time.monotonic()
        self._ledger.note("resumed", executions=len(before), ready_s=ready - started, after_ready_s=now - ready)

    def _owned(self) -> dict[int, int]:
        """Number and lease of each running execution."""
        with open_store(self._penstock.data) as store:
            return dict(store.execute(_OWNED).fetchall())

    def note_death(self, plan: Plan, way: Way) -> None:
        """What is on disk now, and how many calls had been answered: whoever is called later must not be among it."""
        with open_store(self._penstock.data) as store:
            recorded = [tuple(row) for row in store.execute(_RECORDED)]
            (running,) = store.execute(_OPEN).fetchone()
        with self._calls.open("rb") as log:
            calls = sum(1 for _ in log)
        self._kills += 1
        name = f"kill-{self._kills}.json"
        (self._calls.parent / name).write_text(json.dumps(recorded))
        point = plan.point if plan.way == "failpoint" else None
        target = plan.target if len(self._penstock.processes) > 1 else "up"
        self._ledger.note("kill", way=plan.way, point=point, target=target, running=running, calls=calls, recorded=name)
