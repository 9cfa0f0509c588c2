"""Flows and their versions, data sets, prompts, secrets, models: kept, listed, changed, deleted."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
import requests

from .conftest import GREET, MAX_BODY_BYTES, MAX_IMPORT_BYTES, Api

YAML = {"Content-Type": "application/yaml"}
CSV = {"Content-Type": "text/csv"}


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def whole_list(api: Api, path: str) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        page = api.get(path, params={"limit": 2, "cursor": cursor}).json()
        found += page["data"]
        cursor = page["nextCursor"]
        if cursor is None:
            return found


def test_versions_of_a_flow(api: Api) -> None:
    name = unique("flow")
    created = api.post("/flows", json={**GREET, "name": name})
    assert created.headers["Location"] == f"/flows/{created.json()['id']}"
    louder = {**GREET, "name": name, "output": {"greeting": "hello.out", "name": "input.name"}}
    assert api.put(f"/flows/{name}?deploy=false", json=louder).json()["version"] == 2
    assert api.post(f"/flows/{name}/execute", json={"name": "A"}).json() == {"greeting": "Hello A"}
    assert api.post(f"/flows/{name}/deploy", json={"version": 2}).json()["deployedVersion"] == 2
    assert api.post(f"/flows/{name}/execute", json={"name": "A"}).json() == {"greeting": "Hello A", "name": "A"}
    assert [(v["version"], v["deployed"]) for v in whole_list(api, f"/flows/{name}/versions")] == [
        (2, True),
        (1, False),
    ]
    assert api.get(f"/flows/{name}/versions/1").json()["document"]["output"] == {"greeting": "hello.out"}
    assert api.get(f"/flows/{name}").json()["document"]["output"] == louder["output"]
    for path in (f"/flows/{name}/versions/3", f"/flows/{name}/versions/{2**70}"):
        assert api.get(path).status_code in (400, 404)
    assert api.post(f"/flows/{name}/deploy", json={"version": 9}).status_code == 404


def test_a_flow_as_yaml_keeps_its_text(api: Api) -> None:
    name = unique("flow")
    text = f"# why\nname: {name}\nnodes:\n  a: {{type: transform, expression: '1'}}\n"
    assert api.post("/flows", data=text, headers=YAML).status_code == 201
    assert api.get(f"/flows/{name}").json()["source"] == text
    again = api.post("/flows", data=text, headers=YAML)
    assert (again.status_code, again.json()["code"]) == (409, "flow_exists")
    assert api.delete(f"/flows/{name}").status_code == 204
    assert api.get(f"/flows/{name}").status_code == 404


def test_an_undeployed_flow_does_not_run(api: Api) -> None:
    name = unique("flow")
    api.post("/flows?deploy=false", json={**GREET, "name": name})
    assert api.post(f"/flows/{name}/execute", json={"name": "A"}).status_code == 409


def test_text_that_is_not_utf8_names_its_line(api: Api) -> None:
    answer = api.post("/flows", data=b"name: a\nnodes: \xff\n", headers=YAML)
    assert (answer.status_code, answer.json()["errors"][0]["line"]) == (400, 2)


def test_the_schema_of_documents(nobody: Api) -> None:
    assert "Node" in nobody.get("/schemas/flow.json").json()["$defs"]


def test_a_data_set_from_a_file_larger_than_a_body(api: Api) -> None:
    name = unique("rows")
    rows = [f"{n},text {n},{n / 4}" for n in range(4000)]
    text = "\n".join(["id,text,price", *rows])
    assert MAX_BODY_BYTES < len(text) < MAX_IMPORT_BYTES
    answer = api.post("/datasets", params={"name": name, "format": "csv"}, data=text.encode(), headers=CSV)
    assert answer.status_code == 201, answer.text
    report = answer.json()
    assert (report["rows"], report["skipped"], report["dataset"]["rowCount"]) == (4000, 0, 4000)
    types = {column["name"]: column["type"] for column in report["dataset"]["columns"]}
    assert (types["text"], types["price"]) == ("string", "number")
    first = api.get(f"/datasets/{name}/rows", params={"limit": 3}).json()
    second = api.get(f"/datasets/{name}/rows", params={"limit": 3, "cursor": first["nextCursor"]}).json()
    assert [row["text"] for row in first["data"] + second["data"]] == [f"text {n}" for n in range(6)]
    lines = api.get(f"/datasets/{name}/export", params={"format": "jsonl"}).text.splitlines()
    assert json.loads(lines[-1])["text"] == "text 3999"


def test_a_bad_line_is_named_and_nothing_is_loaded(api: Api) -> None:
    name = unique("rows")
    text = b'{"a": 1}\n{"a": \n{"a": 3}\n'
    answer = api.post("/datasets", params={"name": name, "format": "jsonl"}, data=text)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_lines")
    assert [error["line"] for error in answer.json()["errors"]] == [2]
    assert api.get(f"/datasets/{name}").status_code == 404
    skipping = api.post("/datasets", params={"name": name, "format": "jsonl", "onBad": "skip"}, data=text).json()
    assert (skipping["rows"], skipping["skipped"], skipping["errorCount"]) == (2, 1, 1)


def test_modes_and_types_of_an_import(api: Api) -> None:
    name = unique("rows")

    def send(mode: str, text: bytes, **more: str) -> requests.Response:
        return api.post("/datasets", params={"name": name, "mode": mode, **more}, data=text, headers=CSV)

    assert send("create", b"zip\n01234\n", types="zip:string").status_code == 201
    assert api.get(f"/datasets/{name}/rows").json()["data"] == [{"zip": "01234"}]
    assert send("create", b"zip\n5\n").status_code == 409
    assert send("append", b"zip\n5\n", types="zip:string").json()["dataset"]["rowCount"] == 2
    assert send("replace", b"zip\n7\n", types="zip:string").json()["dataset"]["rowCount"] == 1
    converted = api.patch(f"/datasets/{name}", json={"types": {"zip": "integer"}})
    assert converted.json()["columns"] == [{"name": "zip", "type": "integer"}]
    assert api.delete(f"/datasets/{name}").status_code == 204
    assert api.get(f"/datasets/{name}").status_code == 404


@pytest.mark.parametrize(
    ("params", "headers", "status"),
    [
        ({}, CSV, 415),
        ({"name": "x"}, {"Content-Type": "image/png"}, 415),
        ({"format": "csv"}, CSV, 400),
        ({"name": "x", "format": "xls"}, CSV, 400),
        ({"name": "x", "types": "nonsense"}, CSV, 400),
        ({"name": "a/b"}, CSV, 400),
    ],
)
def test_an_import_that_makes_no_sense(api: Api, params: dict[str, str], headers: dict[str, str], status: int) -> None:
    assert api.post("/datasets", params=params, headers=headers, data=b"a\n1\n").status_code == status


def test_a_file_over_the_limit(api: Api) -> None:
    name = unique("rows")
    text = b"a\n" + b"1\n" * MAX_IMPORT_BYTES
    assert api.post("/datasets", params={"name": name}, headers=CSV, data=text).status_code == 413
    assert api.get(f"/datasets/{name}").status_code == 404


@pytest.mark.parametrize(("file_format", "start"), [("csv", b"a,b"), ("json", b"["), ("parquet", b"PAR1")])
def test_exports(api: Api, file_format: str, start: bytes) -> None:
    name = unique("rows")
    api.post("/datasets", json={"name": name, "rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]})
    answer = api.get(f"/datasets/{name}/export", params={"format": file_format})
    assert answer.content.startswith(start)
    assert "attachment" in answer.headers["Content-Disposition"]
    assert api.get(f"/datasets/{name}/export", params={"version": 99}).status_code == 404


def test_prompts_in_versions(api: Api) -> None:
    name = unique("prompt")
    saved = api.post("/prompts", json={"name": name, "prompt": "Say {{ x }}"})
    assert saved.status_code == 201
    assert api.put(f"/prompts/{name}", json={"prompt": "Shout {{ x }}"}).json()["version"] == 2
    assert api.get(f"/prompts/{name}").json()["document"]["prompt"] == "Shout {{ x }}"
    assert api.get(f"/prompts/{name}?version=1").json()["document"]["prompt"] == "Say {{ x }}"
    assert [version["version"] for version in whole_list(api, f"/prompts/{name}/versions")] == [2, 1]
    assert name in [prompt["name"] for prompt in whole_list(api, "/prompts")]
    wrong = api.put(f"/prompts/{name}", json={"prompt": "{{ x", "params": 3})
    assert wrong.status_code == 422
    assert api.post("/prompts", json={"prompt": "x"}).status_code == 400
    assert api.delete(f"/prompts/{name}").status_code == 204
    assert api.get(f"/prompts/{name}").status_code == 404


def test_secrets_are_never_shown(api: Api, other: Api) -> None:
    name = unique("secret")
    put = api.put(f"/secrets/{name}", json={"value": "very-private-value"})
    assert put.status_code == 200
    assert "very-private" not in put.text
    listed = api.get("/secrets", params={"limit": 500})
    assert name in listed.text
    assert "very-private" not in listed.text
    assert name not in other.get("/secrets", params={"limit": 500}).text
    wrong = api.put(f"/secrets/{name}", json={"value": "very-private-value", "more": "very-private-too"})
    assert wrong.status_code == 400
    assert "very-private" not in wrong.text
    assert other.delete(f"/secrets/{name}").status_code == 404
    assert api.delete(f"/secrets/{name}").status_code == 204


def test_models_with_a_slash_in_their_name(api: Api) -> None:
    name = unique("team/fast")
    body = {"name": name, "provider": "scripted", "modelName": "fixed:hi", "apiKey": "sk-very-private"}
    saved = api.post("/models", json=body)
    assert saved.status_code == 201
    assert saved.json()["hasApiKey"] is True
    assert "very-private" not in saved.text
    assert api.get(f"/models/{name}").json()["modelName"] == "fixed:hi"
    assert api.post(f"/models/{name}/test").json()["ok"] is True
    assert api.post("/models/nowhere/nothing/test").json()["error"]["code"] == "model_unknown"
    assert api.patch(f"/models/{name}", json={"modelName": "fixed:ho"}).json()["modelName"] == "fixed:ho"
    wrong = api.post("/models", json={"name": "x", "provider": "odd", "baseUrl": "ftp://x", "apiKey": 3})
    assert wrong.status_code == 400
    assert {error["path"] for error in wrong.json()["errors"]} >= {"provider", "modelName", "baseUrl", "apiKey"}
    assert api.delete(f"/models/{name}").status_code == 204
    assert api.get(f"/models/{name}").status_code == 404
