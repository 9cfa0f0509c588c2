"""Scorers over HTTP: kept, listed, changed, tried, deleted; and by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from .conftest import Api


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def test_a_scorer_from_its_making_to_its_end(api: Api) -> None:
    name = unique("sum")
    made = api.post("/scorers", json={"name": name, "definition": {"type": "numeric", "tolerance": 0.5}})
    assert made.status_code == 201
    assert made.headers["Location"] == f"/scorers/{made.json()['id']}"
    again = api.post("/scorers", json={"name": name, "definition": "exact"})
    assert (again.status_code, again.json()["code"]) == (409, "scorer_exists")
    assert "already exists" in again.json()["detail"]
    changed = api.patch(f"/scorers/{name}", json={"definition": {"type": "numeric", "tolerance": 1}}).json()
    assert (changed["version"], changed["definition"]["tolerance"], changed["description"]) == (2, 1, "")
    assert api.get(f"/scorers/{name}").json() == changed
    assert api.get(f"/scorers/{name}?version=1").json()["definition"]["tolerance"] == 0.5
    assert name in [one["name"] for one in api.get("/scorers", params={"limit": 500}).json()["data"]]
    first = api.get("/scorers", params={"limit": 1}).json()
    assert len(first["data"]) == 1
    assert api.delete(f"/scorers/{name}").status_code == 204
    assert api.get(f"/scorers/{name}").status_code == 404


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        ({"type": "numeric", "tolerance": -1}, "definition.tolerance"),
        ({"type": "regex"}, "definition.pattern"),
        ("nothing", "definition.type"),
        ({"scorer": "other"}, "definition.type"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_place(api: Api, definition: Any, path: str) -> None:
    refused = api.post("/scorers", json={"name": unique("wrong"), "definition": definition})
    assert refused.status_code == 400
    assert [fault["path"] for fault in refused.json()["errors"]] == [path]


def test_the_types_say_what_they_take(api: Api) -> None:
    types = {one["type"]: one for one in api.get("/scorers/types").json()["data"]}
    assert {"exact", "numeric", "llm", "code_tests"} <= types.keys()
    assert types["numeric"]["settings"]["properties"]["tolerance"]["type"] == "number"
    assert (types["exact"]["recorded"], types["llm"]["recorded"]) == (False, True)
    assert "correctness" in [prompt["name"] for prompt in types["llm"]["prompts"]]


def test_a_scorer_can_be_tried(api: Api) -> None:
    def tried(scorer: Any, **sample: Any) -> Any:
        return api.post("/scorers/test", json={"scorer": scorer, "sample": sample}).json()

    assert tried("numeric", output="so it is 1,200", truth="1200")["outcome"]["value"] == 1.0
    assert tried("numeric", output="12")["outcome"]["status"] == "unscorable"
    nobody = tried({"type": "llm", "promptName": "relevance", "model": "nobody/nothing"}, output="x", input="y")
    assert nobody["outcome"]["status"] == "error"
    assert "nobody" in nobody["outcome"]["reason"]
    code = tried("code_tests", output="def f(x): return x", truth=["assert f(3) == 3"])
    assert code["outcome"]["value"] == 1.0, code
    assert tried("numerik", output="x")["errors"][0]["path"] == "scorers[0]"


def test_keys_do_what_their_scopes_say(api: Api) -> None:
    key = api.post("/keys", json={"name": unique("reader"), "scopes": ["scorers:read", "scorers:write"]}).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    assert api.get("/scorers/types", headers=headers).status_code == 200
    refused = api.post("/scorers/test", json={"scorer": "exact", "sample": {"output": "x"}}, headers=headers)
    assert (refused.status_code, "executions:run" in refused.text) == (403, True)


def test_the_command_line_does_the_same(tmp_path: Path) -> None:
    def penstock(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "penstock", "scorers", *words, "--data", str(tmp_path)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
        return subprocess.run(command, env=clean, capture_output=True, text=True, check=False)

    file = tmp_path / "sum.json"
    file.write_text(json.dumps({"type": "numeric", "tolerance": 0.5}))
    assert "version 1" in penstock("create", "sum", str(file)).stdout
    assert penstock("test", "sum", "--output", "It is 3.4", "--truth", "3").stdout.split()[0] == "1"
    assert json.loads(penstock("list", "--json").stdout)[0]["definition"]["tolerance"] == 0.5
    assert penstock("delete", "sum").returncode == 0
    assert penstock("test", "sum", "--output", "x").returncode != 0
