"""Optimizations that are killed in every iteration, paused and cancelled: they go on as if nothing had been.

The judge answers as people label once its instruction has the rule. What the reflecting model proposes depends on the
prompt alone: mostly nonsense, and the rule when a certain case is among the examples.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess

CASES, BUDGET, CONCURRENCY, KILLS = 60, 150, 4, 4
LATE = KILLS + 2
"""In which iteration the rule is proposed, or soon after."""
RULE = "Only cases that speak of a refund are handled well."
YES, NO = ({"reasoning": "because", "answer": answer} for answer in ("yes", "no"))
SCRIPT = [
    {"model": "judge", "regex": rf"(?s){RULE}.*refund of", "json": YES},
    {"model": "judge", "contains": RULE, "json": NO},
    {"model": "judge", "json": YES},
    *({"model": "mirror", "contains": f"case {n};", "text": f"```\nLook at it as on day {n}.\n```"} for n in range(60)),
]


@dataclass(frozen=True)
class World:
    """Penstock with a judge `kind`, labelled traces, and the server of the judging and the reflecting model."""

    penstock: PenstockProcess
    model: ModelServer

    def begin(self) -> str:
        body = {"judge": "kind", "budget": BUDGET, "reflectionModel": "mirror", "concurrency": CONCURRENCY}
        response = self.penstock.post("/optimizations", body)
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def get(self, path: str) -> Any:
        response = self.penstock.client.get(path)
        assert response.status_code == 200, response.text
        return response.json()

    def asked(self) -> Counter[tuple[str, str]]:
        """How often each model was asked each thing."""
        return Counter((call["model"], call["prompt"]) for call in self.model.calls())

    def reflections(self) -> int:
        return sum(model == "mirror" for model, _ in self.asked())

    def recorded(self, optimization: str) -> int:
        """Metric calls and reflections in the store, read behind Penstock's back."""
        with sqlite3.connect(self.penstock.data_dir / "penstock.db") as store:
            (found,) = store.execute(
                "select count(*) from steps where status = 'succeeded'"
                " and execution_no = (select no from executions where id = ?)",
                (optimization,),
            ).fetchone()
        store.close()
        return int(found)

    def undisturbed(self) -> tuple[dict[str, Any], Counter[tuple[str, str]], list[Any]]:
        """The report of one that nothing happens to, what it asked, and what it tried."""
        optimization = self.begin()
        assert self.penstock.wait(optimization)["status"] == "completed"
        report = self.get(f"/optimizations/{optimization}")["report"]
        return report, self.asked(), self.get(f"/optimizations/{optimization}/candidates")["data"]


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("optimizations")
    with ModelServer.start() as model, PenstockProcess(folder / "data") as penstock:
        for name in ("judge", "mirror"):
            saved = {"name": name, "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k", "modelName": name}
            penstock.post("/models", saved).raise_for_status()
        goal = {"name": "kind", "evaluationGoal": "Is the case handled well?", "model": "judge"}
        penstock.post("/judges", goal).raise_for_status()
        lines = [json.dumps({"input": f"case {n};", "output": said(n)}) for n in range(CASES)]
        sent = penstock.client.post("/traces", content="\n".join(lines), params={"filename": "cases.jsonl"})
        assert sent.status_code == 201, sent.text
        for n, trace in enumerate(sent.json()["ids"]):
            body = {"judge": "kind", "label": "pass" if refund(n) else "fail", "author": "ana"}
            penstock.post(f"/traces/{trace}/annotations", body).raise_for_status()
        yield World(penstock, model)


@pytest.fixture(scope="module")
def _script(_world: World) -> list[dict[str, Any]]:
    """Which traces are learnt from, and in which order, their ids decide; so first it is seen what is asked when."""
    _world.model.script(SCRIPT)
    _world.model.reset()
    _world.undisturbed()
    prompts = [call["prompt"] for call in _world.model.calls() if call["model"] == "mirror"]
    early = {n for n in range(CASES) if any(f"case {n};" in prompt for prompt in prompts[: LATE - 1])}
    rule = "|".join(str(n) for n in range(CASES) if n not in early)
    return [{"model": "mirror", "regex": rf"case ({rule});", "text": f"```\n{RULE}\n```"}, *SCRIPT]


