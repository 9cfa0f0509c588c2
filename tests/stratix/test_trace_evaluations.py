"""Judges on traces: created, waited for, listed, their results and what they cost."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from penstock.executions.model import Status
from penstock.server.stratix.statuses import QUEUED_WORK

from . import shapes
from .client import Client, Refused
from .conftest import Server


def unique() -> str:
    return f"name {uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def trace(client: Client) -> str:
    """A short trace."""
    return client.upload_traces("short.json", json.dumps({"input": "Hello?", "output": f"Good day. {unique()}"}))[0]


@pytest.fixture(scope="module")
def judge(client: Client) -> shapes.Judge:
    return client.create_judge(unique())


def test_a_trace_is_judged_and_its_result_read(client: Client, trace: str, judge: shapes.Judge) -> None:
    made = client.do(client.calls.judge_trace(trace, judge.id))
    assert (made.trace_id, made.judge_id) == (trace, judge.id)
    assert made.status in ("pending", "in_progress", "success")
    assert made.judge_snapshot is not None
    assert (made.judge_snapshot.name, made.judge_snapshot.version) == (judge.name, 1)
    assert (made.judge_snapshot.evaluationGoal, made.judge_snapshot.modelId) == (judge.evaluation_goal, judge.model_id)
    result = client.wait_for_verdict(made.id)
    assert result is not None
    assert (result.trace_evaluation_id, result.trace_id, result.judge_id) == (made.id, trace, judge.id)
    assert result.passed is (result.score >= 0.5)
    assert (result.turns, result.steps, result.model) == (1, [], "scripted/echo")
    assert result.prompt_tokens > 0
    done = client.do(client.calls.trace_evaluation(made.id))
    assert (done.status, done.status_description) == ("success", "")
    assert done.finished_at is not None
    assert done.started_at is not None
    assert done.created_at <= done.started_at <= done.finished_at
    assert client.do(client.calls.judge(judge.id)).run_count >= 1


def test_a_result_outlives_the_judge_and_keeps_the_version_that_gave_it(client: Client, trace: str) -> None:
    judge = client.create_judge(unique(), "Is it short?")
    made = client.do(client.calls.judge_trace(trace, judge.id))
    result = client.wait_for_verdict(made.id)
    client.do(client.calls.update_judge(judge.id, evaluation_goal="Is it long?"))
    client.do(client.calls.delete_judge(judge.id))
    assert client.do(client.calls.verdict(made.id)) == result
    snapshot = client.do(client.calls.trace_evaluation(made.id)).judge_snapshot
    assert snapshot is not None
    assert (snapshot.name, snapshot.version, snapshot.evaluationGoal) == (judge.name, 1, "Is it short?")


def test_a_judge_looks_into_a_long_trace_step_by_step(client: Client, judge: shapes.Judge) -> None:
    spans = [{"name": f"step {n}", "input": "x" * 4_000, "output": unique()} for n in range(20)]
    (trace_id,) = client.upload_traces("long.json", json.dumps({"name": "long", "children": spans}))
    made = client.do(client.calls.judge_trace(trace_id, judge.id))
    result = client.wait_for_verdict(made.id)
    assert result is not None
    assert result.turns > 1
    assert len(result.steps) == result.turns
    assert result.steps[-1].tool == "submit"
    raw = client.unwrapped(client.get(f"{client.p}/trace-evaluations/{made.id}/results"))["steps"]
    assert [shapes.EarlierStep.model_validate(one).step for one in raw] == list(range(1, result.turns + 1))


def test_one_without_a_verdict_fails_and_has_no_result(client: Client, trace: str, custom: str) -> None:
    # The loopback model says back what it was asked, which is on no menu.
    judge = client.create_judge(unique(), model_id=custom)
    made = client.do(client.calls.judge_trace(trace, judge.id))
    assert client.wait_for_verdict(made.id) is None
    done = client.do(client.calls.trace_evaluation(made.id))
    assert done.status == "failure"
    assert done.status_description
    with pytest.raises(Refused) as refused:
        client.do(client.calls.verdict(made.id))
    assert (refused.value.status, refused.value.code) == (404, "result_unknown")
    (listed,) = client.do(client.calls.traces(judge_id=judge.id)).traces
    assert listed.id == trace


def test_one_that_waits_has_no_result_yet_and_one_that_is_cancelled_has_failed(
    client: Client, server: Server, custom: str
) -> None:
    judge = client.create_judge(unique(), "Do you wait?", model_id=custom)
    (trace_id,) = client.upload_traces("waits.json", json.dumps({"input": unique(), "output": "wait"}))
    made = client.do(client.calls.judge_trace(trace_id, judge.id))
    give_up = time.monotonic() + 30
    while (found := client.do(client.calls.trace_evaluation(made.id))).status == "pending":
        assert time.monotonic() < give_up
    assert (found.status, found.finished_at) == ("in_progress", None)
    with pytest.raises(Refused) as refused:
        client.do(client.calls.verdict(made.id))
    assert (refused.value.status, "in_progress" in str(refused.value)) == (404, True)
    assert client.do(client.calls.traces(judge_id=judge.id)).traces[0].evaluations_count == 0
    execution_id = server.own.get(f"/trace-evaluations/{made.id}").json()["executionId"]
    server.own.post(f"/executions/{execution_id}/cancel").raise_for_status()
    assert client.wait_for_verdict(made.id) is None
    assert client.do(client.calls.trace_evaluation(made.id)).status_description.startswith("cancelled")


def test_a_list_is_filtered_and_counted_in_total(client: Client, server: Server) -> None:
    judge = client.create_judge(unique())
    ids = client.upload_traces("three.jsonl", "".join(json.dumps({"input": unique()}) + "\n" for _ in range(3)))
    made = [client.do(client.calls.judge_trace(one, judge.id)).id for one in ids]
    verdicts = [client.wait_for_verdict(one) for one in made]

    def listed(**query: Any) -> list[str]:
        found = client.do(client.calls.trace_evaluations(**{"judge_id": judge.id, **query}))
        assert found.count == len(found.trace_evaluations)
        return [one.id for one in found.trace_evaluations]

    assert listed() == listed(time_range="30d") == made[::-1]
    assert listed(sort_by="created_at", sort_order="asc") == made
    assert listed(trace_id=ids[1]) == [made[1]]
    passed = [one.trace_evaluation_id for one in verdicts if one is not None and one.passed]
    assert sorted(listed(outcome="pass")) == passed
    assert len(listed(outcome="pass")) + len(listed(outcome="fail")) == 3
    assert listed(search=judge.name) == made[::-1]
    assert listed(search=unique()) == []
    assert listed(page=2, page_size=2) == [made[0]]
    found = client.do(client.calls.trace_evaluations(judge_id=judge.id, page_size=1))
    assert (found.count, found.total) == (1, 3)
    # Twenty at a time unless asked otherwise, and never more than a hundred.
    own = [{"traces": ids, "judges": [judge.id], "wait": 30} for _ in range(7)]
    for one in own:
        server.own.post("/trace-evaluations", json=one).raise_for_status()
    assert len(client.unwrapped(client.get(f"{client.p}/trace-evaluations"))["trace_evaluations"]) == 20
    (last,) = [one for one in client.do(client.calls.traces(judge_id=judge.id)).traces if one.id == ids[0]]
    assert (last.evaluations_count, len(last.last_evaluations)) == (8, 5)
    assert last.last_evaluations[0].judge_id == judge.id
    for wrong in ({"outcome": "maybe"}, {"sort_by": "colour"}, {"page_size": "many"}):
        with pytest.raises(Refused) as refused:
            listed(**wrong)
        assert (refused.value.status, refused.value.fields) == (400, list(wrong))


def test_what_it_would_take_is_told_in_dollars(client: Client, server: Server, trace: str, judge: shapes.Judge) -> None:
    runs = client.do(client.calls.judge(judge.id)).run_count
    free = client.do(client.calls.estimate([trace], judge.id))
    assert (free.trace_count, free.model, free.estimated_cost) == (1, "scripted/echo", 0.0)
    assert min(free.input_tokens, free.output_tokens) > 0
    model = {"name": "dear", "provider": "openai", "modelName": "gpt-4o-mini", "apiKey": "sk-nobody"}
    priced = server.own.post("/models", json=model).raise_for_status().json()["id"]
    dear = client.create_judge(unique(), model_id=priced)
    found = client.do(client.calls.estimate([trace, trace], dear.id))
    assert (0 < found.estimated_cost < 1, found.model, found.trace_count) == (True, "dear", 1)
    assert client.do(client.calls.judge(judge.id)).run_count == runs
    with pytest.raises(Refused) as refused:
        client.do(client.calls.estimate([trace, "f" * 24], judge.id))
    assert (refused.value.status, "trace" in str(refused.value)) == (404, True)


def test_a_ready_made_judge_judges_by_its_name(client: Client, trace: str) -> None:
    made = client.do(client.calls.judge_trace(trace, "helpfulness"))
    result = client.wait_for_verdict(made.id)
    assert result is not None
    assert result.judge_id == made.judge_id == client.do(client.calls.judge("helpfulness")).id
    assert made.id in [
        one.id for one in client.do(client.calls.trace_evaluations(judge_id=made.judge_id)).trace_evaluations
    ]


def test_what_is_not_there_or_another_tenants_is_404(
    client: Client, other: Client, trace: str, judge: shapes.Judge
) -> None:
    made = client.do(client.calls.judge_trace(trace, judge.id))
    for call in (
        client.calls.judge_trace("f" * 24, judge.id),
        client.calls.judge_trace(trace, "f" * 24),
        client.calls.trace_evaluation("f" * 24),
    ):
        with pytest.raises(Refused) as refused:
            client.do(call)
        assert refused.value.status == 404
    for theirs in (other.calls.trace_evaluation(made.id), other.calls.verdict(made.id)):
        with pytest.raises(Refused) as refused:
            other.do(theirs)
        assert (refused.value.status, refused.value.code) == (404, "trace_evaluation_unknown")
    assert other.do(other.calls.trace_evaluations()).total == 0


def test_every_status_has_its_word() -> None:
    assert set(QUEUED_WORK) == set(Status)
    assert set(QUEUED_WORK.values()) == {"pending", "in_progress", "success", "failure"}
