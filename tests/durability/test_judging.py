"""Judges in a process that is killed: between the turns over a long trace, and in the middle of many on many.

The model is played by one scripted server in a process of its own, whose log says what was asked.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess
from penstock.testing.receiver import WebhookReceiver

TRACES = 60
CONCURRENCY = 10
JUDGES = ("kind", "brief")
TURNS = 5


@dataclass(frozen=True)
class World:
    """Penstock with two judges, and the server of their model."""

    penstock: PenstockProcess
    model: ModelServer

    def send(self, *traces: dict[str, Any]) -> list[str]:
        """The ids of these traces."""
        lines = "\n".join(map(json.dumps, traces))
        response = self.penstock.client.post("/traces", content=lines, params={"filename": "traces.jsonl"})
        assert response.status_code in (200, 201), response.text
        ids: list[str] = response.json()["ids"]
        return ids

    def begin(self, path: str, **body: Any) -> str:
        """Start it; the execution's id."""
        response = self.penstock.post(path, body)
        assert response.status_code == 202, response.text
        return str(response.json()["executionId"])

    def get(self, path: str, **query: str) -> Any:
        response = self.penstock.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def verdicts(self, execution_id: str) -> list[dict[str, Any]]:
        """Every verdict of an execution, in its order."""
        listed = self.get("/trace-evaluations", execution=execution_id, limit="200")["data"]
        return sorted(listed, key=lambda one: str(one["id"]))

    def kept(self, execution_id: str) -> set[int]:
        """Of which items there is an answer in the store, read behind Penstock's back; for one item, which turns."""
        with sqlite3.connect(self.penstock.data_dir / "penstock.db") as store:
            sql = "select path, round from steps where status = 'succeeded' and execution_no = "
            found = store.execute(sql + "(select no from executions where id = ?)", (execution_id,)).fetchall()
        store.close()
        return {int(path) + int(turn) for path, turn in found}

    def wait_for_calls(self, wanted: int) -> None:
        give_up = time.monotonic() + 60
        while self.model.stats()["calls"] < wanted and time.monotonic() < give_up:
            time.sleep(0.005)

    def asked(self) -> Counter[int]:
        """How often each item was asked for: the judges of the first trace, those of the second, and so on."""
        found = (re.search(r"Is it (\w+)\?[\s\S]*row (\d+);", call["prompt"]) for call in self.model.calls())
        return Counter(int(one[2]) * len(JUDGES) + JUDGES.index(one[1]) for one in found if one)


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("judging")
    # Killed so often in so short a time, an innocent item may be under way each time.
    environment = {"PENSTOCK_MAX_ITEM_CRASHES": "1000"}
    with ModelServer.start() as model, PenstockProcess(folder / "data", environment=environment) as penstock:
        saved = {"name": "m", "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k", "modelName": "m"}
        penstock.post("/models", saved).raise_for_status()
        for name in JUDGES:
            judge = {"name": name, "evaluationGoal": f"Is it {name}?", "model": "m", "turns": TURNS}
            penstock.post("/judges", judge).raise_for_status()
        yield World(penstock, model)


@pytest.fixture
def world(_world: World) -> World:
    _world.model.reset()
    return _world


def says(answer: str, **rule: Any) -> dict[str, Any]:
    return {**rule, "json": {"reasoning": f"It is {answer}.", "answer": answer}}


SCRIPT = [says("no", regex=r"row \d*[147];"), says("yes")]


