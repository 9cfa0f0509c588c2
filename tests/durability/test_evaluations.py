"""Evaluations that are killed, cancelled, paused, or partly fail; and what can be read of them meanwhile.

The model under evaluation repeats what it is asked; another one judges. Both are played by one scripted server in a
process of its own, whose log says what was asked.
"""

from __future__ import annotations

import json
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess

ROWS = 240
CONCURRENCY = 20
EXACT = {"type": "exact"}
JUDGED = {"type": "llm", "name": "judged", "model": "judge", "prompt": "Is this good? {{ output }}"}
JUDGES = [
    {"model": "judge", "contains": "good;", "json": {"reasoning": "It says so.", "answer": "yes"}},
    {"model": "judge", "json": {"reasoning": "It does not say so.", "answer": "no"}},
]


@dataclass(frozen=True)
class World:
    """Penstock with a benchmark `rows`, and the server of both models."""

    penstock: PenstockProcess
    model: ModelServer

    def begin(self, *scorers: dict[str, Any], **options: Any) -> tuple[str, str]:
        """(execution, evaluation)."""
        body = {"benchmark": "rows", "model": "echo", "scorers": list(scorers), "concurrency": CONCURRENCY, **options}
        response = self.penstock.post("/evaluations", body)
        assert response.status_code == 202, response.text
        return response.json()["executionId"], response.json()["evaluationId"]

    def get(self, path: str, **query: str) -> Any:
        response = self.penstock.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def rows(self, evaluation_id: str) -> list[dict[str, Any]]:
        headers = {"accept": "application/x-ndjson"}
        response = self.penstock.client.get(f"/evaluations/{evaluation_id}/results", headers=headers)
        assert response.status_code == 200, response.text
        return [json.loads(line) for line in response.text.splitlines()]

    def settled(self, execution_id: str) -> dict[str, Any]:
        """The progress body once the execution is over or paused."""
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            body: dict[str, Any] = self.get(f"/executions/{execution_id}", wait="5")
            if body["status"] not in ("pending", "running"):
                return body
        raise TimeoutError(execution_id)

    def asked(self) -> Counter[tuple[str, int]]:
        """How often each model was asked about each row: `("echo", 17)`."""
        found = ((call["model"], re.search(r"row (\d+)", call["prompt"])) for call in self.model.calls())
        return Counter((model, int(number[1])) for model, number in found if number)

    def kept(self, execution_id: str) -> set[tuple[str, int]]:
        """Which of these answers are in the store, read behind Penstock's back."""
        with sqlite3.connect(self.penstock.data_dir / "penstock.db") as store:
            steps = store.execute(
                "select node, path from steps where status = 'succeeded'"
                " and execution_no = (select no from executions where id = ?)",
                (execution_id,),
            ).fetchall()
        store.close()
        return {("echo" if node == "generate" else "judge", int(path)) for node, path in steps}

    def wait_for_calls(self, wanted: int) -> None:
        while self.model.stats()["calls"] < wanted:
            time.sleep(0.005)


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("evaluations")
    # Killed so often in so short a time, an innocent item may be under way each time.
    environment = {"PENSTOCK_MAX_ITEM_CRASHES": "1000"}
    with ModelServer.start() as model, PenstockProcess(folder / "data", environment=environment) as penstock:
        pricing = {"inputPerMillionUsd": "10", "outputPerMillionUsd": "10"}
        for name in ("echo", "judge"):
            saved = {"name": name, "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k", "modelName": name}
            penstock.post("/models", {**saved, "pricing": pricing}).raise_for_status()
        lines = [json.dumps({"id": str(n), "input": question(n), "truth": f"row {n} good;"}) for n in range(ROWS)]
        headers = {"content-type": "application/x-ndjson"}
        response = penstock.client.post(
            "/benchmarks", params={"key": "rows"}, content="\n".join(lines), headers=headers
        )
        assert response.status_code == 201, response.text
        yield World(penstock, model)


@pytest.fixture
def world(_world: World) -> World:
    _world.model.script(JUDGES, delay_ms=20)
    _world.model.reset()
    return _world


