"""Real questions and real answers of four models, from a file to the comparison, killed in the middle or not.

The recorded answers are served by a scripted model server, one model name each. What must come out was counted from the
file itself, by those who published it.
"""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import pytest

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "gsm8k"
RIGHT = {"6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742}
ROWS = 1319
CONCURRENCY = 50
SUITE = "gsm8k"
KILLS = 3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason=f"the recorded answers are not in {DATA}"),
]


@dataclass(frozen=True)
class World:
    """A Penstock that knows the four models, the server that plays them, and what is known about their answers."""

    penstock: PenstockProcess
    model: ModelServer
    recorded: list[dict[str, Any]]
    prompts: dict[str, int]
    """The row that each prompt is about."""

    def begin(self, model: str) -> tuple[str, str]:
        """(execution, evaluation) of a model on the benchmark, with what the benchmark says about prompt and scorer."""
        response = self.penstock.post("/evaluations", {"benchmark": SUITE, "model": model, "concurrency": CONCURRENCY})
        assert response.status_code == 202, response.text
        body = response.json()
        return body["executionId"], body["evaluationId"]

    def right(self, evaluation_id: str) -> list[bool]:
        """Whether each row was found right, in the order of the benchmark."""
        headers = {"accept": "application/x-ndjson"}
        response = self.penstock.client.get(f"/evaluations/{evaluation_id}/results", headers=headers)
        assert response.status_code == 200, response.text
        return [json.loads(line)["scores"]["numeric"]["value"] == 1 for line in response.text.splitlines()]

    def asked(self) -> Counter[int]:
        """How often the model server was asked about each row."""
        return Counter(self.prompts[call["prompt"]] for call in self.model.calls())

    def kept(self, execution_id: str) -> list[int]:
        """The rows whose answer is in the store, read behind Penstock's back."""
        with sqlite3.connect(self.penstock.data_dir / "penstock.db") as store:
            rows = store.execute(
                "select path from steps where node = 'generate' and status = 'succeeded'"
                " and execution_no = (select no from executions where id = ?)",
                (execution_id,),
            ).fetchall()
        store.close()
        return [int(path) for (path,) in rows]

    def get(self, path: str, **query: str) -> Any:
        response = self.penstock.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (DATA / "example_model_solutions.jsonl").open() as lines:
        recorded = [json.loads(line) for line in lines]
    folder = tmp_path_factory.mktemp("gsm8k")
    # Killed so often in so short a time, an innocent item may be under way each time.
    environment = {"PENSTOCK_MAX_ITEM_CRASHES": "1000"}
    with (
        ModelServer.start(delay_ms=5) as model,
        PenstockProcess(folder / "data", environment=environment) as penstock,
    ):
        prompt = import_benchmark(penstock)
        prompts = [prompt.replace("{{ input }}", row["question"]) for row in recorded]
        rules: list[dict[str, Any]] = []
        for name in RIGHT:
            saved = {"name": name, "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k", "modelName": name}
            penstock.post("/models", saved).raise_for_status()
            solutions = [row[name]["solution"] for row in recorded]
            rules.append({"model": name, "answers": dict(zip(prompts, solutions, strict=True))})
        model.script(rules)
        yield World(penstock, model, recorded, {prompt: number for number, prompt in enumerate(prompts)})


def import_benchmark(penstock: PenstockProcess) -> str:
    """The questions as they were published, through the adapter for them; what a model is asked about each."""
    response = penstock.client.post(
        "/benchmarks",
        params={"key": SUITE, "adapter": "gsm8k"},
        content=(DATA / "test.jsonl").read_bytes(),
        headers={"content-type": "application/x-ndjson"},
    )
    assert response.status_code == 201, response.text
    benchmark = penstock.client.get(f"/benchmarks/{SUITE}").json()
    assert benchmark["latest"]["rowCount"] == ROWS
    return str(benchmark["prompt"])


@pytest.fixture(scope="module")
def evaluations(world: World) -> dict[str, str]:
    """The finished evaluation of each model; all four have run at the same time."""
    begun = {name: world.begin(name) for name in RIGHT}
    for execution_id, _ in begun.values():
        assert world.penstock.wait(execution_id)["status"] == "completed"
    return {name: evaluation_id for name, (_, evaluation_id) in begun.items()}


@pytest.mark.parametrize("name", RIGHT)
def test_every_recorded_answer_is_judged_as_those_who_recorded_it_did(
    world: World, evaluations: dict[str, str], name: str
) -> None:
    assert world.right(evaluations[name]) == [row[name]["is_correct"] for row in world.recorded]
    scores = world.get(f"/evaluations/{evaluations[name]}")["metrics"]["numeric"]
    assert (scores["n"], scores["expected"], scores["coverage"]) == (ROWS, ROWS, 1.0)
    assert scores["mean"] == pytest.approx(RIGHT[name] / ROWS, abs=1e-12)
    assert scores["low"] < scores["mean"] < scores["high"]


@pytest.mark.parametrize("size", ["6b", "175b"])
def test_the_paired_comparison_is_the_exact_mcnemar_test(world: World, evaluations: dict[str, str], size: str) -> None:
    first, second = f"{size}_finetuning", f"{size}_verification"
    lost = sum(row[first]["is_correct"] and not row[second]["is_correct"] for row in world.recorded)
    won = sum(row[second]["is_correct"] and not row[first]["is_correct"] for row in world.recorded)
    both = f"{evaluations[first]},{evaluations[second]}"
    found = world.get("/comparisons", evaluations=both)["pairs"][0]["whole"]
    assert (found["n"], found["losses"], found["wins"]) == (ROWS, lost, won)
    assert found["test"] == "mcnemar_exact"
    assert found["pValue"] == pytest.approx(mcnemar(lost, won), rel=1e-9)
    assert found["difference"] == pytest.approx((RIGHT[second] - RIGHT[first]) / ROWS, abs=1e-12)
    assert 0 < found["low"] < found["difference"] < found["high"]
    assert found["decision"] == "better"


@pytest.mark.parametrize("seed", [1])
def test_killed_in_the_middle_no_kept_answer_is_asked_for_again_and_no_number_changes(world: World, seed: int) -> None:
    draw = random.Random(seed)
    name = draw.choice(list(RIGHT))
    world.model.reset()
    execution_id, evaluation_id = world.begin(name)
    known: dict[int, int] = {}
    for part in range(KILLS):
        wait_for_calls(world.model, ROWS * part // KILLS + draw.randint(CONCURRENCY, ROWS // KILLS - CONCURRENCY))
        world.penstock.kill()
        kept, asked = world.kept(execution_id), world.asked()
        assert len(known) < len(kept) < ROWS, "the kill must fall into the run"
        assert {row: asked[row] for row in known} == known
        known = {row: asked[row] for row in kept}
        world.penstock.start()
    assert world.penstock.wait(execution_id)["counts"]["succeeded"] == ROWS
    asked = world.asked()
    assert {row: asked[row] for row in known} == known
    assert sorted(asked) == list(range(ROWS))
    assert asked.total() - ROWS <= KILLS * CONCURRENCY, "only what was in flight may be asked for again"
    assert world.right(evaluation_id) == [row[name]["is_correct"] for row in world.recorded]


def wait_for_calls(model: ModelServer, wanted: int) -> None:
    while model.stats()["calls"] < wanted:
        time.sleep(0.005)


def mcnemar(b: int, c: int) -> float:
    """The exact two-sided p-value: under the null hypothesis each discordant pair falls either way as a coin does."""
    n = b + c
    tail = sum(comb(n, k) for k in range(min(b, c) + 1))
    return min(1.0, 2 * tail / 2**n)
