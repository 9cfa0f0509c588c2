"""Traces over HTTP: files in, lists, trees and exports out, and nothing of one project in another."""

from __future__ import annotations

import gzip
import json
import uuid
from typing import Any

import pytest

from .conftest import MAX_BODY_BYTES, Api

LINES = {"Content-Type": "application/x-ndjson"}


def unique() -> str:
    return f"word{uuid.uuid4().hex}"


def test_a_file_is_uploaded_found_read_and_deleted(api: Api, other: Api) -> None:
    word = unique()
    child = {"name": "call", "model": "gpt-4o", "input": word, "tokens": {"input": 1000, "output": 10}}
    text = json.dumps({"name": "root", "children": [child]}) + '\n{"input": \n' + json.dumps({"input": unique()}) + "\n"
    sent = api.post("/traces", params={"filename": "a.jsonl", "source": word}, data=text, headers=LINES)
    assert sent.status_code == 201, sent.text
    upload = sent.json()
    assert len(upload["ids"]) == 2
    assert [error["line"] for error in upload["errors"]] == [2]
    again = api.post("/traces", data=text, headers=LINES).json()
    assert (again["ids"], again["newSpans"]) == (upload["ids"], 0)

    (found,) = api.get("/traces", params={"search": word, "timeRange": "1h"}).json()["data"]
    assert (found["id"], found["source"], found["filename"]) == (upload["ids"][0], word, "a.jsonl")
    assert (found["spanCount"], found["inputTokens"], found["costUsd"]) == (2, 1000, "0.0026")
    assert word in api.get("/traces/sources").json()["sources"]
    whole = api.get(f"/traces/{found['id']}")
    assert json.dumps(json.loads(text.split("\n")[0])) in whole.text
    assert [share["model"] for share in whole.json()["shares"]] == [None, "gpt-4o"]

    first = api.get(f"/traces/{found['id']}/tree", params={"limit": 1}).json()
    second = api.get(f"/traces/{found['id']}/tree", params={"limit": 1, "cursor": first["nextCursor"]}).json()
    assert [(line["name"], line["depth"]) for line in first["data"] + second["data"]] == [("root", 0), ("call", 1)]
    assert second["nextCursor"] is None
    assert api.get(f"/traces/{found['id']}/spans").json()["data"][1]["input"] == word
    span = api.get(f"/traces/{found['id']}/spans/{second['data'][0]['spanId']}").json()
    assert span["original"] == child

    exported = api.get("/traces/export", params={"search": word})
    assert other.post("/traces", data=exported.content, headers=LINES).json()["newSpans"] == 2
    assert other.get(f"/traces/{found['id']}").status_code == 404
    assert other.delete(f"/traces/{found['id']}").status_code == 404
    assert api.delete(f"/traces/{found['id']}").status_code == 204
    assert api.post("/traces/delete", json={"ids": upload["ids"]}).json() == {"deleted": 1}
    assert api.get("/traces", params={"source": word}).json()["data"] == []


def test_without_any_trace_each_line_says_why(api: Api) -> None:
    refused = api.post("/traces", data='{"foo": 1}\n[1]\n', headers=LINES)
    assert (refused.status_code, refused.json()["code"]) == (400, "no_trace")
    assert [error["line"] for error in refused.json()["errors"]] == [1, 2]
    assert api.post("/traces", data="", headers=LINES).json()["code"] == "file_empty"
    broken = api.post("/traces", data='[{"input": 1},', headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()["code"]) == (400, "file_unreadable")


@pytest.mark.parametrize("path", ["/traces", "/traces/batches"])
def test_a_compressed_file_is_refused_by_name(api: Api, path: str) -> None:
    body = gzip.compress(b'{"input": 1}')
    refused = api.post(path, data=body, headers={**LINES, "Content-Encoding": "gzip"})
    assert (refused.status_code, refused.json()["code"]) == (415, "encoding_unsupported")


@pytest.mark.parametrize("text", ['{"input": HERE}', '{"input": 1, "children": [{"input": HERE}]}'])
def test_a_line_that_is_nested_too_deeply_is_named(api: Api, text: str) -> None:
    lines = '{"input": "fine"}\n' + text.replace("HERE", "[" * 10_000 + "]" * 10_000)
    sent = api.post("/traces", data=lines, headers=LINES).json()
    assert (len(sent["ids"]), sent["errors"]) == (1, [{"line": 2, "message": "it is nested too deeply"}])


def test_what_is_too_large_at_once_is_read_by_an_execution(api: Api) -> None:
    word = unique()
    lines = [json.dumps({"input": f"{word} {n}", "padding": "x" * 500}) for n in range(200)]
    text = "\n".join([*lines, "{broken"])
    assert len(text) > MAX_BODY_BYTES
    refused = api.post("/traces", data=text, headers=LINES)
    assert refused.status_code == 413
    assert "/traces/batches" in refused.json()["detail"]
    headers = {**LINES, "Idempotency-Key": word}
    started = [api.post("/traces/batches", data=text, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in started] == [202, 202]
    execution_id = started[0].json()["executionId"]
    assert started[1].json()["executionId"] == execution_id
    assert api.post("/traces/batches", data="{}", headers=headers).status_code == 422
    body: dict[str, Any] = api.ended(execution_id)
    assert (body["kind"], body["status"]) == ("ingestion", "completed")
    pieces = api.get(f"/executions/{execution_id}/results").json()
    assert sum(len(piece["ids"]) for piece in pieces) == 200
    assert [error["line"] for piece in pieces for error in piece["errors"]] == [201]
    assert len(api.get("/traces", params={"search": word, "limit": 500}).json()["data"]) == 200


def test_an_export_of_a_list_that_cannot_be_is_refused(api: Api) -> None:
    refused = api.get("/traces/export", params={"search": "x", "sort": "durationMs"})
    assert (refused.status_code, refused.json()["code"]) == (400, "sort_unsupported")


def test_a_key_may_only_do_what_it_may(api: Api) -> None:
    key = api.post("/keys", json={"name": unique(), "scopes": ["traces:read"]}).json()["key"]
    with Api(api.url, key) as reader:
        assert reader.get("/traces").status_code == 200
        assert reader.post("/traces", json={"input": 1}).status_code == 403
        assert reader.post("/traces/delete", json={"ids": ["x"]}).status_code == 403
