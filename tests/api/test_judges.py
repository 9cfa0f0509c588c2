"""Judges, what they say of traces, and of pairs: over HTTP, by both SDKs and the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock import AsyncPenstock, BadRequestError, ConflictError, NotFoundError, Penstock
from penstock.testing.model_server import ModelServer

from .conftest import ADMIN_KEY, Api

GOOD_FIRST = {
    "regex": r"<first-\w+>(?:(?!</first)[\s\S])*good",
    "json": {"reasoning": "It is good.", "answer": "first"},
}


@pytest.fixture(scope="module")
def models() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


@pytest.fixture
def model(api: Api, models: ModelServer) -> str:
    """A model of our own: what contains "good" passes, and is better."""
    name = f"model-{uuid.uuid4().hex[:12]}"
    saved = {"name": name, "provider": "openai", "baseUrl": f"{models.url}/v1", "apiKey": "k", "modelName": "judge"}
    assert api.post("/models", json=saved).status_code == 201
    which = {"contains": "Two answers are shown"}
    yes, no = ({"json": {"reasoning": f"It is {word}.", "answer": word}} for word in ("yes", "no"))
    second = {**which, "json": {"reasoning": "It is good.", "answer": "second"}}
    models.script([GOOD_FIRST, second, {"contains": "good", **yes}, no])
    models.reset()
    return name


@pytest.fixture
def judge(api: Api, model: str) -> str:
    name = f"judge-{uuid.uuid4().hex[:12]}"
    made = api.post("/judges", json={"name": name, "evaluationGoal": "Is it kind?", "model": model})
    assert made.status_code == 201, made.text
    return name


@pytest.fixture
def traces(api: Api) -> list[str]:
    """Two that say "good", two that say "bad"."""
    return [sent(api, output) for output in ("good", "good", "bad", "bad")]


def sent(api: Api, output: str) -> str:
    answer = api.post("/traces", json={"input": "asked", "output": output, "trace_id": uuid.uuid4().hex})
    assert answer.status_code in (200, 201), answer.text
    trace: str = answer.json()["ids"][0]
    return trace


def faults(answer: Any) -> list[str]:
    return [fault["path"] for fault in answer.json().get("errors", ())]


def test_a_judge_from_its_making_to_its_end(api: Api, other: Api, judge: str) -> None:
    shown = api.get(f"/judges/{judge}").json()
    assert (shown["version"], shown["output"], shown["threshold"], shown["agreement"]) == (
        1,
        {"type": "binary"},
        0.5,
        None,
    )
    assert other.get(f"/judges/{shown['id']}").status_code == 404
    assert api.post("/judges", json={"name": judge, "evaluationGoal": "x"}).status_code == 409
    changed = api.patch(f"/judges/{judge}", json={"output": "scale", "rubric": "5 is best."}).json()
    assert (changed["version"], changed["output"]) == (2, {"type": "scale", "min": 1, "max": 5})
    assert api.patch(f"/judges/{judge}", json={"output": "scale"}).json()["version"] == 2
    versions = api.get(f"/judges/{judge}/versions", params={"limit": 1}).json()
    assert [one["version"] for one in versions["data"]] == [2]
    following = api.get(f"/judges/{judge}/versions", params={"cursor": versions["nextCursor"]}).json()
    assert [(one["version"], one["rubric"]) for one in following["data"]] == [(1, None)]
    ready = {one["name"] for one in api.get("/judges", params={"readyMade": "true"}).json()["data"]}
    assert {"helpfulness", "faithfulness", "safety", "tone", "brevity", "structured_output"} == ready
    assert api.patch("/judges/tone", json={"threshold": 1}).status_code == 403
    assert api.delete(f"/judges/{judge}").status_code == 204
    assert api.get(f"/judges/{judge}").status_code == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"output": {"type": "scale", "min": 5, "max": 1}}, "output"),
        ({"output": {"type": "labels", "labels": {"good": 2, "bad": 0}}}, "output"),
        ({"output": {"type": "labels", "labels": {"only": 1}}}, "output"),
        ({"output": "stars"}, "output"),
        ({"threshold": 1.5}, "threshold"),
        ({"turns": 0}, "turns"),
        ({"model": "nobody/nothing"}, "model"),
        ({"evaluationGoal": "  "}, "evaluationGoal"),
        ({"goal": "x"}, "goal"),
    ],
)
def test_a_judge_that_makes_no_sense_is_refused_with_its_place(api: Api, body: dict[str, Any], path: str) -> None:
    refused = api.post("/judges", json={"name": uuid.uuid4().hex, "evaluationGoal": "Is it kind?", **body})
    assert refused.status_code == 400, refused.text
    assert any(fault.startswith(path) for fault in faults(refused)), refused.text


def test_judging_from_its_start_to_its_numbers(api: Api, other: Api, judge: str, traces: list[str]) -> None:
    body = {"judges": [judge], "traces": traces, "wait": 30, "metadata": {"why": "nightly"}}
    run = api.post("/trace-evaluations", json=body, headers={"Idempotency-Key": judge})
    assert run.status_code == 200, run.text
    (made,) = run.json()["judges"]
    assert (made["scored"], made["passRate"]["mean"], made["agreement"]) == (4, 0.5, None)
    again = api.post("/trace-evaluations", json=body, headers={"Idempotency-Key": judge})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["evaluationIds"] == run.json()["evaluationIds"]
    wanted = {"execution": run.json()["executionId"], "outcome": "fail"}
    failed = api.get("/trace-evaluations", params=wanted).json()["data"]
    assert {one["traceId"] for one in failed} == set(traces[2:])
    whole = api.get(f"/trace-evaluations/{failed[0]['id']}").json()
    assert (whole["reasoning"], whole["verdict"]["turns"], whole["judge"]["version"]) == ("It is no.", 1, 1)
    assert other.get(f"/trace-evaluations/{failed[0]['id']}").status_code == 404
    # What was said stays as it was said, when the judge changes and goes.
    api.patch(f"/judges/{judge}", json={"evaluationGoal": "Is it rude?"})
    api.delete(f"/judges/{judge}")
    kept = api.get(f"/trace-evaluations/{failed[0]['id']}").json()["judge"]
    assert (kept["evaluationGoal"], kept["version"]) == ("Is it kind?", 1)


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"judges": ["nobody"]}, 404, None),
        ({"judges": []}, 400, "judges"),
        ({"traces": ["nobody"]}, 404, "traces[0]"),
        ({"traces": []}, 400, "traces"),
        ({"filter": {}}, 400, "traces"),
        ({"sample": {"rate": 2}}, 400, "sample.rate"),
        ({"thresholds": [{"passRate": 0.5, "judge": "nobody"}]}, 400, "thresholds[0].judge"),
        ({"filter": {"startedFrom": "yesterday"}, "traces": []}, 400, "filter.startedFrom"),
        ({"webhook": "http://169.254.169.254/"}, 400, "webhook"),
        ({"model": "x"}, 400, "model"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_its_place(
    api: Api, judge: str, traces: list[str], body: dict[str, Any], status: int, path: str | None
) -> None:
    wanted = {"judges": [judge], "traces": traces, **body}
    refused = api.post("/trace-evaluations", json=wanted)
    assert refused.status_code == status, refused.text
    assert path is None or any(fault.startswith(path) for fault in faults(refused)), refused.text
    if "webhook" not in body:
        assert api.post("/trace-evaluations/estimate", json=wanted).status_code == status


def test_keys_do_what_their_scopes_say(api: Api, judge: str, traces: list[str]) -> None:
    made = api.post("/keys", json={"name": uuid.uuid4().hex, "scopes": ["judges:read"]}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    api.post(f"/traces/{traces[0]}/annotations", json={"label": "pass", "judge": judge})
    assert api.get(f"/judges/{judge}").json()["agreement"]["labelled"] == 1
    # Who labelled what is for those who may read labels.
    assert api.get(f"/judges/{judge}", headers=headers).json()["agreement"] is None
    body = {"judges": [judge], "traces": traces}
    assert api.post("/trace-evaluations/estimate", json=body, headers=headers).status_code == 200
    assert api.post("/trace-evaluations", json=body, headers=headers).status_code == 403
    pairs = {"judge": judge, "traces": [traces[:2]]}
    assert api.post("/pairwise-evaluations", json=pairs, headers=headers).status_code == 403
    assert api.patch(f"/judges/{judge}", json={"threshold": 1}, headers=headers).status_code == 403


def test_pairs_over_http(api: Api, other: Api, judge: str, traces: list[str]) -> None:
    pairs = [[traces[0], traces[2]], [traces[3], traces[1]]]
    body = {"judge": {"judge": judge, "version": 1}, "traces": pairs, "sample": {"seed": 3}, "wait": 30}
    made = api.post("/pairwise-evaluations", json=body)
    assert made.status_code == 200, made.text
    shown = made.json()
    assert (shown["wins"], shown["seed"], shown["status"]) == ({"a": 1, "b": 1, "ties": 0}, 3, "completed")
    path = made.headers["Location"]
    assert api.get(path).json() == shown
    assert other.get(path).status_code == 404
    items = api.get(f"/executions/{shown['executionId']}/items").json()["data"]
    assert [one["output"]["better"] for one in items] == ["a", "b"]
    for wrong in ({"traces": [traces]}, {"traces": [[traces[0]]]}, {"traces": [[traces[0], traces[0]]]}, {}):
        refused = api.post("/pairwise-evaluations", json={"judge": judge, **wrong})
        assert refused.status_code == 400, refused.text
        assert faults(refused)[0].startswith("traces"), refused.text


def test_by_the_sdk(api: Api, judge: str, model: str, traces: list[str]) -> None:
    with Penstock(api.url, ADMIN_KEY) as client:
        with pytest.raises(ConflictError):
            client.judges.create(judge, "x")
        with pytest.raises(BadRequestError, match="threshold"):
            client.judges.update(judge, {"threshold": 3})
        made = client.judges.create(f"{judge}-2", "Is it brief?", {"model": model, "output": "binary"})
        assert client.judges.update(made.name, {"threshold": 0.7}).version == 2
        assert [one.version for one in client.judges.versions(made.id)] == [2, 1]
        assert "tone" in [one.name for one in client.judges.ready_made()]
        estimate = client.trace_evaluations.estimate([judge, made.name], traces)
        assert (estimate.verdicts, estimate.worst_case["modelCalls"]) == (8, 16)
        handle = client.trace_evaluations.create([judge, made.name], traces)
        final = handle.wait(timeout=30)
        assert final.counts.succeeded == 8
        used = final.usage
        assert used.input_tokens + used.output_tokens <= estimate.worst_case["tokens"]
        assert [one.pass_rate.mean for one in handle.summary()] == [0.5, 0.5]
        verdicts = list(handle.verdicts("pass"))
        assert {one.trace_id for one in verdicts} == set(traces[:2])
        verdict = client.trace_evaluations.get(verdicts[0].id).verdict
        assert verdict is not None
        assert (verdict.passed, verdict.answer) == (True, "yes")
        client.judges.delete(made.id)
        with pytest.raises(NotFoundError):
            client.judges.get(made.id)


def test_pairs_by_both_sdks(api: Api, judge: str, traces: list[str]) -> None:
    pairs = [(traces[0], traces[2]), (traces[1], traces[3])]
    with Penstock(api.url, ADMIN_KEY) as client:
        assert client.pairwise_evaluations.estimate(judge, traces=pairs).pairs == 2
        handle = client.pairwise_evaluations.create(judge, traces=pairs)
        handle.wait(timeout=30)
        assert [(one.a, one.b, one.better) for one in handle.pairs()] == [(*pair, "a") for pair in pairs]
        assert handle.summary() == client.pairwise_evaluations.get(handle.id)

    async def asynchronously() -> None:
        async with AsyncPenstock(api.url, ADMIN_KEY) as client:
            handle = await client.pairwise_evaluations.create(judge, traces=pairs, options={"sample": {"count": 1}})
            await handle.wait(timeout=30)
            assert [one.better async for one in handle.pairs()] == ["a"]
            made = await handle.summary()
            assert (made.wins, made.expected, made.status) == ({"a": 1, "b": 0, "ties": 0}, 1, "completed")
            with pytest.raises(BadRequestError, match="two evaluations"):
                await client.pairwise_evaluations.create(judge)

    asyncio.run(asynchronously())


Penstocks = Callable[..., str]


@pytest.fixture
def penstock(api: Api) -> Penstocks:
    """Runs a command, which ends with this code; what it printed."""
    environment = {**os.environ, "PENSTOCK_URL": api.url, "PENSTOCK_API_KEY": ADMIN_KEY}

    def run(*words: str, code: int = 0, errors: bool = False) -> str:
        command = [sys.executable, "-m", "penstock", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + (done.stderr if errors else "")

    return run


def test_a_judge_that_scores_an_evaluation_stands_beside_people(
    api: Api, judge: str, model: str, penstock: Penstocks
) -> None:
    key = uuid.uuid4().hex
    lines = "\n".join(json.dumps({"id": str(n), "input": f"row {n}", "truth": "x"}) for n in range(3))
    headers = {"content-type": "application/x-ndjson"}
    assert api.post("/benchmarks", params={"key": key}, data=lines, headers=headers).status_code == 201
    scorers = [{"type": "judge", "judge": judge, "name": "kindness"}, "exact"]
    body = {"benchmark": key, "model": model, "scorers": scorers, "wait": 30}
    made = api.post("/evaluations", json=body).json()
    # The model answers with what is no "good", so the judge says no.
    assert (made["metrics"]["kindness"]["mean"], made["agreement"]) == (0.0, {"kindness": None})
    for row, label in enumerate(("fail", "fail", "pass")):
        penstock("annotations", "add", made["id"], label, "--row", str(row), "--judge", judge, "--author", "ann")
    (shown,) = api.get(f"/evaluations/{made['id']}").json()["agreement"].values()
    assert (shown["labelled"], shown["authors"]) == (3, ["ann"])
    assert (shown["passes"]["labels"], shown["passes"]["confusion"]) == (["pass", "fail"], [[0, 1], [0, 2]])
    assert "one and the same answer" in shown["passes"]["kappa"]["note"]
    told = penstock("eval", "show", made["id"], errors=True)
    assert "kindness beside people: kappa 0.00" in told
    with Penstock(api.url, ADMIN_KEY) as client:
        agreed = client.evaluations.get(made["id"]).agreement["kindness"]
        assert agreed is not None
        assert agreed.passes.confusion == ((0, 1), (0, 2))
    listed = json.loads(penstock("annotations", "list", "--judge", judge, "--json"))
    assert [(one["evaluation"], one["row"]) for one in listed] == [(made["id"], row) for row in (2, 1, 0)]


def test_by_the_command_line(api: Api, judge: str, traces: list[str], tmp_path: Path, penstock: Penstocks) -> None:
    api.post(f"/traces/{traces[0]}/annotations", json={"label": "pass", "judge": judge, "author": "ann"})
    api.post(f"/traces/{traces[2]}/annotations", json={"label": "fail", "judge": judge, "author": "ann"})
    shown = penstock("judges", "run", judge, *traces, "--fail-under", "0.9", code=4)
    assert f"{judge} (version 1)" in shown
    assert "4 of 4" in shown
    assert "kappa 1.00" in shown
    assert "by ann" in penstock("judges", "show", judge)
    listed = json.loads(penstock("judges", "verdicts", "--judge", judge, "--outcome", "fail", "--json"))
    assert {one["traceId"] for one in listed} == set(traces[2:])
    shown = penstock("judges", "pairwise", judge, traces[0], traces[2], "--traces")
    assert "A is better: 1.000, of 1 of 1 pairs" in shown
    file = tmp_path / "pairs.json"
    file.write_text(json.dumps([{"a": traces[2], "b": traces[0]}, {"a": traces[3], "b": traces[1]}]))
    made = json.loads(penstock("judges", "pairwise", judge, "--file", str(file), "--json"))
    assert made["wins"] == {"a": 0, "b": 2, "ties": 0}
    penstock("judges", "pairwise", judge, traces[0], code=2)
