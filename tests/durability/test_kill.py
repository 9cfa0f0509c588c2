"""Penstock is killed with -9 in the middle of a run, and started again.

The scripted model server, a process of its own, logs every call it answered: that log is compared with what the store
had recorded at the moment of the kill.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess

ROWS = 1000
CONCURRENCY = 40

FLOW = """
name: two-calls
input: {row: {type: integer, required: true}}
nodes:
  first: {type: prompt, model: stand-in, prompt: "first {{ row }};", inputs: {row: input.row}}
  second:
    type: prompt
    model: stand-in
    prompt: "second {{ row }};"
    inputs: {row: input.row}
    after: [first]
output: {first: first.out, second: second.out}
"""


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with ModelServer.start(delay_ms=20) as server:
        yield server


@pytest.fixture
def penstock(tmp_path: Path, model: ModelServer) -> Iterator[PenstockProcess]:
    # Killed so often in so short a time, an innocent item may be under way each time.
    with PenstockProcess(tmp_path / "data", environment={"PENSTOCK_MAX_ITEM_CRASHES": "1000"}) as server:
        body = {"name": "stand-in", "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k", "modelName": "m"}
        server.post("/models", body).raise_for_status()
        server.save_flow(FLOW)
        yield server


def begin(penstock: PenstockProcess, rows: int = ROWS) -> str:
    body = {"inputs": [{"row": n} for n in range(rows)], "mode": "async", "concurrency": CONCURRENCY}
    response = penstock.post("/flows/two-calls/executions", body)
    assert response.status_code == 202, response.text
    return str(response.json()["executionId"])


def recorded_steps(penstock: PenstockProcess) -> set[str]:
    """What the store holds, read behind Penstock's back: `first 17;`."""
    with sqlite3.connect(penstock.data_dir / "penstock.db") as store:
        rows = store.execute("select node, path from steps where status = 'succeeded'").fetchall()
    store.close()
    return {f"{node} {int(path)};" for node, path in rows}


def calls_of(model: ModelServer) -> Counter[str]:
    return Counter(call["prompt"] for call in model.calls())


def wait_for_calls(model: ModelServer, wanted: int) -> None:
    while model.stats()["calls"] < wanted:
        time.sleep(0.005)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_was_recorded_before_a_kill_is_never_called_again(
    penstock: PenstockProcess, model: ModelServer, seed: int
) -> None:
    execution_id = begin(penstock)
    wait_for_calls(model, random.Random(seed).randint(50, 2 * ROWS - 200))
    penstock.kill()
    recorded = recorded_steps(penstock)
    before = calls_of(model)
    assert 0 < len(recorded) < 2 * ROWS, "the kill must fall into the run"

    penstock.start()
    ended = penstock.wait(execution_id)
    after = calls_of(model)

    assert ended["status"] == "completed"
    assert ended["counts"]["succeeded"] == ROWS
    assert ended["usage"]["modelCalls"] == 2 * ROWS
    assert {call: after[call] for call in recorded} == {call: before[call] for call in recorded}
    assert sum(after.values()) - 2 * ROWS <= CONCURRENCY, "only steps in flight at the kill may repeat"
    results = penstock.client.get(f"/executions/{execution_id}/results").json()
    assert len(results) == ROWS
    assert all(row["first"] and row["second"] for row in results)


def test_kill_after_kill_ends_with_every_row_once(penstock: PenstockProcess, model: ModelServer) -> None:
    draw = random.Random(7)
    execution_id = begin(penstock, 300)
    for _ in range(4):
        wait_for_calls(model, model.stats()["calls"] + draw.randint(1, 120))
        penstock.kill()
        penstock.start()
    ended = penstock.wait(execution_id)

    assert ended["counts"] == {"pending": 0, "running": 0, "succeeded": 300, "failed": 0, "skipped": 0, "cancelled": 0}
    with sqlite3.connect(penstock.data_dir / "penstock.db") as store:
        (steps,) = store.execute("select count(*) from steps where status = 'succeeded'").fetchone()
        numbers = [seq for (seq,) in store.execute("select seq from items union all select seq from events order by 1")]
    store.close()
    assert steps == 600
    assert numbers == list(range(1, len(numbers) + 1))
    assert sum(calls_of(model).values()) - 600 <= 4 * CONCURRENCY


def test_sigterm_parks_the_run_within_ten_seconds_and_the_next_start_goes_on(
    penstock: PenstockProcess, model: ModelServer
) -> None:
    execution_id = begin(penstock, 300)
    wait_for_calls(model, 100)
    started = time.monotonic()
    assert penstock.terminate() == 0
    assert time.monotonic() - started < 10
    recorded, before = recorded_steps(penstock), calls_of(model)
    assert set(before) == recorded, "steps in flight were finished and recorded, not thrown away"

    penstock.start()
    ended = penstock.wait(execution_id)

    assert ended["counts"]["succeeded"] == 300
    assert sum(calls_of(model).values()) == 600, "a parked run repeats nothing"


def test_an_accepted_execution_survives_a_kill_right_after_the_answer(
    penstock: PenstockProcess, model: ModelServer
) -> None:
    execution_ids = [begin(penstock, 3) for _ in range(10)]
    penstock.kill()
    penstock.start()
    for execution_id in execution_ids:
        assert penstock.wait(execution_id)["counts"]["succeeded"] == 3