def shown(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["traceId"], one["judge"]["name"], one["status"], one["score"], one["reasoning"]


def test_killed_in_the_middle_of_many_on_many_no_verdict_is_asked_for_again(world: World) -> None:
    world.model.script(SCRIPT, delay_ms=20)
    traces = world.send(*({"input": "asked", "output": f"row {n};"} for n in range(TRACES)))
    body = {"judges": list(JUDGES), "traces": traces, "concurrency": CONCURRENCY}
    execution = world.begin("/trace-evaluations", **body)
    items, kills = len(traces) * len(JUDGES), 3
    known: dict[int, int] = {}
    for part in range(1, kills + 1):
        world.wait_for_calls(part * items // (kills + 1))
        world.penstock.kill()
        kept, asked = world.kept(execution), world.asked()
        assert 0 < len(kept) < items, "the kill must fall into the judging"
        assert {item: asked[item] for item in known} == known
        known = {item: asked[item] for item in kept}
        world.penstock.start()
    assert world.penstock.wait(execution)["counts"]["succeeded"] == items
    asked = world.asked()
    assert {item: asked[item] for item in known} == known
    assert asked.total() - items <= kills * CONCURRENCY, "only what was in flight may be asked for again"
    undisturbed = world.begin("/trace-evaluations", **body)
    world.penstock.wait(undisturbed)
    assert [shown(one) for one in world.verdicts(execution)] == [shown(one) for one in world.verdicts(undisturbed)]
    one, other = (world.get("/trace-evaluations/summary", execution=each) for each in (execution, undisturbed))
    assert one == other


def test_killed_between_the_turns_of_a_judge_no_turn_is_asked_again(world: World) -> None:
    # Each thousand characters of the trace say which they are, and so does what the judge was shown last.
    (trace,) = world.send({"output": "".join(f"part {n:03};".ljust(1_000, ".") for n in range(100))})
    looks = [{"tool": "read_span", "args": {"span": "1", "offset": 20_000 * n}} for n in range(TURNS - 1)]
    seen = ["The trace is too long", *(f"part {20 * n + 5:03};" for n in range(TURNS - 2))]
    rules = [{"contains": text, "json": look} for text, look in zip(seen, looks, strict=True)]
    world.model.script([says("yes", contains="This is your last turn"), *rules, {"status": 400}], delay_ms=200)
    execution = world.begin("/trace-evaluations", judges=["kind"], traces=[trace])
    for answered in range(1, TURNS):
        give_up = time.monotonic() + 60
        while len(world.kept(execution)) < answered and time.monotonic() < give_up:
            time.sleep(0.005)
        world.penstock.kill()
        assert len(world.kept(execution)) == answered
        world.penstock.start()
    assert world.penstock.wait(execution)["status"] == "completed"
    (verdict,) = world.verdicts(execution)
    whole = world.get(f"/trace-evaluations/{verdict['id']}")
    assert (whole["status"], whole["verdict"]["turns"], whole["reasoning"]) == ("scored", TURNS, "It is yes.")
    steps = whole["verdict"]["steps"]
    assert [(step["tool"], step["args"]) for step in steps[:-1]] == [(look["tool"], look["args"]) for look in looks]
    # A turn that was in flight at a kill may be asked again, one that was answered never.
    calls = Counter(call["prompt"] for call in world.model.calls())
    assert len(calls) == TURNS
    assert [count for prompt, count in calls.items() if seen[0] in prompt] == [1]
    assert max(calls.values()) <= 2
    assert world.get(f"/executions/{execution}")["usage"]["modelCalls"] == TURNS


def test_killed_before_its_end_a_threshold_is_told_of_once(tmp_path: Path) -> None:
    allowed = {"PENSTOCK_ALLOWED_NETWORKS": "127.0.0.0/8"}
    crash = {**allowed, "PENSTOCK_CRASH_AT": "end.in_transaction"}
    with ModelServer.start(rules=[says("no")]) as model, WebhookReceiver() as receiver:
        with PenstockProcess(tmp_path / "data", environment=crash) as doomed:
            world = World(doomed, model)
            endpoint = {"url": receiver.url, "events": ["trace_evaluation.threshold"]}
            doomed.post("/webhooks/endpoints", endpoint).raise_for_status()
            saved = {"name": "m", "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k", "modelName": "m"}
            doomed.post("/models", saved).raise_for_status()
            doomed.post("/judges", {"name": "kind", "evaluationGoal": "Kind?", "model": "m"}).raise_for_status()
            traces = world.send({"output": "a"}, {"output": "b"})
            thresholds = [{"passRate": 0.5}]
            execution = world.begin("/trace-evaluations", judges=["kind"], traces=traces, thresholds=thresholds)
            with contextlib.suppress(httpx2.TransportError):
                while doomed.client.get("/healthz"):
                    time.sleep(0.01)
        with PenstockProcess(tmp_path / "data", environment=allowed) as penstock:
            assert penstock.wait(execution)["status"] == "completed"
            receiver.wait_for(1)
            kept = penstock.client.get("/webhooks/deliveries", params={"execution": execution}).json()["data"]
        told = [json.loads(one.body) for one in receiver.received()]
    assert len(kept) == 1
    assert [one["type"] for one in told] == ["trace_evaluation.threshold"]
    assert (told[0]["data"]["executionId"], told[0]["data"]["passRate"]["mean"]) == (execution, 0)
    assert told[0]["data"]["scored"] == 2
