"""Optimizations over HTTP: what is refused, what is told, who may."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from .conftest import Api


@pytest.fixture
def judge(api: Api) -> str:
    """One with twelve labelled traces; the model that proposes repeats what it is asked, so nothing better is found."""
    name = f"judge-{uuid.uuid4().hex[:12]}"
    body = {"name": name, "evaluationGoal": "Is it kind?", "model": "scripted/echo"}
    assert api.post("/judges", json=body).status_code == 201
    lines = "\n".join(f'{{"input": "{name} {number}", "output": "yes"}}' for number in range(12))
    sent = api.post("/traces", data=lines, params={"filename": f"{name}.jsonl"})
    assert sent.status_code == 201, sent.text
    for number, trace in enumerate(sent.json()["ids"]):
        label = {"judge": name, "label": number % 2 == 0, "author": "ann"}
        assert api.post(f"/traces/{trace}/annotations", json=label).status_code == 201
    return name


def test_from_the_estimate_to_the_report(api: Api, judge: str) -> None:
    body = {"judge": judge, "budget": 60, "reflectionModel": "scripted/echo"}
    estimate = api.post("/optimizations/estimate", json=body).json()
    assert (estimate["metricCalls"], estimate["neededCalls"], estimate["annotations"]) == (60, 22, 12)
    assert estimate["worstCase"]["tokens"] > 0

    started = api.post("/optimizations", json={**body, "wait": 60})
    assert started.status_code == 200, started.text
    done = started.json()
    report = done["report"]
    assert (done["status"], done["subject"]["name"], done["budget"]) == ("completed", judge, None)
    assert (report["outcome"], report["before"]["n"]) == ("kept", report["parts"]["test"])
    assert report["metricCalls"] <= report["metricCallsAllowed"] == 60

    tried = api.get(f"/optimizations/{done['id']}/candidates").json()["data"]
    assert tried[0]["status"] == "seed"
    events = api.get(f"/executions/{done['id']}/events").text
    assert events.count("event: candidate") == len(tried)
    listed = api.get("/optimizations", params={"kind": "judge", "subject": judge, "limit": 1}).json()
    assert [one["id"] for one in listed["data"]] == [done["id"]]
    refused = api.post(f"/optimizations/{done['id']}/apply", params={"force": "true"})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_better")


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"judge": "x", "prompt": "y"}, "judge", "optimization_invalid"),
        ({}, "judge", "optimization_invalid"),
        ({"scorer": "exact"}, "scorer", "optimization_invalid"),
        ({"prompt": "y", "judgeVersion": 2}, "judgeVersion", "optimization_invalid"),
        ({"budget": 21}, "budget", "budget_too_small"),
        ({"reflectionModel": "nobody/nothing"}, "reflectionModel", "model_unknown"),
    ],
)
def test_what_is_wrong_is_named(api: Api, judge: str, body: dict[str, Any], path: str, code: str) -> None:
    subject = {} if "prompt" in body or not body else {"judge": judge}
    refused = api.post("/optimizations", json={**subject, **body})
    assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert [fault["path"] for fault in refused.json()["errors"]] == [path]


def test_to_run_is_not_enough_to_change_a_judge(api: Api, judge: str) -> None:
    scopes = ["optimizations:read", "optimizations:run"]
    key = api.post("/keys", json={"name": "runs", "scopes": scopes}).json()["key"]
    runs = Api(api.url, key)
    body = {"judge": judge, "budget": 60, "reflectionModel": "scripted/echo", "wait": 60}
    done = runs.post("/optimizations", json=body)
    assert done.status_code == 200, done.text
    assert runs.post(f"/optimizations/{done.json()['id']}/apply").status_code == 403
    assert runs.get(f"/judges/{judge}").status_code == 403


def test_another_tenant_finds_nothing(api: Api, other: Api, judge: str) -> None:
    assert other.get("/optimizations").json()["data"] == []
    assert other.post("/optimizations", json={"judge": judge}).status_code == 404
    assert other.get("/optimizations/exec_0123456789abcdef01234567/candidates").status_code == 404
