"""Penstock is killed with -9 around a webhook: it is delivered at least once, under one id."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock.testing.penstock_process import PenstockProcess, free_port
from penstock.testing.receiver import WebhookReceiver

FLOW = """
name: greet
input: {name: {type: string, required: true}}
nodes: {hello: {type: transform, inputs: {name: input.name}, expression: "'Hello ' ~ name"}}
output: {greeting: hello.out}
"""
ALLOWED = {"PENSTOCK_ALLOWED_NETWORKS": "127.0.0.0/8", "PENSTOCK_WEBHOOK_SCHEDULE_SECONDS": "0" + ",0.2" * 200}


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def start(penstock: PenstockProcess, url: str) -> str:
    body = {"name": "Ada", "webhook": url}
    answer = penstock.post("/flows/greet/execute-async", body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["executionId"])


def begin_and_die(folder: Path, point: str, url: str) -> str:
    """Start a run in a process that dies at a point on the way to its webhook; the id of the run."""
    with PenstockProcess(folder, environment={**ALLOWED, "PENSTOCK_CRASH_AT": point}) as doomed:
        doomed.save_flow(FLOW)
        with contextlib.suppress(httpx2.TransportError):
            start(doomed, url)
            while True:
                doomed.client.get("/healthz")
                time.sleep(0.01)
    with closing(sqlite3.connect(folder / "penstock.db")) as store:
        ((execution_id,),) = store.execute("select id from executions").fetchall()
    return str(execution_id)


def delivered(penstock: PenstockProcess, execution_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The deliveries of an execution, when there are so many and none waits."""
    while True:
        answer = penstock.client.get("/webhooks/deliveries", params={"execution": execution_id})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]
        if len(found) >= count and all(delivery["status"] != "pending" for delivery in found):
            return found
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("point", "attempts"),
    [("end.in_transaction", 1), ("end.after_commit", 1), ("webhook.in_transaction", 1), ("webhook.answered", 2)],
)
def test_a_kill_on_the_way_loses_no_webhook_and_makes_none_twice(
    tmp_path: Path, receiver: WebhookReceiver, point: str, attempts: int
) -> None:
    execution_id = begin_and_die(tmp_path / "data", point, receiver.url)
    with PenstockProcess(tmp_path / "data", environment=ALLOWED) as penstock:
        (delivery,) = delivered(penstock, execution_id)
        assert delivery["status"] == "delivered"
    got = receiver.received()
    assert [one.id for one in got] == [delivery["id"]] * attempts
    assert json.loads(got[0].body)["data"]["executionId"] == execution_id
    assert len({one.body for one in got}) == 1


def test_a_burst_of_ends_survives_kills_at_any_moment(tmp_path: Path, receiver: WebhookReceiver) -> None:
    with PenstockProcess(tmp_path / "data", environment=ALLOWED) as penstock:
        penstock.save_flow(FLOW)
        executions = set()
        for _ in range(3):
            executions |= {start(penstock, receiver.url) for _ in range(15)}
            receiver.wait_for(len(receiver.received()) + 2)
            penstock.kill()
            penstock.start()
        for execution_id in executions:
            (delivery,) = delivered(penstock, execution_id)
            assert delivery["status"] == "delivered"
    told = {json.loads(one.body)["data"]["executionId"]: one.id for one in receiver.received()}
    assert set(told) == executions
    assert len({one.id for one in receiver.received()}) == len(executions), "one message for each end"
    with closing(sqlite3.connect(tmp_path / "data" / "penstock.db")) as store:
        assert store.execute("select count(*) from outbox").fetchone() == (0,)


def test_a_receiver_that_is_down_across_a_restart_gets_it_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    with PenstockProcess(tmp_path / "data", environment=ALLOWED) as penstock:
        penstock.save_flow(FLOW)
        execution_id = start(penstock, f"http://127.0.0.1:{port}/hook")
        attempted(penstock, execution_id)
        penstock.kill()
        penstock.start()
        with WebhookReceiver(port) as back:
            (got,) = back.wait_for(1)
            (delivery,) = delivered(penstock, execution_id)
    assert got.id == delivery["id"]
    assert delivery["attemptCount"] >= 2


def attempted(penstock: PenstockProcess, execution_id: str) -> None:
    """Return once an attempt at the execution's webhook is recorded."""
    while True:
        answer: httpx2.Response = penstock.client.get("/webhooks/deliveries", params={"execution": execution_id})
        if any(delivery["attemptCount"] for delivery in answer.json()["data"]):
            return
        time.sleep(0.02)
