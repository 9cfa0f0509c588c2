"""Looking at executions, and steering them."""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Iterator

import pytest

from .conftest import GREET, Api, Site, fetching

NUMBERS = [{"name": str(n)} for n in range(6)]


@pytest.fixture
def gate(site: Site) -> Iterator[str]:
    name = uuid.uuid4().hex
    yield name
    site.open_gate(name)


@pytest.fixture
def waiting(api: Api, site: Site, gate: str) -> str:
    """An execution that runs until the gate is opened."""
    flow = api.flow(fetching(site, "gate"))
    execution_id: str = api.post(f"/flows/{flow}/execute-async", json={"name": gate}).json()["executionId"]
    site.wait_for_arrival(gate)
    return execution_id


@pytest.fixture
def partial(api: Api, site: Site) -> str:
    """An execution of six items of which the fourth failed."""
    flow = api.flow(fetching(site, "number"))
    answer = api.post(f"/flows/{flow}/executions", json={"inputs": NUMBERS, "mode": "sync", "metadata": {"by": "test"}})
    return answer.headers["Execution-Id"]


def test_progress_while_it_runs(api: Api, waiting: str) -> None:
    answer = api.get(f"/executions/{waiting}")
    body = answer.json()
    assert answer.status_code == 200
    assert int(answer.headers["Retry-After"]) >= 1
    assert (body["status"], body["currentNode"], body["totalItems"]) == ("running", "fetch", 1)
    assert (body["progress"], body["itemsProcessed"], body["results"], body["error"]) == (0, 0, None, None)
    assert body["elapsedTime"].endswith("s")


def test_strict_answers_202_until_it_is_over(api: Api, site: Site, waiting: str, gate: str) -> None:
    assert api.get(f"/executions/{waiting}?strict=true").status_code == 202
    site.open_gate(gate)
    api.ended(waiting)
    assert api.get(f"/executions/{waiting}?strict=true").status_code == 200


def test_what_has_not_changed_is_not_sent_again(api: Api, site: Site, waiting: str, gate: str) -> None:
    tag = api.get(f"/executions/{waiting}").headers["ETag"]
    same = api.get(f"/executions/{waiting}", headers={"If-None-Match": f'"other", {tag}'})
    assert (same.status_code, same.content) == (304, b"")
    site.open_gate(gate)
    api.ended(waiting)
    assert api.get(f"/executions/{waiting}", headers={"If-None-Match": tag}).status_code == 200


def test_a_wait_ends_with_the_execution_or_with_the_time(api: Api, site: Site, waiting: str, gate: str) -> None:
    assert api.get(f"/executions/{waiting}?wait=0.2").json()["status"] == "running"
    site.open_gate(gate)
    assert api.get(f"/executions/{waiting}?wait=20").json()["status"] == "completed"


def test_cancel_stops_it_and_says_what_was_done(api: Api, waiting: str) -> None:
    answer = api.post(f"/executions/{waiting}/cancel")
    assert answer.status_code in (200, 202)
    assert api.ended(waiting)["status"] == "cancelled"
    again = api.post(f"/flows/executions/{waiting}/cancel")
    assert again.status_code == 200
    assert again.json()["receipt"]["itemsDropped"] == 1
    assert api.get(f"/executions/{waiting}/results").status_code == 409


