"""Evaluations over HTTP: a caller who knows only the documentation."""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import Any

import pytest

from .conftest import Api, Running

ECHO = "scripted/echo"


@pytest.fixture
def benchmark(api: Api) -> str:
    """A benchmark of three rows: an echo is right about two of them."""
    key = f"rows-{uuid.uuid4().hex[:8]}"
    rows = [
        {"id": "a", "input": "one", "truth": "one"},
        {"id": "b", "input": "=2+2", "truth": "=2+2", "subset": "hard"},
        {"id": "c", "input": "three", "truth": "3", "subset": "hard"},
    ]
    made = api.post("/benchmarks", json={"key": key, "rows": rows})
    assert made.status_code == 201, made.text
    return key


def evaluated(api: Api, benchmark: str, **body: Any) -> dict[str, Any]:
    """An evaluation that is over."""
    answer = api.post("/evaluations", json={"model": ECHO, "benchmark": benchmark, "wait": 30, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_handle_leads_to_numbers_and_rows(api: Api, benchmark: str) -> None:
    answer = api.post("/evaluations", json={"model": ECHO, "benchmark": benchmark, "scorers": ["exact"]})
    assert answer.status_code == 202
    handle = answer.json()
    assert handle["status"] == "pending"
    assert handle["evaluationIds"] == [handle["evaluationId"]]
    assert answer.headers["Location"] == handle["links"]["self"] == f"/evaluations/{handle['evaluationId']}"
    ended = api.ended(handle["executionId"])
    assert (ended["status"], ended["kind"]) == ("completed", "evaluation")
    found = api.get(handle["links"]["self"]).json()
    assert found["metrics"]["exact"]["mean"] == pytest.approx(2 / 3)
    assert found["metrics"]["exact"]["coverage"] == 1.0
    assert found["subsets"]["hard"]["exact"]["mean"] == 0.5
    assert found["definition"]["subject"]["target"]["model"] == ECHO
    rows = api.get(handle["links"]["results"]).json()
    assert [row["rowId"] for row in rows["data"]] == ["a", "b", "c"]
    assert [row["scores"]["exact"]["value"] for row in rows["data"]] == [1.0, 1.0, 0.0]
    assert rows["nextCursor"] is None


def test_rows_come_page_by_page_and_by_outcome(api: Api, benchmark: str) -> None:
    found = evaluated(api, benchmark)
    results = found["links"]["results"]
    first = api.get(results, params={"limit": 2}).json()
    second = api.get(results, params={"limit": 2, "cursor": first["nextCursor"]}).json()
    assert [row["rowId"] for row in (*first["data"], *second["data"])] == ["a", "b", "c"]
    wrong = api.get(results, params={"outcome": "incorrect"}).json()
    assert [row["rowId"] for row in wrong["data"]] == ["c"]
    assert api.get(results, params={"cursor": "made-up"}).json()["code"] == "cursor_invalid"


def test_all_rows_as_lines_and_as_a_table(api: Api, benchmark: str) -> None:
    results = evaluated(api, benchmark, epochs=2)["links"]["results"]
    lines = api.get(results, headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line)["epoch"] for line in lines.text.splitlines()] == [0, 1] * 3
    table = api.get(results, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["exact"] for row in rows] == ["1.0"] * 4 + ["0.0"] * 2
    assert rows[2]["input"] == "'=2+2", "no spreadsheet takes a model's text for a formula"


def test_it_is_steered_as_every_execution_is(api: Api, benchmark: str) -> None:
    handle = api.post("/evaluations", json={"model": "scripted/delay:60000:echo", "benchmark": benchmark}).json()
    execution = handle["links"]["execution"]
    assert api.delete(handle["links"]["self"]).json()["code"] == "execution_not_over"
    assert api.post(execution["cancel"]).status_code in (200, 202)
    assert api.ended(handle["executionId"])["status"] == "cancelled"
    assert api.get(handle["links"]["self"]).json()["metrics"]["exact"]["coverage"] == 0.0
    assert api.delete(handle["links"]["self"]).status_code == 204
    assert api.get(handle["links"]["self"]).json()["code"] == "evaluation_unknown"
    assert api.get(f"/executions/{handle['executionId']}").status_code == 404


def test_answers_are_scored_again(api: Api, benchmark: str) -> None:
    found = evaluated(api, benchmark)
    answer = api.post(found["links"]["rescore"], json={"scorers": [{"type": "contains", "name": "has"}]})
    assert answer.status_code == 202, answer.text
    api.ended(answer.json()["executionId"])
    again = api.get(answer.json()["links"]["self"]).json()
    assert again["source"]["evaluation"] == found["id"]
    assert again["usage"]["modelCalls"] == 0
    assert again["metrics"]["has"]["n"] == 3


def test_an_estimate_says_what_it_would_take_and_could_show(api: Api, benchmark: str) -> None:
    body = {"model": ECHO, "benchmark": benchmark, "epochs": 4, "params": {"maxTokens": 10}}
    estimate = api.post("/evaluations/estimate", json=body).json()
    assert (estimate["rows"], estimate["items"], estimate["modelCalls"]) == (3, 12, 12)
    assert estimate["worstCase"]["tokens"] > 12 * 10
    assert estimate["minimumDetectable"]["difference"] > 0.5
    assert api.get("/evaluations", params={"benchmark": benchmark}).json()["data"] == []


def test_a_repeated_request_starts_nothing_again(api: Api, benchmark: str) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"model": ECHO, "benchmark": benchmark}
    first = api.post("/evaluations", json=body, headers=headers).json()
    again = api.post("/evaluations", json=body, headers=headers)
    assert again.json()["evaluationId"] == first["evaluationId"]
    assert again.headers["Idempotent-Replayed"] == "true"
    other = api.post("/evaluations", json={**body, "epochs": 2}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"epochs": 0}, "epochs"),
        ({"model": None}, "model"),
        ({"scorers": [{"type": "regex"}]}, "scorers[0].pattern"),
        ({"choice": {"count": 0}}, "choice.count"),
        ({"colour": "red"}, "colour"),
        ({"name": "two\nlines"}, "name"),
    ],
)
def test_a_wrong_request_names_the_field(api: Api, benchmark: str, body: dict[str, Any], path: str) -> None:
    answer = api.post("/evaluations", json={"model": ECHO, "benchmark": benchmark, **body})
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["path"] == path


def test_scopes_and_tenants_are_kept_apart(api: Api, other: Api, server: Running, benchmark: str) -> None:
    found = evaluated(api, benchmark)
    assert other.get(found["links"]["self"]).status_code == 404
    assert other.get(found["links"]["results"]).status_code == 404
    assert other.post("/evaluations", json={"model": ECHO, "benchmark": benchmark}).status_code == 404
    key = api.post("/keys", json={"name": "reader", "scopes": ["evaluations:read"]}).json()["key"]
    with Api(server.url, key) as reader:
        assert reader.get(found["links"]["self"]).status_code == 200
        refused = reader.post("/evaluations", json={"model": ECHO, "benchmark": benchmark})
        assert refused.json()["code"] == "scope_missing"


def test_whoever_takes_what_is_being_withdrawn_is_told(api: Api, benchmark: str) -> None:
    assert api.patch(f"/benchmarks/{benchmark}", json={"deprecated": True}).status_code == 200
    handle = api.post("/evaluations", json={"model": ECHO, "benchmark": benchmark}).json()
    assert handle["warnings"] == [f"Benchmark {benchmark!r} is deprecated."]
