"""One run: everything started, used, killed, brought to its end, and checked."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from httpx2 import AsyncClient

from chaos import flows
from chaos.actors import act_until, client_of, settle
from chaos.checks import check, declared_repeats
from chaos.evidence import Evidence
from chaos.killer import Killer, plans
from chaos.ledger import Ledger
from chaos.processes import Penstock
from chaos.receiver import Receiver
from chaos.stage import Stage
from chaos.tenants import Tenant, furnish, make_tenants
from penstock.testing.model_server import ModelServer

SETTLE_SECONDS = 120.0


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


@dataclass(frozen=True)
class Scenario:
    """What a seed decides about a whole run."""

    split: bool
    tenants: int
    actors: int
    kills: int
    delay_ms: float
    places: int

    @classmethod
    def of(cls, draw: Random, kills: int) -> Scenario:
        return cls(
            split=draw.random() < 0.3,
            tenants=draw.randint(2, 4),
            actors=draw.randint(1, 2),
            kills=kills,
            delay_ms=draw.choice((5, 20, 60)),
            places=draw.choice((8, 24, 256)),
        )


def run(seed: int, folder: Path, kills: int) -> Result:
    """Carry out the run of a seed in a fresh folder, and check it."""
    scenario = Scenario.of(Random(f"{seed} scenario"), kills)
    log = folder / "calls.jsonl"
    log.touch()
    with (
        ModelServer.start(rules=flows.RULES, delay_ms=scenario.delay_ms, log=log) as model,
        Receiver(folder / "hooks.jsonl") as receiver,
    ):
        asyncio.run(_perform(seed, scenario, folder, model.url, receiver.url))
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


async def _perform(seed: int, scenario: Scenario, folder: Path, model_url: str, receiver_url: str) -> None:
    ledger = Ledger(folder / "ledger.jsonl")
    ledger.note("scenario", seed=seed, **asdict(scenario))
    data = folder / "data"
    environment = {
        "PENSTOCK_ALLOWED_NETWORKS": "127.0.0.1",
        "PENSTOCK_MAX_RUNNING_EXECUTIONS": str(scenario.places),
        "PENSTOCK_SHUTDOWN_GRACE_SECONDS": "3",
    }
    penstock = Penstock(data, split=scenario.split, environment=environment)
    tenants = await make_tenants(data / "penstock.db", scenario.tenants)
    try:
        await penstock.start()
        for tenant in tenants:
            furniture = Random(f"{seed} {tenant.name} furniture")
            await furnish(tenant, penstock.url, model_url, receiver_url, furniture)
        async with contextlib.AsyncExitStack() as clients:
            stages = []
            for tenant in tenants:
                client = await clients.enter_async_context(client_of(penstock.url, tenant.key))
                stages += [_stage(seed, n, tenant, client, ledger, receiver_url) for n in range(scenario.actors)]
            await _trouble(seed, scenario, penstock, stages, ledger, folder)
            await asyncio.gather(*(settle(stage, SETTLE_SECONDS) for stage in stages))
            await _afterwards(stages)
    finally:
        await penstock.stop()
        ledger.close()


def _stage(seed: int, number: int, tenant: Tenant, client: AsyncClient, ledger: Ledger, receiver_url: str) -> Stage:
    draw = Random(f"{seed} {tenant.name} {number}")
    return Stage(f"{tenant.name}.{number}", client, ledger, draw, receiver_url)


async def _trouble(
    seed: int, scenario: Scenario, penstock: Penstock, stages: list[Stage], ledger: Ledger, folder: Path
) -> None:
    """Everybody acts while the killer carries out its schedule."""
    stop = asyncio.Event()
    draw = Random(f"{seed} killer")
    killer = Killer(penstock, ledger, folder / "calls.jsonl", draw)

    async def kill() -> None:
        try:
            await killer.carry_out(plans(draw, scenario.kills))
        finally:
            stop.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(kill())
        for stage in stages:
            group.create_task(act_until(stage, stop))


async def _afterwards(stages: list[Stage]) -> None:
    """A fresh call finds a place, and what is stored is what callers were told."""
    for stage in stages:
        answer = await stage.insist("POST", "/flows/chain/execute", json={"mood": "plain"})
        stage.ledger.note("probe", status=answer.status_code, body=answer.text)
        for execution in stage.executions:
            results = await stage.insist("GET", f"/executions/{execution}")
            if results.status_code == 200 and results.json()["status"] == "completed":
                stage.ledger.note("results", execution=execution, results=results.json()["results"])
