"""One run: everything started, used, killed, brought to its end, and checked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chaos.actors import act_until
from chaos.checks import check, declared_repeats
from chaos.evidence import Evidence
from chaos.killer import plans
from chaos.scene import Scenario, Scene, open_scene


@dataclass
class Result:
    """The figures of one run. `findings` are what broke an invariant, by its name."""

    seed: int
    split: bool
    kills: int
    hits: int
    executions: int
    items: int
    steps: int
    calls: int
    declared_repeats: int
    slowest_resume_s: float
    findings: dict[str, list[str]] = field(default_factory=dict)

    @property
    def broken(self) -> dict[str, list[str]]:
        """The invariants that did not hold."""
        return {name: found for name, found in self.findings.items() if found}


def run(seed: int, folder: Path, kills: int) -> Result:
    """Carry out the run of a seed in a fresh folder, and check it."""
    scenario = Scenario.of(Random(f"{seed} scenario"), kills)
    asyncio.run(_perform(seed, scenario, folder))
    return judge(seed, folder, split=scenario.split)


def judge(seed: int, folder: Path, *, split: bool) -> Result:
    """Check the evidence of a run that is over."""
    evidence = Evidence.read(folder)
    (items,) = evidence.rows("select count(*) from items")[0]
    (steps,) = evidence.rows("select count(*) from steps")[0]
    return Result(
        seed=seed,
        split=split,
        kills=len(evidence.kills),
        hits=sum(1 for kill in evidence.kills if kill.running),
        executions=len(evidence.executions),
        items=items,
        steps=steps,
        calls=len(evidence.calls),
        declared_repeats=declared_repeats(evidence),
        slowest_resume_s=max((fact["after_ready_s"] for fact in evidence.of("resumed")), default=0.0),
        findings=check(evidence),
    )


async def _perform(seed: int, scenario: Scenario, folder: Path) -> None:
    async with open_scene(seed, scenario, folder) as scene:
        await _trouble(scene, scenario.kills)
        await scene.come_to_an_end()


async def _trouble(scene: Scene, kills: int) -> None:
    """Everybody acts while the killer carries out its schedule."""
    stop = asyncio.Event()

    async def kill() -> None:
        try:
            await scene.killer.carry_out(plans(scene.killer.draw, kills))
        finally:
            stop.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(kill())
        for stage in scene.stages:
            group.create_task(act_until(stage, stop))
