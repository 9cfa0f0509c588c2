"""Running flows over HTTP: in the request, in the background, handed over, attached to again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest
import requests

from .conftest import GREET, Api, Site, fetching

NUMBERS = [{"name": str(n)} for n in range(6)]


@pytest.fixture
def gate(site: Site) -> Iterator[str]:
    """The name of a gate; it is open at the end of the test, so nothing waits for it any more."""
    name = uuid.uuid4().hex
    yield name
    site.open_gate(name)


def test_a_sync_call_answers_with_the_results_themselves(api: Api) -> None:
    flow = api.flow(GREET)
    answer = api.post(f"/flows/{flow}/execute", json={"name": "Ada"})
    assert (answer.status_code, answer.json()) == (200, {"greeting": "Hello Ada"})
    assert answer.headers["Location"] == f"/executions/{answer.headers['Execution-Id']}"
    assert "run;dur=" in answer.headers["Server-Timing"]
    assert "Execution-Partial" not in answer.headers
    body = api.get(answer.headers["Location"]).json()
    assert (body["status"], body["progress"], body["results"]) == ("completed", 100, {"greeting": "Hello Ada"})


def test_the_base_path_v1_and_the_name_of_a_flow(api: Api) -> None:
    name = api.get(f"/flows/{api.flow(GREET)}").json()["name"]
    answer = api.post(f"/v1/flows/{name}/execute", json={"name": "Ada"})
    assert answer.json() == {"greeting": "Hello Ada"}
    assert answer.headers["Location"].startswith("/v1/executions/")


def test_an_async_call_answers_with_the_handle(api: Api) -> None:
    flow = api.flow(GREET)
    answer = api.post(f"/flows/{flow}/execute-async", json={"name": "Ada"})
    body = answer.json()
    assert answer.status_code == 202
    assert (body["status"], body["flowId"]) == ("pending", flow)
    parts = {"events", "items", "results", "logs", "cancel", "pause", "resume", "retry"}
    assert set(body["links"]) == {"self", *parts}
    assert body["queue"]["position"] == 0
    assert api.ended(body["executionId"])["results"] == {"greeting": "Hello Ada"}
    assert api.get(f"/flows/executions/{body['executionId']}").json()["status"] == "completed"


def test_a_wait_that_is_over_hands_over_the_same_execution(api: Api, site: Site, gate: str) -> None:
    flow = api.flow(fetching(site, "gate"))
    answer = api.post(f"/flows/{flow}/execute", json={"name": gate}, headers={"Prefer": "wait=1"})
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "wait=1"
    execution_id = answer.json()["executionId"]
    assert api.get(f"/executions/{execution_id}").json()["status"] == "running"
    site.open_gate(gate)
    assert api.ended(execution_id)["results"] == {"value": gate}
    assert site.arrived.count(gate) == 1


def test_a_wait_that_is_long_enough_gets_the_results(api: Api) -> None:
    flow = api.flow(GREET)
    answer = api.post(f"/flows/{flow}/execute", json={"name": "Ada"}, headers={"Prefer": "respond-async, wait=20"})
    assert (answer.status_code, answer.json()) == (200, {"greeting": "Hello Ada"})
    assert answer.headers["Preference-Applied"] == "respond-async, wait=20"


def test_respond_async_does_not_wait(api: Api, site: Site, gate: str) -> None:
    flow = api.flow(fetching(site, "gate"))
    answer = api.post(f"/flows/{flow}/execute", json={"name": gate}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "respond-async"


def test_a_caller_that_went_away_attaches_again(api: Api, site: Site, gate: str) -> None:
    flow = api.flow(fetching(site, "gate"))
    key = {"Idempotency-Key": uuid.uuid4().hex}
    with pytest.raises(requests.exceptions.ReadTimeout):
        api.post(f"/flows/{flow}/execute", json={"name": gate}, headers=key, timeout=0.5)
    site.wait_for_arrival(gate)
    site.open_gate(gate)
    answer = api.post(f"/flows/{flow}/execute", json={"name": gate}, headers=key)
    assert (answer.status_code, answer.json()) == (200, {"value": gate})
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert site.arrived.count(gate) == 1
    assert len(api.get("/executions", params={"flowId": flow}).json()["data"]) == 1


def test_the_deadline_of_a_sync_call(api: Api, site: Site, gate: str) -> None:
    flow = api.flow(fetching(site, "gate", deadlineSeconds=0.5))
    answer = api.post(f"/flows/{flow}/execute", json={"name": gate})
    body = answer.json()
    assert (answer.status_code, body["code"], body["executionStatus"]) == (504, "execution_timeout", "timeout")
    assert api.get(body["links"]["self"]).json()["status"] == "timeout"


def test_a_failed_run_says_which_node_and_item(api: Api, site: Site) -> None:
    answer = api.post(f"/flows/{api.flow(fetching(site, 'number'))}/execute", json={"name": "3"})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (500, "execution_failed")
    assert body["error"]["node"] == "fetch"
    assert body["error"]["itemIndex"] == 0
    assert body["error"]["retryable"] is False
    assert api.get(f"/executions/{body['executionId']}").json()["error"] == body["error"]


def test_failed_items_stand_as_null_and_are_named(api: Api, site: Site) -> None:
    flow = api.flow(fetching(site, "number"))
    answer = api.post(f"/flows/{flow}/executions", json={"inputs": NUMBERS, "mode": "sync"})
    assert answer.status_code == 200
    assert answer.headers["Execution-Partial"] == "true"
    assert answer.json() == [None if n == 3 else {"value": str(n)} for n in range(6)]
    body = api.get(answer.headers["Location"]).json()
    assert (body["status"], body["partial"], body["counts"]["failed"]) == ("completed", True, 1)
    assert [error["itemIndex"] for error in body["errors"]] == [3]
    (failed,) = api.get(f"{answer.headers['Location']}/items", params={"status": "failed"}).json()["data"]
    assert (failed["path"], failed["input"], failed["nodes"][0]["node"]) == ("3", {"name": "3"}, "fetch")


def test_rows_of_a_data_set(api: Api, site: Site) -> None:
    name = f"rows-{uuid.uuid4().hex}"
    api.post("/datasets", json={"name": name, "rows": NUMBERS})
    flow = api.flow(fetching(site, "number"))
    body = {"dataset": name, "selection": {"first": 2}, "wait": 20}
    answer = api.post(f"/flows/{flow}/executions", json=body)
    assert (answer.status_code, answer.json()) == (200, [{"value": "0"}, {"value": "1"}])
    assert api.post(f"/flows/{flow}/executions", json={"dataset": "nothing"}).status_code in (400, 404)


def test_inputs_as_lines(api: Api) -> None:
    lines = b"".join(json.dumps({"name": name}).encode() + b"\n" for name in ("Ada", "Eve"))
    headers = {"Content-Type": "application/x-ndjson", "Prefer": "wait=20"}
    answer = api.post(f"/flows/{api.flow(GREET)}/executions", data=lines, headers=headers)
    assert answer.json() == [{"greeting": "Hello Ada"}, {"greeting": "Hello Eve"}]


def test_a_list_of_one_is_a_list(api: Api) -> None:
    answer = api.post(f"/flows/{api.flow(GREET)}/executions", json={"inputs": [{"name": "Ada"}], "mode": "sync"})
    assert answer.json() == [{"greeting": "Hello Ada"}]


def test_an_open_split_gives_one_result_per_element(api: Api) -> None:
    flow = api.flow(
        {
            "input": {"words": {"type": "array", "required": True}},
            "nodes": {
                "each": {"type": "split", "inputs": {"array": "input.words"}},
                "shout": {"type": "transform", "inputs": {"w": "each.out"}, "expression": "w|upper"},
            },
            "output": {"word": "shout.out"},
        }
    )
    assert api.post(f"/flows/{flow}/execute", json={"words": ["a", "b"]}).json() == [{"word": "A"}, {"word": "B"}]
    assert api.post(f"/flows/{flow}/execute", json={"words": []}).json() == []
    mixed = {"inputs": [{"words": ["a"]}, {"words": ["b", 3]}], "mode": "sync"}
    assert api.post(f"/flows/{flow}/executions", json=mixed).json()[:2] == [{"word": "A"}, {"word": "B"}]


def test_the_older_face(api: Api) -> None:
    flow = api.flow(GREET)
    answer = api.post(f"/public/v1/flows/execute/{flow}", json={"name": "Ada"})
    job = answer.json()
    assert answer.status_code == 202
    assert job == {"job_id": job["job_id"], "status": "queued", "flow_id": flow}
    api.ended(job["job_id"])
    body = api.get(answer.headers["Location"]).json()
    assert (body["status"], body["results"], body["error"]) == ("completed", {"greeting": "Hello Ada"}, None)
