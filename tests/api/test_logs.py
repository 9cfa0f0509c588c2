"""The log of an execution over HTTP: levels, filters, and what is not shown."""

from __future__ import annotations

from typing import Any

import pytest

FLOW = """
name: careful
input: {user: {type: object, required: true}, n: {type: integer, required: true}}
settings: {redact: {fields: [user.email]}}
nodes:
  shaky: {type: transform, expression: 10 // n, inputs: {n: input.n}, onError: {value: 0}}
  strict: {type: transform, expression: 10 // (n + 1), inputs: {n: input.n}}
  last: {type: transform, template: {mail: "{{ user.email }}", n: "{{ n }}"}, inputs: {user: input.user, n: strict.out}}
"""


@pytest.fixture
def execution(api: Any) -> str:
    """Three items: one goes well, one goes on after a failure, one fails."""
    flow = api.post("/flows", data=FLOW, headers={"content-type": "application/yaml"})
    assert flow.status_code == 201, flow.text
    inputs = [{"user": {"email": f"jo{n}@example.org"}, "n": n} for n in (5, 0, -1)]
    run = api.post(f"/flows/{flow.json()['id']}/executions", json={"inputs": inputs, "mode": "sync"})
    assert run.status_code == 200, run.text
    yield run.headers["Execution-Id"]
    api.put("/redaction", json={})
    api.delete(f"/flows/{flow.json()['id']}")


def lines(api: Any, execution: str, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(f"/executions/{execution}/logs", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def places(found: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(line["itemPath"], line["node"], line["level"]) for line in found}


def test_levels_tell_what_needs_a_look(api: Any, execution: str) -> None:
    assert places(lines(api, execution, level="error")) == {("2", "strict", "error")}
    assert places(lines(api, execution, level="warn")) == {("1", "shaky", "warn"), ("2", "strict", "error")}
    assert ("0", "shaky", "info") in places(lines(api, execution))
    assert api.get(f"/executions/{execution}/logs?level=loud").status_code == 400


def test_filters_narrow_together(api: Any, execution: str) -> None:
    assert {line["node"] for line in lines(api, execution, node="shaky")} == {"shaky"}
    (line,) = lines(api, execution, node="shaky", item="1", level="warn")
    assert lines(api, execution, node="shaky", item="1", after=line["seq"]) == []


def test_what_the_flow_redacts_is_not_in_its_log_but_in_its_results(api: Any, execution: str) -> None:
    received = [line["input"] for line in lines(api, execution)]
    assert {"email": "[redacted]"} in [inputs["user"] for inputs in received if "user" in inputs]
    assert "@example.org" not in str(received)
    # The name of the field is gone there, so only a pattern can find it.
    assert any("jo5@example.org" in str(line["output"]) for line in lines(api, execution))
    assert "jo5@example.org" in api.get(f"/executions/{execution}/results").text


def test_what_the_project_redacts_holds_at_once_and_in_streams(api: Any, execution: str) -> None:
    rules = {"fields": ["n"], "patterns": [r"[a-z0-9]+@[a-z.]+"]}
    assert api.put("/redaction", json=rules).json() == rules
    assert api.get("/redaction").json() == rules
    for line in lines(api, execution):
        assert line["input"]["n"] == "[redacted]"
        assert "example.org" not in str(line)
    events = api.get(f"/executions/{execution}/events", params={"logs": "true", "logsAfter": 0}).text
    assert "event: log" in events
    assert "example.org" not in events


def test_rules_that_cannot_work_are_refused_with_why(api: Any) -> None:
    refused = api.put("/redaction", json={"patterns": ["fine", "("]})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "patterns.1"
    broken = FLOW.replace("fields: [user.email]", 'patterns: ["("]')
    answer = api.post("/flows/validate", data=broken, headers={"content-type": "application/yaml"})
    assert "RE2" in answer.text