def question(number: int) -> str:
    return f"row {number} {'good' if good(number) else 'bad'};"


def good(number: int) -> bool:
    return number % 3 != 0


RIGHT = [float(good(number)) for number in range(ROWS)]


def values(rows: list[dict[str, Any]], scorer: str) -> list[float]:
    return [row["scores"][scorer]["value"] for row in rows]


@pytest.mark.parametrize("seed", [1])
def test_killed_while_a_model_judges_no_kept_answer_or_verdict_is_asked_for_again(world: World, seed: int) -> None:
    draw, kills = random.Random(seed), 3
    execution_id, evaluation_id = world.begin(EXACT, JUDGED)
    known: dict[tuple[str, int], int] = {}
    for part in range(kills):
        share = 2 * ROWS // kills
        world.wait_for_calls(share * part + draw.randint(2 * CONCURRENCY, share - 2 * CONCURRENCY))
        world.penstock.kill()
        kept, asked = world.kept(execution_id), world.asked()
        assert {who for who, _ in kept} == {"echo", "judge"}, "the kill must fall into the scoring"
        assert {call: asked[call] for call in known} == known
        known = {call: asked[call] for call in kept}
        world.penstock.start()
    body = world.settled(execution_id)
    asked = world.asked()
    assert (body["status"], body["counts"]["succeeded"]) == ("completed", ROWS)
    assert body["usage"]["modelCalls"] == 2 * ROWS
    assert {call: asked[call] for call in known} == known
    assert asked.total() - 2 * ROWS <= kills * CONCURRENCY, "only what was in flight may be asked for again"
    rows = world.rows(evaluation_id)
    assert values(rows, "exact") == values(rows, "judged") == RIGHT
    metrics = world.get(f"/evaluations/{evaluation_id}")["metrics"]
    assert metrics["judged"]["mean"] == metrics["exact"]["mean"] == pytest.approx(sum(RIGHT) / ROWS)


