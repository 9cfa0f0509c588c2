"""Models that hang, a step that kills its process each time, and ten thousand executions that wait at a start."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from chaos.actors import start
from chaos.evidence import open_store
from chaos.scene import Scene

Check = Callable[[], Awaitable[None]]

HANGING = """
name: hanging
input: {mood: {type: string, required: true}}
nodes:
  ask:
    type: prompt
    model: priced
    prompt: "{{ mood }};"
    timeoutSeconds: TIMEOUT
    retry: {maxAttempts: 2, initialDelaySeconds: 0.01}
    inputs: {mood: input.mood}
"""
MOODS = {"inputs": [{"mood": "hangs"}, {"mood": "plain"}]}


async def save(scene: Scene, document: str) -> None:
    answer = await scene.stages[0].client.post("/flows", content=document, headers={"content-type": "application/yaml"})
    assert answer.status_code == 201, answer.text


async def ended(scene: Scene, execution: str | None) -> dict[str, Any]:
    answer = await scene.stages[0].insist("GET", f"/executions/{execution}", params={"wait": "60"})
    body: dict[str, Any] = answer.json()
    return body


async def in_flight(scene: Scene) -> int:
    return int((await asyncio.to_thread(scene.model.stats))["inFlight"])


async def test_a_model_that_hangs_fails_its_item_by_the_timeout_of_the_step(scene: Scene) -> None:
    await save(scene, HANGING.replace("TIMEOUT", "0.3"))
    body = await ended(scene, await start(scene.stages[0], "hanging", MOODS, "a"))
    assert (body["status"], body["counts"]["succeeded"], body["counts"]["failed"]) == ("completed", 1, 1)
    items = (await scene.stages[0].insist("GET", f"/executions/{body['executionId']}/items?status=failed")).json()
    assert [item["error"]["code"] for item in items["data"]] == ["step_timeout"]


async def test_a_model_that_hangs_is_let_go_of_by_a_cancel_and_by_the_deadline(scene: Scene) -> None:
    await save(scene, HANGING.replace("TIMEOUT", "600"))
    stage = scene.stages[0]
    cancelled = await start(stage, "hanging", MOODS, "a")
    while not await in_flight(scene):
        await asyncio.sleep(0.01)
    await stage.insist("POST", f"/executions/{cancelled}/cancel")
    assert (await ended(scene, cancelled))["status"] == "cancelled"
    overdue = await start(stage, "hanging", {**MOODS, "deadlineSeconds": 1}, "b")
    body = await ended(scene, overdue)
    assert body["status"] == "timeout"
    assert body["counts"]["succeeded"] == 1, "what was finished is kept"
    while await in_flight(scene):
        await asyncio.sleep(0.01)


_POISON = '''
import os, signal
from typing import Literal
from penstock.flows.nodes.base import Node, NodeSettings, node

class PoisonSettings(NodeSettings):
    type: Literal["poison"] = "poison"

@node
class Poison(Node[PoisonSettings]):
    """Kills the process that runs it, for one row."""
    name = "poison"
    title = "Poison"
    settings = PoisonSettings
    effectful = True

    async def run(self, ctx, settings, inputs):
        if inputs["n"] == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return inputs["n"]
'''

POISONED = """
name: poisoned
input: {n: {type: integer, required: true}}
nodes:
  swallow: {type: poison, inputs: {n: input.n}}
output: {n: swallow.out}
"""


@pytest.fixture
def poison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of somebody else's that adds a node, for processes to be started."""
    site = tmp_path / "site"
    (site / "poison-1.0.dist-info").mkdir(parents=True)
    (site / "poison_node.py").write_text(_POISON)
    (site / "poison-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: poison\nVersion: 1.0\n")
    (site / "poison-1.0.dist-info" / "entry_points.txt").write_text("[penstock.nodes]\npoison = poison_node\n")
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


