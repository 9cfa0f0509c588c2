"""Limits of keys and projects, and what those who wait are told, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import GREET, Api, Running, Site, fetching


@pytest.fixture
def unlimited(other: Api) -> Iterator[Api]:
    """The other tenant, whose limits are taken back at the end."""
    yield other
    assert other.put("/limits", json={}).status_code == 200


def test_limits_are_shown_and_changed_by_whoever_may(unlimited: Api, server: Running, api: Api) -> None:
    shown = unlimited.get("/limits").json()
    assert shown["maxRunningExecutions"] is None
    assert shown["effective"]["maxRunningExecutions"] == 256
    changed = unlimited.put("/limits", json={"weight": 2.5, "maxRunningExecutions": 3, "retentionDays": 30}).json()
    assert changed == unlimited.get("/limits").json()
    assert (changed["weight"], changed["effective"]["maxRunningExecutions"]) == (2.5, 3)
    assert api.get("/limits").json()["weight"] == 1.0
    made = unlimited.post("/keys", json={"name": "reader", "scopes": ["limits:read"]}).json()
    with Api(server.url, made["key"]) as reader:
        assert reader.get("/limits").json() == changed
        assert reader.put("/limits", json={}).json()["code"] == "scope_missing"


@pytest.mark.parametrize(
    ("body", "path"),
    [({"weight": 0}, "weight"), ({"maxItemsInFlight": 0}, "maxItemsInFlight"), ({"maxFun": 3}, "maxFun")],
)
def test_limits_that_make_no_sense_are_refused_by_name(api: Api, body: dict[str, Any], path: str) -> None:
    answer = api.put("/limits", json=body)
    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]


def test_a_key_s_own_limit_is_told_with_each_answer_and_kept(api: Api, server: Running) -> None:
    made = api.post("/keys", json={"name": "slow", "scopes": ["flows:read"], "requestsPerMinute": 2}).json()
    assert made["requestsPerMinute"] == 2
    with Api(server.url, made["key"]) as slow:
        first = slow.get("/flows")
        assert first.headers["RateLimit-Policy"] == '"key";q=2;w=60'
        assert first.headers["RateLimit"].startswith('"key";r=1;t=')
        assert slow.get("/flows/nothing-of-this-name").headers["RateLimit"].startswith('"key";r=0;')
        refused = slow.get("/flows")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 30
        assert refused.headers["RateLimit"].startswith('"key";r=0;')
        assert slow.get("/healthz").status_code == 200
    assert "RateLimit" not in api.get("/flows").headers


def test_a_project_s_requests_a_minute_hold_for_its_keys_together(unlimited: Api) -> None:
    made = unlimited.post(
        "/keys", json={"name": "admin", "scopes": ["limits:write"], "requestsPerMinute": 1_000}
    ).json()
    unlimited.put("/limits", json={"requestsPerMinute": 1})
    assert unlimited.get("/flows").status_code == 200
    refused = unlimited.get("/flows")
    assert refused.json()["code"] == "rate_limited"
    assert "requestsPerMinute" in refused.json()["detail"]
    with Api(unlimited.url, made["key"]) as admin:
        assert admin.put("/limits", json={}).status_code == 200


def test_a_full_queue_of_one_tenant_refuses_it_and_nobody_else(unlimited: Api, api: Api, site: Site) -> None:
    unlimited.put("/limits", json={"maxQueuedExecutions": 1})
    flow = unlimited.flow(fetching(site, "gate"))
    held = unlimited.post(f"/flows/{flow}/execute-async", json={"name": "full-queue"})
    assert held.status_code == 202
    # The count may be a second old.
    answer = unlimited.post(f"/flows/{flow}/execute-async", json={"name": "full-queue"})
    while answer.status_code == 202:
        answer = unlimited.post(f"/flows/{flow}/execute-async", json={"name": "full-queue"})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_executions")
    assert "maxQueuedExecutions" in answer.json()["detail"]
    assert answer.headers["Retry-After"]
    assert api.post(f"/flows/{api.flow(GREET)}/execute", json={"name": "Ada"}).status_code == 200
    site.open_gate("full-queue")
    assert unlimited.ended(held.json()["executionId"])["status"] == "completed"


def test_a_tenant_at_its_limit_waits_and_holds_up_nobody(unlimited: Api, api: Api, site: Site) -> None:
    unlimited.put("/limits", json={"maxRunningExecutions": 1})
    flow = unlimited.flow(fetching(site, "gate"))
    running = unlimited.post(f"/flows/{flow}/execute-async", json={"name": "one-place"}).json()
    site.wait_for_arrival("one-place")
    waiting = [unlimited.post(f"/flows/{flow}/execute-async", json={"name": f"later-{n}"}).json() for n in range(3)]
    assert [handle["queue"]["position"] for handle in waiting] == [0, 1, 2]
    progress = unlimited.get(f"/executions/{waiting[2]['executionId']}").json()
    assert (progress["status"], progress["queue"]["position"]) == ("pending", 2)
    assert "later-0" not in site.arrived
    assert api.post(f"/flows/{api.flow(GREET)}/execute", json={"name": "Ada"}).status_code == 200
    for name in ("one-place", "later-0", "later-1", "later-2"):
        site.open_gate(name)
    for handle in (running, *waiting):
        ended = unlimited.ended(handle["executionId"])
        assert (ended["status"], ended["queue"]) == ("completed", None)
    assert [name for name in site.arrived if name.startswith("later-")] == ["later-0", "later-1", "later-2"]
