"""Penstock is killed with -9 in the middle of work that is charged, and as it settles it: nothing is charged twice."""

from __future__ import annotations

import sqlite3
import time
from decimal import Decimal
from pathlib import Path

import pytest

from penstock.models.usage import ecu_from_micros
from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess

ROWS = 60
FLOW = """
name: ask
input: {row: {type: integer, required: true}}
nodes:
  ask: {type: prompt, model: openai/stand-in, prompt: "row {{ row }}", inputs: {row: input.row}}
output: {said: ask.out}
"""


@pytest.mark.parametrize("death", ["in the middle", "end.in_transaction", "end.after_commit"])
def test_a_killed_process_charges_what_its_steps_took_and_once(tmp_path: Path, death: str) -> None:
    grant, once = {"amount": "900"}, {"idempotency-key": "once"}
    run = {
        "inputs": [{"row": n} for n in range(ROWS)],
        "mode": "async",
        "concurrency": 8,
        "budget": {"ecu": "500"},
    }
    with ModelServer.start(delay_ms=10) as model:
        environment = {"OPENAI_BASE_URL": f"{model.url}/v1", "OPENAI_API_KEY": "k", "PENSTOCK_MAX_ITEM_CRASHES": "1000"}
        armed = {} if death == "in the middle" else {"PENSTOCK_CRASH_AT": death}
        with PenstockProcess(tmp_path / "data", environment={**environment, **armed}) as server:
            server.save_flow(FLOW)
            server.post("/compute-units/grants", grant, **once).raise_for_status()
            execution_id = server.post("/flows/ask/executions", run, **once).json()["executionId"]
            if death == "in the middle":
                while model.stats()["calls"] < ROWS // 3:
                    time.sleep(0.005)
                server.kill()
            assert server._process is not None
            assert server._process.wait(30) == -9
        with PenstockProcess(tmp_path / "data", environment=environment) as server:
            assert server.post("/compute-units/grants", grant, **once).status_code == 201
            assert server.post("/flows/ask/executions", run, **once).json()["executionId"] == execution_id
            assert server.wait(execution_id)["status"] == "completed"
            _check(server, tmp_path / "data" / "penstock.db", execution_id)


def _check(server: PenstockProcess, store: Path, execution_id: str) -> None:
    with sqlite3.connect(store) as connection:
        micros, calls = connection.execute("select sum(ecu_micros), sum(model_calls) from steps").fetchone()
        settled = connection.execute(
            "select count(*), sum(used_micros), sum(reserved_micros) from compute_unit_entries where execution_id = ?",
            (execution_id,),
        ).fetchone()
    connection.close()
    assert calls >= ROWS
    # One reservation and one settlement, whatever happened in between.
    assert settled == (2, micros, 0)
    balance = server.client.get("/compute-units").json()
    assert (balance["limited"], balance["reserved"]) == (True, "0.00")
    assert Decimal(balance["balance"]) == 900 - Decimal(ecu_from_micros(micros))
    used = server.client.get("/usage", params={"by": "model"}).json()
    assert [(row["model"], row["modelCalls"], row["executions"]) for row in used["data"]] == [
        ("openai/stand-in", calls, 1)
    ]
    assert Decimal(used["total"]["ecu"]) == Decimal(ecu_from_micros(micros)) > Decimal("0.01") * calls
