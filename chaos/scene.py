"""Where a run takes place: every process around Penstock, Penstock itself, and its users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from chaos import flows
from chaos.actors import client_of, settle
from chaos.evidence import open_store
from chaos.killer import Killer
from chaos.ledger import Ledger
from chaos.processes import Penstock
from chaos.receiver import Receiver
from chaos.stage import Stage
from chaos.tenants import furnish, make_tenants
from penstock.testing.model_server import ModelServer

STILL_SECONDS = 60.0
TELLING_SECONDS = 40.0

_MOVED = "select (select coalesce(max(no), 0) from steps) + (select sum(seq) from executions)"
_UNTOLD = """
select (select count(*) from outbox) + (select count(*) from webhook_deliveries where status = 'pending')
"""


@dataclass(frozen=True)
class Scenario:
    """What a seed decides about a whole run."""

    split: bool
    tenants: int
    actors: int
    kills: int
    delay_ms: float
    places: int

    @property
    def environment(self) -> dict[str, str]:
        """Settings of Penstock's processes."""
        return {
            "PENSTOCK_ALLOWED_NETWORKS": "127.0.0.1",
            "PENSTOCK_MAX_RUNNING_EXECUTIONS": str(self.places),
            "PENSTOCK_SHUTDOWN_GRACE_SECONDS": "3",
            "PENSTOCK_WEBHOOK_SCHEDULE_SECONDS": "0,0.5,1,2,2,2,2,2,2,2",
        }

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


@dataclass
class Scene:
    """A started installation, and those who act on it."""

    penstock: Penstock
    model: ModelServer
    stages: list[Stage]
    ledger: Ledger
    killer: Killer

    async def come_to_an_end(self) -> None:
        """Wait until everything is over; then a fresh call finds a place, and results are what callers were told."""
        await self._settled()
        for stage in self.stages:
            answer = await stage.insist("POST", "/flows/chain/execute", json={"mood": "plain"})
            stage.ledger.note("probe", status=answer.status_code, body=answer.text)
            for execution in stage.executions:
                results = await stage.insist("GET", f"/executions/{execution}")
                if results.status_code == 200 and results.json()["status"] == "completed":
                    stage.ledger.note("results", execution=execution, results=results.json()["results"])
        await self._told()

    async def _settled(self) -> None:
        """Until everything is over, or nothing has moved for a minute: that is left for the checks to find."""
        work = asyncio.gather(*(settle(stage) for stage in self.stages))
        seen, still_since = self._count(_MOVED), asyncio.get_running_loop().time()
        while not work.done() and asyncio.get_running_loop().time() < still_since + STILL_SECONDS:
            await asyncio.wait((work,), timeout=1)
            moved = self._count(_MOVED)
            if moved != seen:
                seen, still_since = moved, asyncio.get_running_loop().time()
        work.cancel()
        await asyncio.wait((work,))
        if not work.cancelled():
            work.result()

    def _count(self, statement: str) -> int:
        with open_store(self.penstock.data) as store:
            (count,) = store.execute(statement).fetchone()
        return int(count)

    @property
    def _readers(self) -> list[asyncio.Task[None]]:
        return [reader for stage in self.stages for reader in stage.watchers]

    async def dismiss_readers(self) -> None:
        """Cut off those who still read; each notes what it saw."""
        readers = self._readers
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _told(self) -> None:
        """Wait until every reader has seen the end, and every webhook is delivered."""
        if self._readers:
            await asyncio.wait(self._readers, timeout=TELLING_SECONDS)
        await self.dismiss_readers()
        give_up = asyncio.get_running_loop().time() + TELLING_SECONDS
        while asyncio.get_running_loop().time() < give_up:
            if not self._count(_UNTOLD):
                return
            await asyncio.sleep(0.2)


@asynccontextmanager
async def open_scene(seed: int, scenario: Scenario, folder: Path) -> AsyncIterator[Scene]:
    """Start everything in a folder, with projects that have what they need; what is seen is written there."""
    calls = folder / "calls.jsonl"
    calls.touch()
    data = folder / "data"
    tenants = await make_tenants(data / "penstock.db", scenario.tenants)
    async with AsyncExitStack() as stack:
        model = stack.enter_context(ModelServer.start(rules=flows.RULES, delay_ms=scenario.delay_ms, log=calls))
        receiver = stack.enter_context(Receiver(folder / "hooks.jsonl"))
        ledger = stack.enter_context(Ledger(folder / "ledger.jsonl"))
        ledger.note("scenario", seed=seed, **asdict(scenario))
        penstock = Penstock(data, split=scenario.split, environment=scenario.environment)
        stack.push_async_callback(penstock.stop)
        await penstock.start()
        stages = []
        for tenant in tenants:
            client = await stack.enter_async_context(client_of(penstock.url, tenant.key))
            secret = await furnish(client, model.url, receiver.url, Random(f"{seed} {tenant.name} furniture"))
            ledger.note("endpoint", project=tenant.project_id, secret=secret)
            for number in range(scenario.actors):
                draw = Random(f"{seed} {tenant.name} {number}")
                stages.append(Stage(f"{tenant.name}.{number}", client, ledger, draw, receiver.url))
        scene = Scene(penstock, model, stages, ledger, Killer(penstock, ledger, calls, Random(f"{seed} killer")))
        stack.push_async_callback(scene.dismiss_readers)
        yield scene
