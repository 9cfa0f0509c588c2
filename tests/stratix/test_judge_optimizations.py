"""Judge optimizations: estimated, started, followed, listed and applied.

People pass answers that are kind. The judge's model passes every answer until its goal has the rule, and the model that
proposes goals knows the rule at once.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.testing.model_server import ModelServer

from . import shapes
from .client import PATIENCE_SECONDS, Client, Refused
from .conftest import Server
from .test_stream import events

RULE = "Only what is kind passes."
GOAL = "Is the answer fine?"


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    def says(answer: str, **rule: Any) -> dict[str, Any]:
        return {**rule, "model": "judging", "json": {"reasoning": f"It says {answer}.", "answer": answer}}

    rules = [
        {"model": "reflecting", "text": f"```\n{GOAL} {RULE}\n```"},
        {"model": "judging", "contains": "Never ends", "behaviour": "hang"},
        says("no", regex=rf"{RULE}[\s\S]*rude"),
        says("yes"),
    ]
    with ModelServer.start(rules=rules) as made:
        yield made


@pytest.fixture(scope="module")
def model(client: Client, server: Server, models: ModelServer) -> Iterator[str]:
    """The id of the judging model; the other one proposes in this project."""
    ids = [
        client.create_model(name=key, key=key, description="", api_url=f"{models.url}/v1", api_key="none").model_id
        for key in ("judging", "reflecting")
    ]
    server.own.put("/project/settings", json={"defaultReflectionModel": "reflecting"}).raise_for_status()
    yield ids[0]
    server.own.put("/project/settings", json={}).raise_for_status()


def labelled(client: Client, server: Server, judge_id: str, count: int) -> None:
    """So many traces with a label each, every other one kind."""
    words = ["kind" if number % 2 else "rude" for number in range(count)]
    lines = [json.dumps({"input": uuid.uuid4().hex, "output": f"A {word} answer."}) for word in words]
    for trace, word in zip(client.upload_traces("labelled.jsonl", "\n".join(lines)), words, strict=True):
        label = {"label": "pass" if word == "kind" else "fail", "judge": judge_id, "rationale": f"It is {word}."}
        server.own.post(f"/traces/{trace}/annotations", json=label).raise_for_status()


def wait(client: Client, optimization_id: str) -> shapes.Optimization:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not (found := client.do(client.calls.optimization(optimization_id))).finished:
        assert time.monotonic() < give_up, found
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def judge(client: Client, server: Server, model: str) -> shapes.Judge:
    made = client.create_judge(f"kind {uuid.uuid4().hex}", GOAL, model_id=model)
    labelled(client, server, made.id, 20)
    return made


@pytest.fixture(scope="module")
def done(client: Client, judge: shapes.Judge) -> shapes.Optimization:
    """A finished one."""
    return wait(client, client.do(client.calls.optimize(judge.id, "low")).id)


def test_it_is_estimated_for_each_budget_by_new_names_and_old(client: Client, judge: shapes.Judge) -> None:
    before = client.do(client.calls.optimizations(judge_id=judge.id)).total
    found = {
        name: client.do(client.calls.estimate_optimization(judge.id, name))
        for name in ("light", "low", "medium", "heavy", "high")
    }
    assert [one.budget for one in found.values()] == ["light", "light", "medium", "heavy", "heavy"]
    assert {one.annotation_count for one in found.values()} == {20}
    assert client.do(client.calls.optimizations(judge_id=judge.id)).total == before
    with pytest.raises(Refused) as refused:
        client.do(client.calls.estimate_optimization(judge.id, "boundless"))
    assert (refused.value.status, refused.value.fields) == (400, ["budget"])


def test_it_finds_the_better_goal_and_says_how_much_better(
    client: Client, judge: shapes.Judge, done: shapes.Optimization
) -> None:
    assert (done.status, done.judge_id, done.budget, done.annotation_count) == ("success", judge.id, "light", 20)
    assert (done.original_goal, done.optimized_goal) == (GOAL, f"{GOAL} {RULE}")
    assert (done.baseline_accuracy, done.optimized_accuracy) == (0.5, 1.0)
    assert done.judge_snapshot is not None
    assert (done.judge_snapshot.name, done.judge_snapshot.version) == (judge.name, 1)
    assert done.judge_snapshot.modelId == judge.model_id
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at
    assert (done.applied_at, done.applied_version) == (None, None)
    assert done.logs
    assert done.status_description


def test_it_is_listed_with_a_total(client: Client, judge: shapes.Judge, done: shapes.Optimization) -> None:
    found = client.do(client.calls.optimizations(judge_id=judge.id))
    assert (found.count, found.total) == (1, 1)
    assert found.optimization_runs[0] == done
    assert client.do(client.calls.optimizations(page_size=1)).count == 1
    assert client.do(client.calls.optimizations(judge_id="f" * 24)).total == 0


def test_its_stream_tells_of_each_goal_that_was_tried(client: Client, done: shapes.Optimization) -> None:
    for path in ("", client.p):
        told = list(events(client, f"{path}/judge-optimizations/{done.id}"))
        assert {one.kind for one in told} - {"progress"} == {"status", "row_complete", "final"}
        rows = [one.body for one in told if one.kind == "row_complete"]
        assert [one["row"] for one in rows] == list(range(len(rows)))
        assert [one["status"] for one in rows[:2]] == ["seed", "accepted"]
        assert shapes.Optimization.model_validate(told[-1].body) == client.do(client.calls.optimization(done.id))
    for path, status in ((f"/judge-optimizations/{'0' * 24}/stream", 404),):
        with pytest.raises(Refused) as refused:
            client.send("GET", path)
        assert refused.value.status == status


def test_applying_makes_a_version_of_the_judge_once(
    client: Client, server: Server, model: str, done: shapes.Optimization
) -> None:
    made = client.create_judge(f"applied {uuid.uuid4().hex}", GOAL, model_id=model)
    labelled(client, server, made.id, 12)
    found = wait(client, client.do(client.calls.optimize(made.id)).id)
    assert found.budget == "medium"
    applied = client.do(client.calls.apply(found.id))
    assert (applied.judge_id, applied.new_version) == (made.id, 2)
    assert applied.message
    now = client.do(client.calls.judge(made.id))
    assert (now.version, now.evaluation_goal) == (2, f"{GOAL} {RULE}")
    again = client.do(client.calls.apply(found.id))
    assert again.new_version == 2
    after = client.do(client.calls.optimization(found.id))
    assert after.applied_version == 2
    assert after.applied_at is not None


def test_too_few_annotations_are_counted_in_the_refusal(client: Client, server: Server, model: str) -> None:
    made = client.create_judge(f"few {uuid.uuid4().hex}", GOAL, model_id=model)
    labelled(client, server, made.id, 9)
    for call in (client.calls.optimize(made.id), client.calls.estimate_optimization(made.id)):
        with pytest.raises(Refused) as refused:
            client.do(call)
        assert (refused.value.status, refused.value.code) == (400, "too_few_annotations")
        assert "9" in str(refused.value)
        assert "10" in str(refused.value)


def test_one_that_is_cancelled_has_failed_and_is_not_applied(client: Client, server: Server, model: str) -> None:
    made = client.create_judge(f"slow {uuid.uuid4().hex}", "Never ends.", model_id=model)
    labelled(client, server, made.id, 10)
    started = client.do(client.calls.optimize(made.id))
    assert (started.judge_id, started.budget) == (made.id, "medium")
    assert started.status in ("pending", "in_progress")
    with pytest.raises(Refused) as refused:
        client.do(client.calls.apply(started.id))
    assert (refused.value.status, refused.value.code) == (409, "optimization_not_completed")
    server.own.post(f"/executions/exec_{started.id}/cancel").raise_for_status()
    ended = wait(client, started.id)
    assert ended.status == "failure"
    assert ended.status_description is not None
    assert ended.status_description.startswith("cancelled")
    assert (ended.baseline_accuracy, ended.optimized_goal) == (None, None)


def test_another_tenants_is_not_there(
    client: Client, other: Client, judge: shapes.Judge, done: shapes.Optimization
) -> None:
    for call in (
        other.calls.optimization(done.id),
        other.calls.apply(done.id),
        other.calls.optimize(judge.id),
        client.calls.optimization("f" * 24),
        client.calls.optimize("f" * 24),
    ):
        with pytest.raises(Refused) as refused:
            (other if call.path.startswith(other.p) else client).do(call)
        assert refused.value.status == 404
    assert other.do(other.calls.optimizations()).total == 0