@pytest.fixture
def world(_world: World, _script: list[dict[str, Any]]) -> World:
    _world.model.script(_script, delay_ms=10)
    _world.model.reset()
    return _world


def refund(number: int) -> bool:
    return number % 3 != 0


def said(number: int) -> str:
    return f"A refund of {number} is on its way." if refund(number) else f"Wait until {number}."


def test_killed_in_every_iteration_it_asks_what_it_would_have_asked_and_nothing_twice(world: World) -> None:
    report, asked, tried = world.undisturbed()
    assert (report["outcome"], max(asked.values())) == ("better", 1)
    assert report["reflectionCalls"] > KILLS
    assert sum(model == "judge" for model, _ in asked) == report["metricCalls"] <= BUDGET

    world.model.reset()
    optimization = world.begin()
    kills = 0
    for iteration in range(1, KILLS + 1):
        while world.reflections() < iteration and world.get(f"/executions/{optimization}")["status"] == "running":
            time.sleep(0.005)
        before = world.recorded(optimization)
        world.penstock.kill()
        kills += 1
        assert world.recorded(optimization) >= before
        world.penstock.start()
    assert world.penstock.wait(optimization)["status"] == "completed"
    again = world.asked()
    assert set(again) == set(asked), "the same questions, in the end"
    assert again.total() - len(again) <= kills * CONCURRENCY, "only what was in flight may be asked again"
    found = world.get(f"/optimizations/{optimization}")
    assert found["report"] == report
    assert world.get(f"/optimizations/{optimization}/candidates")["data"] == tried
    assert world.recorded(optimization) == len(asked), "each is recorded once"


def test_each_candidate_is_told_of_once_though_it_was_killed(world: World) -> None:
    optimization = world.begin()
    while world.reflections() < 2:
        time.sleep(0.005)
    world.penstock.kill()
    world.penstock.start()
    world.penstock.wait(optimization)
    stream = world.penstock.client.get(f"/executions/{optimization}/events").text
    told = [json.loads(lines.split("data: ")[1]) for lines in stream.split("\n\n") if "event: candidate" in lines]
    tried = world.get(f"/optimizations/{optimization}/candidates")["data"]
    assert [one["number"] for one in told] == [one["number"] for one in tried] == list(range(len(tried)))
    assert [(one["status"], one["frontier"]) for one in told] == [(one["status"], one["frontier"]) for one in tried]


def test_paused_and_resumed_it_pays_for_nothing_twice(world: World) -> None:
    report, asked, _ = world.undisturbed()
    world.model.reset()
    optimization = world.begin()
    while world.reflections() < 1:
        time.sleep(0.005)
    world.penstock.post(f"/executions/{optimization}/pause", {}).raise_for_status()
    give_up = time.monotonic() + 20
    while world.get(f"/executions/{optimization}")["status"] != "paused" and time.monotonic() < give_up:
        time.sleep(0.01)
    assert len(world.asked()) < len(asked)
    world.penstock.post(f"/executions/{optimization}/resume", {}).raise_for_status()
    world.penstock.wait(optimization)
    assert world.asked() == asked
    assert world.get(f"/optimizations/{optimization}")["report"] == report


def test_a_budget_in_tokens_pauses_it_and_a_larger_one_lets_it_go_on(world: World) -> None:
    body = {"judge": "kind", "budget": BUDGET, "reflectionModel": "mirror", "limits": {"tokens": 12_000}}
    optimization = str(world.penstock.post("/optimizations", body).json()["id"])
    give_up = time.monotonic() + 30
    while (at := world.get(f"/executions/{optimization}"))["status"] != "paused" and time.monotonic() < give_up:
        time.sleep(0.02)
    assert at["pauseReason"]["code"] == "budget_exhausted"
    resumed = world.penstock.post(f"/executions/{optimization}/resume", {"budget": {"tokens": 10_000_000}})
    assert resumed.status_code == 202, resumed.text
    assert world.penstock.wait(optimization)["status"] == "completed"
    assert max(world.asked().values()) == 1
