"""Schedules over HTTP, with the SDK and from the command line, against a real server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from click.testing import CliRunner

from penstock import BadRequestError, Penstock, RunOptions, ScheduleOptions
from penstock.cli.main import cli

from .conftest import ADMIN_KEY, GREET, Api, Running, Site, fetching

NEVER_SOON = "0 0 29 2 *"


@pytest.fixture
def flow(api: Api) -> str:
    return api.flow(GREET)


@pytest.fixture
def client(server: Running) -> Iterator[Penstock]:
    with Penstock(server.url, ADMIN_KEY) as client:
        yield client


def named() -> str:
    return f"schedule-{uuid.uuid4().hex[:10]}"


def add(api: Api, flow: str, **more: Any) -> dict[str, Any]:
    body = {"name": named(), "flow": flow, "cron": NEVER_SOON, "run": {"inputs": [{"name": "Ada"}]}, **more}
    answer = api.post("/schedules", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_schedule_from_its_making_to_its_end(api: Api, flow: str) -> None:
    made = add(api, flow, timezone="Europe/Berlin", overlap="queue", missed="all", catchUpSeconds=3600)
    path = f"/schedules/{made['id']}"
    assert api.get(path).json() == made
    assert api.get(f"/schedules/{made['name']}").json()["id"] == made["id"]
    assert made["flowId"] == flow
    assert made["run"] == {"inputs": [{"name": "Ada"}]}
    assert (made["overlap"], made["missed"], made["catchUpSeconds"]) == ("queue", "all", 3600)
    stopped = api.patch(path, json={"enabled": False}).json()
    assert (stopped["enabled"], stopped["nextAt"]) == (False, None)
    changed = api.patch(path, json={"enabled": True, "cron": "@yearly"}).json()
    assert changed["nextAt"].endswith("-12-31T23:00:00.000Z")
    assert changed["overlap"] == "queue"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_it_fires_and_says_what_came_of_it(api: Api, flow: str) -> None:
    made = add(api, flow, cron="* * * * * *", overlap="parallel")
    path = f"/schedules/{made['name']}"
    firings: list[dict[str, Any]] = []
    while len(firings) < 2 or firings[0]["outcome"] == "claimed":
        firings = api.get(f"{path}/firings").json()["data"]
    api.patch(path, json={"enabled": False})
    for firing in firings:
        assert (firing["outcome"], firing["trigger"], firing["reason"]) == ("started", "clock", None)
        ended = api.ended(firing["executionId"])
        assert ended["results"] == [{"greeting": "Hello Ada"}] or ended["results"] == {"greeting": "Hello Ada"}
    assert api.get(path).json()["lastFiredAt"] is not None
    first = api.get(f"{path}/firings", params={"limit": 1}).json()
    second = api.get(f"{path}/firings", params={"limit": 1, "cursor": first["nextCursor"]}).json()
    assert first["data"][0]["dueAt"] > second["data"][0]["dueAt"]


def test_overlap_looks_at_what_really_runs(api: Api, site: Site) -> None:
    """Executions that wait at a gate: skipped while the first is there, none once it is open."""
    gate = uuid.uuid4().hex
    flow = api.flow(fetching(site, "gate"))
    made = add(api, flow, cron="* * * * * *", run={"inputs": [{"name": gate}]}, overlap="skip")
    path = f"/schedules/{made['id']}"
    site.wait_for_arrival(gate)
    outcomes: list[str] = []
    while "skipped" not in outcomes:
        outcomes = [firing["outcome"] for firing in api.get(f"{path}/firings").json()["data"]]
    assert outcomes.count("started") == 1
    site.open_gate(gate)
    while outcomes.count("started") < 2:
        outcomes = [firing["outcome"] for firing in api.get(f"{path}/firings").json()["data"]]
    api.delete(path)


def test_a_queue_goes_on_when_the_earlier_run_ends(api: Api, site: Site) -> None:
    gate = uuid.uuid4().hex
    flow = api.flow(fetching(site, "gate"))
    made = add(api, flow, cron="* * * * * *", run={"inputs": [{"name": gate}]}, overlap="queue")
    path = f"/schedules/{made['id']}"
    outcomes: list[str] = []
    while outcomes.count("queued") < 2:
        outcomes = [firing["outcome"] for firing in api.get(f"{path}/firings").json()["data"]]
    api.patch(path, json={"enabled": False})
    site.open_gate(gate)
    firings: list[dict[str, Any]] = [{"outcome": "queued"}]
    while any(firing["outcome"] != "started" for firing in firings):
        firings = api.get(f"{path}/firings").json()["data"]
    runs = [api.ended(firing["executionId"]) for firing in reversed(firings)]
    for earlier, later in pairwise(runs):
        assert earlier["finishedAt"] <= later["startedAt"]


def test_run_now_and_its_idempotency_key(api: Api, flow: str) -> None:
    made = add(api, flow, enabled=False)
    path = f"/schedules/{made['id']}/run"
    first, again = [api.post(path, headers={"Idempotency-Key": made["id"]}) for _ in range(2)]
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["executionId"] == again.json()["executionId"]
    other = add(api, flow, enabled=False)
    used = api.post(f"/schedules/{other['id']}/run", headers={"Idempotency-Key": made["id"]})
    assert used.status_code == 422
    (firing,) = api.get(f"/schedules/{made['id']}/firings").json()["data"]
    assert (firing["trigger"], firing["executionId"]) == ("manual", first.json()["executionId"])
    assert api.ended(first.json()["executionId"])["status"] == "completed"


@pytest.mark.parametrize(
    ("wrong", "status", "code", "path"),
    [
        ({"cron": "whenever"}, 400, "cron_invalid", "cron"),
        ({"timezone": "Middle/Earth"}, 400, "timezone_unknown", "timezone"),
        ({"flow": "nothing"}, 404, "flow_unknown", None),
        ({"run": {"inputs": [{}]}}, 400, "invalid_input", "inputs[0].name"),
        ({"run": {"inputs": [{"name": "x"}], "mode": "sync"}}, 400, "body_invalid", "run.mode"),
        ({"run": {"inputs": [{"name": "x"}], "webhook": "ftp://x"}}, 400, "webhook_url_invalid", "run.webhook"),
        ({"overlap": "maybe"}, 400, "body_invalid", "overlap"),
        ({"catchUpSeconds": 10**9}, 400, "body_invalid", "catchUpSeconds"),
        ({"name": "  "}, 400, "name_invalid", "name"),
    ],
)
def test_what_is_wrong_is_named(
    api: Api, flow: str, wrong: dict[str, Any], status: int, code: str, path: str | None
) -> None:
    body = {"name": named(), "flow": flow, "cron": NEVER_SOON, "run": {"inputs": [{"name": "Ada"}]}, **wrong}
    answer = api.post("/schedules", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    if path is not None:
        assert path in [fault["path"] for fault in answer.json()["errors"]]


def test_a_name_is_taken_once(api: Api, flow: str) -> None:
    made = add(api, flow)
    again = api.post("/schedules", json={"name": made["name"], "flow": flow, "cron": NEVER_SOON, "run": made["run"]})
    assert (again.status_code, again.json()["code"]) == (409, "schedule_exists")


def test_preview_shows_the_night_the_clock_goes_forward(api: Api) -> None:
    body = {"cron": "30 2 29 3 *", "timezone": "Europe/Berlin", "count": 2}
    due = api.post("/schedules/preview", json=body).json()["due"]
    assert len(due) == 2
    assert all(time["at"].endswith("Z") and time["local"][19:] in ("+01:00", "+02:00") for time in due)
    assert api.post("/schedules/preview", json={"cron": "x"}).status_code == 400


def test_whoever_may_not_run_may_not_schedule(api: Api, server: Running, flow: str) -> None:
    made = add(api, flow)
    key = api.post("/keys", json={"name": named(), "scopes": ["schedules:write", "schedules:read"]}).json()["key"]
    with Api(server.url, key) as writer:
        body = {"name": named(), "flow": flow, "cron": NEVER_SOON, "run": made["run"]}
        assert writer.post("/schedules", json=body).status_code == 403
        assert writer.patch(f"/schedules/{made['id']}", json={"cron": "* * * * *"}).status_code == 403
        assert writer.post(f"/schedules/{made['id']}/run").status_code == 403
        assert writer.get(f"/schedules/{made['id']}").status_code == 200
        assert writer.delete(f"/schedules/{made['id']}").status_code == 204


def test_whoever_may_not_judge_starts_no_schedule_of_judges(api: Api, server: Running) -> None:
    body = {"name": named(), "cron": NEVER_SOON, "judging": {"judges": ["tone"]}}
    made = api.post("/schedules", json=body).json()
    scopes = ["schedules:write", "schedules:read", "executions:run"]
    key = api.post("/keys", json={"name": named(), "scopes": scopes}).json()["key"]
    with Api(server.url, key) as writer:
        for refused in (
            writer.post("/schedules", json={**body, "name": named()}),
            writer.patch(f"/schedules/{made['id']}", json={"cron": "* * * * *"}),
            writer.post(f"/schedules/{made['id']}/run"),
        ):
            assert (refused.status_code, "judges:run" in refused.json()["detail"]) == (403, True)
        assert writer.delete(f"/schedules/{made['id']}").status_code == 204


def test_nobody_else_sees_it(api: Api, other: Api, flow: str) -> None:
    made = add(api, flow)
    for call in (other.get, other.delete):
        assert call(f"/schedules/{made['id']}").status_code == 404
    assert other.patch(f"/schedules/{made['id']}", json={"enabled": False}).status_code == 404
    assert other.post(f"/schedules/{made['id']}/run").status_code == 404
    assert other.get(f"/schedules/{made['id']}/firings").status_code == 404
    assert made["id"] not in [one["id"] for one in other.get("/schedules").json()["data"]]


def test_the_sdk_keeps_schedules(client: Penstock, flow: str) -> None:
    name = named()
    options = ScheduleOptions(timezone="America/New_York", overlap="parallel")
    made = client.schedules.create(
        name, flow, "@daily", inputs=[{"name": "Ada"}], run=RunOptions(concurrency=2), options=options
    )
    assert (made.timezone, made.overlap, made.run["concurrency"]) == ("America/New_York", "parallel", 2)
    assert made.next_at is not None
    assert made.next_at - datetime.now(UTC) <= timedelta(days=1, hours=1)
    assert name in [schedule.name for schedule in client.schedules.list()]
    assert not client.schedules.pause(name).enabled
    assert client.schedules.resume(name).enabled
    handle = client.schedules.run(name)
    assert handle.wait(60).status == "completed"
    (firing,) = client.schedules.firings(name)
    assert (firing.execution_id, firing.trigger) == (handle.id, "manual")
    assert len(client.schedules.preview("0 6 * * *", "Asia/Tokyo", count=3)) == 3
    with pytest.raises(BadRequestError, match="cron"):
        client.schedules.update(name, {"cron": "no"})
    client.schedules.delete(name)


def test_the_command_line_keeps_schedules(server: Running, flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_URL", server.url)
    monkeypatch.setenv("PENSTOCK_API_KEY", ADMIN_KEY)
    name = named()

    def penstock(*words: str, exit_code: int = 0) -> str:
        done = CliRunner().invoke(cli, ["schedules", *words], prog_name="penstock")
        assert done.exit_code == exit_code, done.output
        return done.output

    added = penstock("add", name, flow, "0 6 * * *", "--timezone", "Europe/Berlin", "--input", "name=Ada")
    assert "Europe/Berlin" in added
    assert name in penstock("list")
    assert "paused" in penstock("pause", name)
    assert "paused" not in penstock("resume", name)
    assert "exec_" in penstock("run", name)
    shown = penstock("show", name)
    assert "started" in shown
    assert "exec_" in shown
    penstock("add", name, flow, "0 6 * * *", "--input", "name=Ada", exit_code=1)
    penstock("remove", name)
    penstock("show", name, exit_code=1)
