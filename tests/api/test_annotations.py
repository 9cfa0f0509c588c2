"""Labels over HTTP, by the SDK and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from penstock import Penstock

from .conftest import ADMIN_KEY, Api


@pytest.fixture
def judge(api: Api) -> str:
    name = f"judge-{uuid.uuid4().hex[:12]}"
    made = api.post("/judges", json={"name": name, "evaluationGoal": "Is it kind?"})
    assert made.status_code == 201, made.text
    return name


@pytest.fixture
def trace(api: Api) -> str:
    sent = uuid.uuid4().hex
    span = {
        "traceId": sent,
        "spanId": "00f067aa0ba902b7",
        "name": "run",
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    assert api.post("/v1/traces", json=body).status_code == 200
    return sent


def test_a_label_from_its_making_to_its_end(api: Api, judge: str, trace: str) -> None:
    path = f"/traces/{trace}/annotations"
    made = api.post(path, json={"label": "pass", "judge": judge, "author": "ann"})
    assert made.status_code == 201, made.text
    kept = made.json()
    assert made.headers["Location"] == f"/annotations/{kept['id']}"
    assert (kept["label"], kept["passed"], kept["judgeName"], kept["row"]) == ("yes", True, judge, None)
    again = api.post("/annotations", json={"trace": trace, "label": False, "judge": judge, "author": "ann"})
    assert (again.status_code, again.json()["id"], again.json()["revision"]) == (200, kept["id"], 2)
    whole = api.get(f"/annotations/{kept['id']}").json()
    assert [(one["revision"], one["label"]) for one in whole["history"]] == [(1, "yes")]
    listed = api.get("/annotations", params={"judge": judge, "trace": trace}).json()
    assert [one["id"] for one in listed["data"]] == [kept["id"]]
    report = api.get(f"/judges/{judge}/agreement").json()
    assert (report["labelled"], report["everybody"]["missing"]) == (1, {"notJudged": 1})
    assert report["everybody"]["passes"]["kappa"]["value"] is None
    assert api.delete(f"/annotations/{kept['id']}").status_code == 204
    assert api.get(f"/annotations/{kept['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"label": "maybe"}, "label"),
        ({"label": [1]}, "label"),
        ({"label": "pass", "weight": -1}, "weight"),
        ({}, "label"),
    ],
)
def test_what_is_wrong_is_named(api: Api, judge: str, trace: str, body: dict[str, Any], path: str) -> None:
    refused = api.post(f"/traces/{trace}/annotations", json={"judge": judge, **body})
    assert refused.status_code == 400
    assert any(fault["path"].startswith(path) for fault in refused.json()["errors"]), refused.text


def test_keys_do_what_their_scopes_say(api: Api, judge: str, trace: str) -> None:
    scopes = ["annotations:read", "traces:write", "judges:write"]
    made = api.post("/keys", json={"name": f"reader-{uuid.uuid4().hex}", "scopes": scopes}).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert api.get("/annotations", headers=headers).status_code == 200
    assert api.get(f"/judges/{judge}/labelling", headers=headers).status_code == 200
    refused = api.post(f"/traces/{trace}/annotations", json={"label": "pass", "judge": judge}, headers=headers)
    assert refused.status_code == 403


def test_the_author_is_who_calls(api: Api, judge: str, trace: str) -> None:
    name = f"bob-{uuid.uuid4().hex}"
    key = api.post("/keys", json={"name": name, "scopes": ["annotations:write"]}).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    made = api.post(f"/traces/{trace}/annotations", json={"label": "pass", "judge": judge}, headers=headers)
    assert made.json()["author"] == name


def test_by_the_sdk(api: Api, judge: str, trace: str, tmp_path: Path) -> None:
    with Penstock(api.url, ADMIN_KEY) as client:
        labels = client.annotations
        assert trace_of(client, judge, "ann") is not None
        made = labels.add(trace, True, judge=judge, author="ann", rationale="warm")
        assert (made.passed, made.history, labels.get(made.id).rationale) == (True, (), "warm")
        assert [one.id for one in labels.list(judge=judge, author="ann")] == [made.id]
        file = tmp_path / "labels.csv"
        assert labels.export(file, judge=judge) > 0
        labels.delete(made.id)
        report = labels.import_file(file)
        assert (report.added, report.error_count) == (1, 0)
        agreement = labels.agreement(judge)
        assert (agreement.labelled, agreement.authors[0].author, agreement.version) == (1, "ann", 1)


def trace_of(client: Penstock, judge: str, author: str) -> str | None:
    return next((one.trace for one in client.annotations.next(judge, author=author, limit=1)), None)


def test_by_the_command_line(api: Api, judge: str, trace: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PENSTOCK_URL": api.url, "PENSTOCK_API_KEY": ADMIN_KEY}

    def penstock(*words: str) -> str:
        command = [sys.executable, "-m", "penstock", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "revision 1" in penstock("annotations", "add", trace, "fail", "--judge", judge, "--author", "ann")
    (listed,) = json.loads(penstock("annotations", "list", "--judge", judge, "--json"))
    assert (listed["label"], listed["author"]) == ("no", "ann")
    shown = penstock("judges", "agreement", judge)
    assert "1 labelled" in shown
    assert "1 notJudged" in shown
    file = tmp_path / "labels.jsonl"
    penstock("annotations", "export", str(file), "--judge", judge)
    assert "1 as before" in penstock("annotations", "import", str(file))