def test_what_is_over_cannot_be_cancelled(api: Api, partial: str) -> None:
    answer = api.post(f"/executions/{partial}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "execution_over")


def test_what_runs_has_no_results_and_cannot_be_retried_or_deleted(api: Api, waiting: str) -> None:
    assert api.get(f"/executions/{waiting}/results").status_code == 409
    assert api.post(f"/executions/{waiting}/retry").status_code == 409
    assert api.delete(f"/executions/{waiting}").status_code == 409
    assert api.get(f"/executions/{waiting}").json()["status"] == "running"


def test_retry_runs_the_failed_items_only(api: Api, partial: str) -> None:
    before = {item["path"]: item["finishedAt"] for item in api.get(f"/executions/{partial}/items").json()["data"]}
    answer = api.post(f"/executions/{partial}/retry")
    assert answer.status_code == 202
    assert answer.json()["executionId"] == partial
    body = api.ended(partial)
    assert (body["generation"], body["counts"]["failed"], body["counts"]["succeeded"]) == (1, 1, 5)
    after = {item["path"]: item["finishedAt"] for item in api.get(f"/executions/{partial}/items").json()["data"]}
    assert [path for path in before if before[path] != after[path]] == ["3"]
    assert api.post(f"/executions/{partial}/retry", json={"errorCodes": ["other"]}).status_code == 409


@pytest.mark.parametrize("body", [{"items": "all"}, {"items": []}, {"flowVersion": 0}, {"more": 1}, {"items": ["x"]}])
def test_a_retry_that_makes_no_sense(api: Api, partial: str, body: dict[str, object]) -> None:
    assert api.post(f"/executions/{partial}/retry", json=body).status_code == 400
    assert api.get(f"/executions/{partial}").json()["generation"] == 0


def test_items_in_pages_and_as_lines(api: Api, partial: str) -> None:
    paths: list[str] = []
    cursor = None
    while True:
        page = api.get(f"/executions/{partial}/items", params={"limit": 4, "cursor": cursor}).json()
        paths += [item["path"] for item in page["data"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    lines = api.get(f"/executions/{partial}/items", headers={"Accept": "application/x-ndjson"})
    items = [json.loads(line) for line in lines.iter_lines()]
    assert paths == [item["path"] for item in items] == [str(n) for n in range(6)]
    assert items[3]["error"]["code"] == "http_status"
    assert items[0]["output"] == {"value": "0"}
    assert items[0]["nodes"][0]["durationMs"] >= 0


def test_results_in_three_forms(api: Api, partial: str) -> None:
    expected = [None if n == 3 else {"value": str(n)} for n in range(6)]
    path = f"/executions/{partial}/results"
    assert api.get(path).json() == expected
    lines = api.get(path, headers={"Accept": "application/x-ndjson"}).text.splitlines()
    assert [json.loads(line) for line in lines] == expected
    table = list(csv.DictReader(io.StringIO(api.get(path, headers={"Accept": "text/csv"}).text)))
    assert [row["value"] for row in table] == ["0", "1", "2", "", "4", "5"]


def test_the_log_in_order_and_by_filter(api: Api, partial: str) -> None:
    path = f"/executions/{partial}/logs"
    lines = api.get(path, params={"limit": 500}).json()["data"]
    assert sorted(line["itemPath"] for line in lines) == [str(n) for n in range(6)]
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    (wrong,) = api.get(path, params={"level": "error"}).json()["data"]
    assert (wrong["itemPath"], wrong["level"], wrong["node"]) == ("3", "error", "fetch")
    assert len(api.get(path, params={"after": lines[3]["seq"]}).json()["data"]) == 2
    assert len(api.get(path, params={"item": "2"}).json()["data"]) == 1
    assert api.get(path, params={"node": "other"}).json()["data"] == []
    first = api.get(path, params={"limit": 4}).json()
    rest = api.get(path, params={"limit": 4, "cursor": first["nextCursor"]}).json()
    assert first["data"] + rest["data"] == lines


def test_the_list_by_filter(api: Api, partial: str) -> None:
    body = api.get(f"/executions/{partial}").json()
    mine = {"flowId": body["flowId"]}
    assert [found["executionId"] for found in api.get("/flows/executions", params=mine).json()["data"]] == [partial]
    for matching in ({"status": "completed,failed"}, {"createdAfter": "2026-01-01"}, {"q": body["flowName"]}):
        assert len(api.get("/executions", params={**mine, **matching}).json()["data"]) == 1, matching
    for other in ({"status": "failed"}, {"createdBefore": body["createdAt"]}, {"kind": "evaluation"}, {"q": "zzz"}):
        assert api.get("/executions", params={**mine, **other}).json()["data"] == [], other
    assert body["metadata"] == {"by": "test"}


def test_the_list_in_pages(api: Api) -> None:
    flow = api.flow(GREET)
    started = [api.post(f"/flows/{flow}/execute", json={"name": "x"}).headers["Execution-Id"] for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = api.get("/executions", params={"flowId": flow, "limit": 2, "cursor": cursor}).json()
        seen += [found["executionId"] for found in page["data"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == started[::-1]


def test_delete_removes_it(api: Api, partial: str) -> None:
    assert api.delete(f"/executions/{partial}").status_code == 204
    for part in ("", "/items", "/results", "/logs"):
        assert api.get(f"/executions/{partial}{part}").status_code == 404


def test_results_outlive_their_flow(api: Api) -> None:
    flow = api.flow(GREET)
    location = api.post(f"/flows/{flow}/execute", json={"name": "Ada"}).headers["Location"]
    assert api.delete(f"/flows/{flow}").status_code == 204
    assert api.get(location).json()["results"] == {"greeting": "Hello Ada"}
    assert api.get(f"{location}/results").json() == {"greeting": "Hello Ada"}


def test_items_by_status_by_number_and_cut_off(api: Api, partial: str) -> None:
    def paths(**query: object) -> list[str]:
        answer = api.get(f"/executions/{partial}/items", params=query)
        assert answer.status_code == 200, answer.text
        return [item["path"] for item in answer.json()["data"]]

    assert paths(status="failed") == ["3"]
    assert paths(status="succeeded,skipped", skip=2) == ["2", "4", "5"]
    assert paths(status="failed,cancelled") == ["3"]
    assert paths(skip=4, limit=1) == ["4"]
    assert paths(skip=1, cursor="2", limit=1) == ["4"]
    assert paths(skip=6) == []
    assert api.get(f"/executions/{partial}/items?status=lost").json()["code"] == "status_unknown"
    cut = api.get(f"/executions/{partial}/items?preview=9&limit=1").json()["data"][0]
    assert (cut["input"], cut["output"]) == ('{"name":"', '{"value":')
    lines = api.get(f"/executions/{partial}/items?skip=4", headers={"Accept": "application/x-ndjson"})
    assert [json.loads(line)["path"] for line in lines.iter_lines()] == ["4", "5"]


def test_one_item(api: Api, other: Api, partial: str) -> None:
    item = api.get(f"/executions/{partial}/items/3").json()
    assert (item["path"], item["status"], item["error"]["code"]) == ("3", "failed", "http_status")
    assert api.get(f"/executions/{partial}/items/7").json()["code"] == "item_unknown"
    assert api.get(f"/executions/{partial}/items/x").status_code == 400
    assert other.get(f"/executions/{partial}/items/3").status_code == 404


def test_how_many_items_there_are(api: Api, partial: str) -> None:
    counts = api.get(f"/executions/{partial}/item-counts").json()
    assert counts == {"pending": 0, "succeeded": 5, "failed": 1, "skipped": 0, "cancelled": 0}


def test_the_receipt_of_a_cancel_stays_with_the_execution(api: Api, waiting: str) -> None:
    api.post(f"/executions/{waiting}/cancel")
    receipt = api.ended(waiting)["cancelReceipt"]
    assert receipt == api.post(f"/executions/{waiting}/cancel").json()["receipt"]
    assert receipt["itemsDropped"] == 1


def test_how_fast_items_finished(api: Api, partial: str) -> None:
    pace = api.get(f"/executions/{partial}/pace").json()
    assert pace["bucketMs"] >= 100
    assert sum(point["finished"] for point in pace["points"]) == 6
    assert sum(point["failed"] for point in pace["points"]) == 1
    for point in pace["points"]:
        assert 0 <= point["durationMsP50"] <= point["durationMsP95"]
        assert pace["begin"] <= point["at"] <= pace["end"]


def test_where_executions_stand_that_wait_to_start(api: Api, site: Site, waiting: str, gate: str) -> None:
    api.put("/limits", json={"maxRunningExecutions": 1}).raise_for_status()
    try:
        flow = api.flow(GREET)
        queued = [
            api.post(f"/flows/{flow}/executions", json={"inputs": [{"name": "Ada"}]}).json()["executionId"]
            for _ in range(2)
        ]
        shown = {body["executionId"]: body["queue"] for body in api.get("/executions?queue=true").json()["data"]}
        assert [shown[execution_id]["position"] for execution_id in queued] == [0, 1]
        assert shown[waiting] is None
        assert api.get("/executions").json()["data"][0]["queue"] is None
    finally:
        api.put("/limits", json={}).raise_for_status()
        site.open_gate(gate)
    assert [api.ended(execution_id)["status"] for execution_id in queued] == ["completed", "completed"]