async def test_an_item_that_kills_the_process_each_time_is_set_apart_and_the_rest_completes(
    poison: None, scene: Scene
) -> None:
    await save(scene, POISONED)
    execution = await start(scene.stages[0], "poisoned", {"inputs": [{"n": n} for n in range(20)]}, "a")
    deaths, body = 0, None
    while body is None or body["status"] != "completed":
        if await scene.penstock.server.died(0.05):
            deaths += 1
            assert deaths <= 3, "the process dies again and again"
            await scene.penstock.server.launch()
        answer = await scene.stages[0].ask("GET", f"/executions/{execution}", params={"wait": "5"})
        body = None if answer is None or answer.status_code != 200 else answer.json()
    assert (body["counts"]["succeeded"], body["counts"]["failed"]) == (19, 1)
    items = (await scene.stages[0].insist("GET", f"/executions/{execution}/items?status=failed")).json()
    assert [(item["path"], item["error"]["code"]) for item in items["data"]] == [("3", "item_quarantined")]
    assert deaths == 3


WAITING = 10_000
_CLONES = f"""
with recursive counter(n) as (select 1 union all select n + 1 from counter where n < {WAITING - 1})
insert into executions ({{columns}}) select {{values}} from counter, executions where executions.no = {{no}}
"""

QUICK = """
name: quick
input: {n: {type: integer, required: true}}
nodes:
  same: {type: transform, inputs: {n: input.n}, expression: n}
output: {n: same.out}
"""


def multiply(scene: Scene, execution: str) -> None:
    """Ten thousand of an execution that waits, written as a server would have."""
    import sqlite3

    store = sqlite3.connect(scene.penstock.data / "penstock.db")
    with store:
        columns = [row[1] for row in store.execute("pragma table_info(executions)") if row[1] != "no"]
        values = ["substr(id, 1, 21) || printf('%08x', n)" if column == "id" else column for column in columns]
        (no,) = store.execute("select no from executions where id = ?", (execution,)).fetchone()
        store.execute(_CLONES.format(columns=", ".join(columns), values=", ".join(values), no=no))
        of_clones = f"from {{0}} t join executions e on e.no > {no} where t.execution_no = {no}"
        store.execute(
            "insert into items (execution_no, path, status, input) select e.no, t.path, t.status, t.input "
            + of_clones.format("items")
        )
        store.execute(
            "insert into events (execution_no, seq, type, at, data) select e.no, t.seq, t.type, t.at, t.data "
            + of_clones.format("events")
        )
    store.close()


def peak_memory_mb(scene: Scene) -> float:
    status = Path(f"/proc/{scene.penstock.server.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


async def test_ten_thousand_waiting_executions_all_complete_in_bounded_memory_and_callers_are_served_meanwhile(
    scene: Scene,
) -> None:
    await save(scene, QUICK)
    stage = scene.stages[0]
    call = {"n": 1}
    assert (await stage.insist("POST", "/flows/quick/execute", json=call)).status_code == 200
    idle = peak_memory_mb(scene)
    await scene.penstock.server.terminate()
    acceptor = scene.penstock.server.another("serve")
    await acceptor.launch()
    await scene.penstock.ready()
    execution = await start(stage, "quick", {"inputs": [{"n": 7}]}, "a")
    await acceptor.terminate()
    assert execution is not None
    multiply(scene, execution)

    await scene.penstock.start()
    served, waiting = 0, WAITING
    while waiting:
        answer = await stage.client.post("/flows/quick/execute", json=call)
        assert answer.status_code == 200
        with open_store(scene.penstock.data) as store:
            (waiting,) = store.execute("select count(*) from executions where status <> 'completed'").fetchone()
        served += bool(waiting)
    assert served >= 3, "callers were answered while thousands waited"
    assert peak_memory_mb(scene) - idle < 100
    with open_store(scene.penstock.data) as store:
        (items,) = store.execute(
            "select count(*) from items where status = 'succeeded' and input like '%7%'"
        ).fetchone()
    assert items == WAITING