def test_it_is_readable_while_it_runs_and_a_cancel_keeps_what_there_is(world: World) -> None:
    # The first half answers at once, the second one never: 20 calls wait for it when the first half is done.
    world.model.script([{"model": "echo", "regex": r"row (1[2-9]\d|2\d\d) ", "behaviour": "hang"}], delay_ms=0)
    execution_id, evaluation_id = world.begin(EXACT)
    world.wait_for_calls(ROWS // 2 + CONCURRENCY)
    running = world.get(f"/evaluations/{evaluation_id}")
    page = world.get(f"/evaluations/{evaluation_id}/results", limit="20", status="succeeded")["data"]
    assert running["status"] == "running"
    assert values(page, "exact") == [RIGHT[row["number"]] for row in page]
    assert len(page) == 20
    assert 0 < running["metrics"]["exact"]["coverage"] < 1

    assert world.penstock.post(f"/executions/{execution_id}/cancel", {}).status_code in (200, 202)
    assert world.settled(execution_id)["status"] == "cancelled"
    receipt = world.penstock.post(f"/executions/{execution_id}/cancel", {}).json()["receipt"]
    assert receipt["callsAborted"] == CONCURRENCY, "what was asked for may still be billed"
    cancelled = world.get(f"/evaluations/{evaluation_id}")
    scored = [row for row in world.rows(evaluation_id) if row["scores"]]
    assert cancelled["status"] == "cancelled"
    assert cancelled["metrics"]["exact"]["n"] == cancelled["answeredRows"] == len(scored) == ROWS // 2
    assert values(scored, "exact") == [RIGHT[row["number"]] for row in scored]
    stats = world.model.stats()
    assert (stats["calls"], stats["inFlight"]) == (ROWS // 2 + CONCURRENCY, 0)


def test_failed_rows_are_asked_again_alone(world: World) -> None:
    broken = {"model": "echo", "regex": r"row \d*7 ", "status": 400, "error": "not today"}
    world.model.script([broken], delay_ms=0)
    execution_id, evaluation_id = world.begin(EXACT)
    failed = {n for n in range(ROWS) if n % 10 == 7}
    assert world.settled(execution_id)["counts"]["failed"] == len(failed)
    rows = world.rows(evaluation_id)
    partly = world.get(f"/evaluations/{evaluation_id}")
    assert {row["number"] for row in rows if row["status"] == "failed"} == failed
    assert (partly["failedRows"], partly["metrics"]["exact"]["n"]) == (len(failed), ROWS - len(failed))

    world.model.script([])
    world.model.reset()
    assert world.penstock.post(f"/evaluations/{evaluation_id}/retry", {"what": "failed"}).status_code == 202
    assert world.settled(execution_id)["counts"]["succeeded"] == ROWS
    assert world.asked() == Counter({("echo", number): 1 for number in failed})
    whole = world.get(f"/evaluations/{evaluation_id}")
    assert (whole["failedRows"], whole["metrics"]["exact"]["coverage"]) == (0, 1.0)
    assert values(world.rows(evaluation_id), "exact") == RIGHT


def test_scores_that_went_wrong_are_asked_for_again_without_the_answers(world: World) -> None:
    broken = {"model": "judge", "contains": "good;", "status": 400, "error": "not today"}
    world.model.script([broken, *JUDGES], delay_ms=0)
    execution_id, evaluation_id = world.begin(JUDGED)
    world.settled(execution_id)
    wrong = world.get(f"/evaluations/{evaluation_id}")["metrics"]["judged"]
    assert (wrong["errors"], wrong["n"]) == (sum(RIGHT), ROWS - sum(RIGHT))

    world.model.script(JUDGES)
    world.model.reset()
    assert world.penstock.post(f"/evaluations/{evaluation_id}/retry", {"what": "scores"}).status_code == 202
    world.settled(execution_id)
    assert world.asked() == Counter({("judge", number): 1 for number in range(ROWS) if good(number)})
    assert values(world.rows(evaluation_id), "judged") == RIGHT


def test_a_budget_that_is_spent_pauses_it_and_a_larger_one_lets_it_go_on(world: World) -> None:
    execution_id, evaluation_id = world.begin(EXACT, budget={"tokens": 1000}, params={"maxTokens": 10})
    body = world.settled(execution_id)
    assert (body["status"], body["pauseReason"]["code"]) == ("paused", "budget_exhausted")
    billed = sum(call["inputTokens"] + call["outputTokens"] for call in world.model.calls())
    assert 0 < billed <= 1000
    paused = world.get(f"/evaluations/{evaluation_id}")
    assert paused["status"] == "paused"
    assert 0 < paused["metrics"]["exact"]["n"] == world.model.stats()["calls"] < ROWS

    response = world.penstock.post(f"/executions/{execution_id}/resume", {"budget": {"tokens": 100_000}})
    assert response.status_code == 202, response.text
    assert world.settled(execution_id)["counts"]["succeeded"] == ROWS
    assert max(world.asked().values()) == 1, "nothing was paid for twice"
    assert values(world.rows(evaluation_id), "exact") == RIGHT


def test_a_budget_that_ends_while_a_model_judges_costs_no_verdict(world: World) -> None:
    budget = {"tokens": 9000}
    execution_id, evaluation_id = world.begin(JUDGED, budget=budget, params={"maxTokens": 10}, concurrency=8)
    body = world.settled(execution_id)
    assert (body["status"], body["pauseReason"]["code"]) == ("paused", "budget_exhausted")
    paused = world.get(f"/evaluations/{evaluation_id}")["metrics"]["judged"]
    assert paused["errors"] == 0, "a verdict that was not asked for is none that went wrong"
    assert 0 < paused["n"] < ROWS

    response = world.penstock.post(f"/executions/{execution_id}/resume", {"budget": {"tokens": 1_000_000}})
    assert response.status_code == 202, response.text
    assert world.settled(execution_id)["counts"]["succeeded"] == ROWS
    assert max(world.asked().values()) == 1, "nothing was paid for twice"
    assert values(world.rows(evaluation_id), "judged") == RIGHT
