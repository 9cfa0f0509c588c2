"""Bad input: refused with what is wrong and where, and nothing half-done."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import requests

from .conftest import GREET, MAX_BODY_BYTES, Api

JSON = {"Content-Type": "application/json"}


def refused(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["requestId"] == answer.headers["X-Request-ID"]
    assert body["title"]
    assert body["detail"]
    return answer.status_code, body["code"]


def faults(answer: requests.Response) -> dict[str, str]:
    return {error["path"]: error["message"] for error in answer.json()["errors"]}


@pytest.fixture
def greet(api: Api) -> str:
    return api.flow(GREET)


@pytest.mark.parametrize("call", ["execute", "execute-async", "executions"])
def test_an_unknown_flow(api: Api, call: str) -> None:
    assert refused(api.post(f"/flows/nothing/{call}", json={})) == (404, "flow_unknown")


@pytest.mark.parametrize("call", ["execute", "execute-async"])
def test_every_wrong_input_field_is_named(api: Api, greet: str, call: str) -> None:
    answer = api.post(f"/flows/{greet}/{call}", json={"times": "two", "nam": "Ada"})
    assert refused(answer) == (400, "invalid_input")
    assert set(faults(answer)) == {"name", "times", "nam"}
    assert api.get("/executions", params={"flowId": greet}).json()["data"] == []


def test_every_wrong_input_of_many_is_named(api: Api, greet: str) -> None:
    answer = api.post(f"/flows/{greet}/executions", json={"inputs": [{"name": "a"}, {"name": 1}, {}, 7]})
    assert refused(answer) == (400, "invalid_input")
    assert set(faults(answer)) == {"inputs[1].name", "inputs[2].name", "inputs[3]"}


def test_invalid_json_names_line_and_column(api: Api, greet: str) -> None:
    answer = api.post(f"/flows/{greet}/execute", data=b'{"name": "Ada",\n "times": }', headers=JSON)
    assert refused(answer) == (400, "invalid_json")
    assert "line 2, column 11" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null"])
def test_an_input_that_is_no_object(api: Api, greet: str, body: bytes) -> None:
    assert refused(api.post(f"/flows/{greet}/execute", data=body, headers=JSON)) == (400, "object_expected")


def test_a_body_over_the_limit(api: Api, greet: str) -> None:
    body = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'
    assert refused(api.post(f"/flows/{greet}/execute", data=body, headers=JSON)) == (413, "body_too_large")


def test_a_body_over_the_limit_without_a_length(api: Api, greet: str) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 10_000 + 2):
            yield b"x" * 10_000

    assert refused(api.post(f"/flows/{greet}/execute", data=pieces(), headers=JSON)) == (413, "body_too_large")


def test_a_body_that_is_nested_too_deep(api: Api, greet: str) -> None:
    body = b'{"name":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    assert refused(api.post(f"/flows/{greet}/execute", data=body, headers=JSON)) == (400, "too_deep")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/yaml"])
def test_a_wrong_content_type(api: Api, greet: str, content_type: str) -> None:
    answer = api.post(f"/flows/{greet}/execute", data=b"{}", headers={"Content-Type": content_type})
    assert refused(answer) == (415, "content_type_unsupported")


def test_faults_of_a_document_have_a_path(api: Api) -> None:
    nodes = {
        "a": {"type": "transform", "inputs": {"x": "b.out"}, "expression": "x"},
        "b": {"type": "transform", "inputs": {"x": "a.out"}, "expression": "x +"},
        "c": {"type": "nonsense"},
    }
    answer = api.post("/flows", json={"name": f"bad-{uuid.uuid4().hex}", "nodes": nodes})
    assert refused(answer) == (422, "flow_invalid")
    assert "nodes.c.type" in faults(answer)


@pytest.mark.parametrize(
    ("node", "path"),
    [
        ("inputs: {x: input.nothing}\n    expression: x", "nodes.a.inputs.x"),
        ("inputs: {x: missing.out}\n    expression: x", "nodes.a.inputs.x"),
        ("inputs: {x: a.out}\n    expression: x", "nodes.a"),
        ("expression: '1 +'", "nodes.a.expression"),
    ],
)
def test_faults_of_a_yaml_document_have_a_line(api: Api, node: str, path: str) -> None:
    name = f"bad-{uuid.uuid4().hex}"
    text = f"name: {name}\ninput: {{other: {{type: string}}}}\nnodes:\n  a:\n    type: transform\n    {node}\n"
    answer = api.post("/flows", data=text, headers={"Content-Type": "application/yaml"})
    assert refused(answer) == (422, "flow_invalid")
    (found,) = [error for error in answer.json()["errors"] if error["path"].startswith(path)]
    assert found["line"] >= 3
    assert api.get(f"/flows/{name}").status_code == 404
    checked = api.post("/flows/validate", data=text, headers={"Content-Type": "application/yaml"})
    assert checked.json() == {"valid": False, "errors": answer.json()["errors"]}


def test_an_unknown_path_and_a_wrong_method(api: Api) -> None:
    assert refused(api.get("/nothing/here")) == (404, "route_not_found")
    answer = api.delete("/healthz")
    assert refused(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "status=odd", "createdAfter=soon", "cursor=" + "x" * 600]
)
def test_wrong_parameters_are_named(api: Api, query: str) -> None:
    answer = api.get(f"/executions?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in str(faults(answer))


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_idempotency_key_out_of_bounds(api: Api, greet: str, key: str) -> None:
    answer = api.post(f"/flows/{greet}/execute", json={"name": "Ada"}, headers={"Idempotency-Key": key})
    assert refused(answer) == (400, "idempotency_key_invalid")


def test_an_idempotency_key_with_another_body(api: Api, greet: str) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    assert api.post(f"/flows/{greet}/execute", json={"name": "Ada"}, headers=key).status_code == 200
    again = api.post(f"/flows/{greet}/execute", json={"name": "Eve"}, headers=key)
    assert refused(again) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"inputs": []}, "body_invalid"),
        ({"inputs": [{"name": "a"}], "dataset": "d"}, "inputs_given_twice"),
        ({"selection": {"first": 3}}, "dataset_missing"),
        ({"inputs": [{"name": "a"}], "webhook": "http://10.0.0.1/hook"}, "webhook_url_invalid"),
        ({"inputs": [{"name": "a"}], "budget": {}}, "body_invalid"),
        ({"inputs": [{"name": "a"}], "concurency": 3}, "body_invalid"),
        ({"inputs": [{"name": "a"}], "concurrency": 10**6}, "concurrency_too_high"),
    ],
)
def test_a_run_that_makes_no_sense(api: Api, greet: str, body: dict[str, object], code: str) -> None:
    assert refused(api.post(f"/flows/{greet}/executions", json=body)) == (400, code)
    assert api.get("/executions", params={"flowId": greet}).json()["data"] == []


def test_metadata_has_a_limit_as_it_is_in_every_list(api: Api, greet: str) -> None:
    run = {"inputs": [{"name": "a"}], "metadata": {"notes": "é" * 8_000}}
    assert api.post(f"/flows/{greet}/executions", json=run).status_code == 202
    run["metadata"] = {"notes": "é" * 8_200}
    assert refused(api.post(f"/flows/{greet}/executions", json=run)) == (413, "metadata_too_large")
    schedule = {"name": "large", "flow": greet, "cron": "@daily", "run": run}
    assert refused(api.post("/schedules", json=schedule)) == (413, "metadata_too_large")


def test_a_request_id_is_kept_when_it_is_sane(api: Api) -> None:
    assert api.get("/healthz", headers={"X-Request-ID": "abc-1.2:3"}).headers["X-Request-ID"] == "abc-1.2:3"
    for odd in ("a b", "x" * 129, "é"):
        assert api.get("/healthz", headers={"X-Request-ID": odd.encode()}).headers["X-Request-ID"] != odd


@pytest.mark.parametrize("path", ["%00", "%ff%fe", "a" * 400, "..%2f..", "%F0%9F%98%80", "'; drop table flows; --"])
def test_odd_ids_are_just_not_there(api: Api, path: str) -> None:
    for resource in ("flows", "executions", "datasets", "prompts", "models"):
        assert api.get(f"/{resource}/{path}").status_code in (400, 404)
