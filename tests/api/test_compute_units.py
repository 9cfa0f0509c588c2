"""Compute units over HTTP: rates, grants, refusals, and what was used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Api, Running

RATES = {
    "inference": "0.5",
    "judge": "0.01",
    "traceEvaluation": "0.02",
    "metric": "0.02",
    "usd": "100",
    "millionTokens": "0",
}
ASK = {
    "input": {"n": {"type": "integer", "required": True}},
    "nodes": {"ask": {"type": "prompt", "model": "scripted/echo", "prompt": "{{ n }}", "inputs": {"n": "input.n"}}},
    "output": {"said": "ask.out"},
}


@pytest.fixture
def limited(other: Api) -> Iterator[Api]:
    """The other tenant, at the rates of a new one; its balance is no limit any more at the end."""
    other.put("/compute-units/rates", json={**RATES, "inference": "0.01"}).raise_for_status()
    yield other
    assert other.put("/compute-units", json={"limited": False}).status_code == 200


def run(api: Api, flow: str, **body: Any) -> Any:
    return api.post(f"/flows/{flow}/executions", json={"inputs": [{"n": 1}, {"n": 2}], "mode": "async", **body})


def test_rates_have_versions_and_count_for_what_comes_after(limited: Api, api: Api) -> None:
    other, flow = limited, limited.flow(ASK)
    first = other.ended(run(other, flow).json()["executionId"])
    before, theirs = (one.get("/compute-units/rates").json() for one in (other, api))
    changed = other.put("/compute-units/rates", json=RATES).json()
    assert changed["version"] == before["version"] + 1
    assert (changed["inference"], changed["createdBy"]) == ("0.50", changed["createdBy"] or "nobody")
    assert other.get("/compute-units/rates", params={"version": before["version"]}).json() == before
    assert other.get("/compute-units/rates", params={"version": 999}).json()["code"] == "rates_unknown"
    assert api.get("/compute-units/rates").json() == theirs, "another organization's are its own"
    second = other.ended(run(other, flow).json()["executionId"])
    assert (first["usage"]["ecu"], second["usage"]["ecu"]) == ("0.02", "1.00")


@pytest.mark.parametrize("wrong", ["NaN", "-1", "1e3", "10001", "0.0000001", "", "1_0", 5, None])
def test_rates_that_are_none_are_refused_by_name(other: Api, wrong: object) -> None:
    answer = other.put("/compute-units/rates", json={**RATES, "metric": wrong})
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (400, ["metric"])


@pytest.mark.parametrize(
    "wrong", ["0", "-5", "NaN", "Infinity", "1e400", "1e9999999999", "9999999999", "0.0000001", "five", 5]
)
def test_grants_that_are_none_are_refused_and_write_nothing(other: Api, wrong: object) -> None:
    answer = other.post("/compute-units/grants", json={"amount": wrong})
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (400, ["amount"])
    assert other.get("/compute-units").json()["limited"] is False


def test_a_grant_is_given_once_and_new_work_is_refused_when_nothing_is_left(limited: Api) -> None:
    flow = limited.flow(ASK)
    grant = {"amount": "2.5", "note": "a try"}
    key = {"Idempotency-Key": "grant-of-the-tests"}
    first = limited.post("/compute-units/grants", json=grant, headers=key)
    assert first.status_code == 201
    assert limited.post("/compute-units/grants", json=grant, headers=key).json() == first.json()
    other_grant = limited.post("/compute-units/grants", json={"amount": "3"}, headers=key)
    assert (other_grant.status_code, other_grant.json()["code"]) == (422, "idempotency_key_reused")
    shown = limited.get("/compute-units").json()
    assert (shown["limited"], shown["available"], shown["lastGrant"]) == (True, "2.50", "2.50")

    refused = run(limited, flow, budget={"ecu": "2.51"})
    assert (refused.status_code, refused.json()["code"]) == (402, "ecu_exhausted")
    assert "insufficient credits: 2.50 ECU are available, and this reserves 2.51" in refused.json()["detail"]
    assert limited.ended(run(limited, flow, budget={"ecu": "2.5"}).json()["executionId"])["status"] == "completed"
    left = limited.get("/compute-units").json()["available"]
    limited.post("/compute-units/grants", json={"amount": f"-{left}", "kind": "adjustment"}).raise_for_status()
    for path in (f"/flows/{flow}/executions", f"/flows/{flow}/execute", f"/flows/{flow}/execute-async"):
        body = {"inputs": [{"n": 1}]} if path.endswith("executions") else {"n": 1}
        refused = limited.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (402, "ecu_exhausted"), path
    assert limited.get("/flows").status_code == 200

    entries = limited.get("/compute-units/entries", params={"limit": 2}).json()
    assert [entry["kind"] for entry in entries["data"]] == ["warning", "warning"]
    following = limited.get("/compute-units/entries", params={"cursor": entries["nextCursor"], "limit": 500}).json()
    kinds = [entry["kind"] for entry in following["data"]]
    assert kinds[:3] == ["adjustment", "settlement", "reservation"]
    assert limited.get("/compute-units/entries", params={"cursor": "-1"}).json()["code"] == "cursor_invalid"


def test_what_was_used_is_reported_by_whatever_is_asked(other: Api) -> None:
    before = other.get("/usage", params={"by": "model"}).json()["total"]
    flow = other.flow(ASK)
    other.ended(run(other, flow).json()["executionId"])
    by_model = other.get("/usage", params={"by": "model"}).json()
    assert by_model["total"]["executions"] == before["executions"] + 1
    assert by_model["total"]["modelCalls"] == before["modelCalls"] + 2
    assert [row["model"] for row in by_model["data"]] == ["scripted/echo"]
    both = other.get("/usage", params={"by": "day,key,kind,project", "limit": 1}).json()
    assert set(both["data"][0]) >= {"day", "key", "kind", "project", "ecu", "costUsd"}
    assert both["data"][0]["key"]["name"]
    last_day = both["lastDay"]
    none = other.get("/usage", params={"from": "2001-01-01", "to": "2001-12-31"}).json()
    assert (none["data"], none["total"]["executions"]) == ([], 0)
    assert other.get("/usage", params={"from": last_day, "to": last_day}).json()["total"] == by_model["total"]


@pytest.mark.parametrize(
    "query",
    [
        {"by": "colour"},
        {"by": "day,day"},
        {"by": ""},
        {"from": "2026-13-01"},
        {"from": "2026-11-02", "to": "2026-11-01"},
        {"cursor": "[1]", "by": "model"},
        {"cursor": "[99999999999999999999999]"},
        {"cursor": "nonsense"},
    ],
)
def test_a_report_of_nothing_that_is_known_is_refused(other: Api, query: dict[str, str]) -> None:
    assert other.get("/usage", params=query).status_code == 400


def test_only_whoever_may_sees_the_organization_and_changes_it(other: Api, server: Running) -> None:
    made = other.post("/keys", json={"name": "reader of usage", "scopes": ["usage:read"]}).json()
    with Api(server.url, made["key"]) as reader:
        assert reader.get("/usage").status_code == reader.get("/compute-units").status_code == 200
        refused = [
            reader.get("/usage", params={"by": "project"}),
            reader.get("/compute-units/entries"),
            reader.put("/compute-units", json={"limited": True}),
            reader.put("/compute-units/rates", json=RATES),
            reader.post("/compute-units/grants", json={"amount": "1"}),
        ]
        assert [answer.status_code for answer in refused] == [403] * 5
