"""Penstock is killed while it fires schedules: each due time starts one execution, none is lost and none is doubled."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock.testing.penstock_process import PenstockProcess

FLOW = """
name: tick
nodes: {one: {type: transform, expression: "1"}}
output: {one: one.out}
"""
SECOND = 1000
HOUR = 3_600_000


def rows(folder: Path, sql: str, *args: Any) -> list[sqlite3.Row]:
    """Read behind Penstock's back."""
    with closing(sqlite3.connect(folder / "penstock.db")) as store:
        store.row_factory = sqlite3.Row
        return store.execute(sql, args).fetchall()


def add(server: PenstockProcess, name: str = "s", **more: Any) -> str:
    body = {"name": name, "flow": "tick", "cron": "* * * * * *", "overlap": "parallel", "missed": "all", **more}
    response = server.post("/schedules", body)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def wait_for_death(server: PenstockProcess) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            server.client.get("/healthz")
        except httpx2.TransportError:
            server.kill()
            return
        time.sleep(0.02)
    raise TimeoutError("it did not die")


def wait_for_firings(folder: Path, wanted: int) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        (row,) = rows(folder, "select count(*) as n from schedule_firings where outcome = 'started'")
        if row["n"] >= wanted:
            return
        time.sleep(0.05)
    raise TimeoutError(f"not {wanted} firings")


def let_it_rest(server: PenstockProcess, names: list[str]) -> None:
    """Fire no more, and wait until everything that was started is over."""
    for name in names:
        assert server.client.patch(f"/schedules/{name}", json={"enabled": False}).status_code == 200
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        (open_firings,) = rows(server.data_dir, "select count(*) as n from schedule_firings where outcome is null")
        (open_runs,) = rows(server.data_dir, "select count(*) as n from executions where status <> 'completed'")
        if open_firings["n"] == open_runs["n"] == 0:
            return
        time.sleep(0.05)
    raise TimeoutError("it does not come to rest")


def check_exactly_once(folder: Path) -> None:
    """Every second from the first to the last of each schedule, once, with an execution of its own."""
    firings = rows(folder, "select * from schedule_firings order by schedule_id, due_at")
    executions = {row["id"] for row in rows(folder, "select id from executions")}
    assert {row["outcome"] for row in firings} == {"started"}
    assert len({row["execution_id"] for row in firings}) == len(firings)
    assert {row["execution_id"] for row in firings} == executions
    for schedule_id in {row["schedule_id"] for row in firings}:
        due = [row["due_at"] for row in firings if row["schedule_id"] == schedule_id]
        assert due == list(range(due[0], due[-1] + SECOND, SECOND))


@pytest.mark.parametrize("point", ["schedule.claimed", "schedule.in_transaction", "schedule.started"])
def test_killed_between_the_claim_and_the_start(tmp_path: Path, point: str) -> None:
    folder = tmp_path / "data"
    with PenstockProcess(folder, environment={"PENSTOCK_CRASH_AT": f"{point}:2"}) as server:
        server.save_flow(FLOW)
        add(server)
        wait_for_death(server)
    before = len(rows(folder, "select 1 from executions"))
    assert before == (2 if point == "schedule.started" else 1), "the kill must fall into the second firing"
    with PenstockProcess(folder) as server:
        wait_for_firings(folder, before + 2)
        let_it_rest(server, ["s"])
    check_exactly_once(folder)


@pytest.fixture
def ticking(tmp_path: Path) -> Iterator[tuple[PenstockProcess, list[str]]]:
    with PenstockProcess(tmp_path / "data") as server:
        server.save_flow(FLOW)
        names = [f"s{number}" for number in range(10)]
        for name in names:
            add(server, name)
        yield server, names


def test_killed_at_random_moments(ticking: tuple[PenstockProcess, list[str]]) -> None:
    server, names = ticking
    draw = random.Random(11)
    fired = 0
    for _ in range(4):
        fired += 10
        wait_for_firings(server.data_dir, fired)
        time.sleep(draw.uniform(0.0, 0.9))
        server.kill()
        server.start()
    wait_for_firings(server.data_dir, fired + 10)
    let_it_rest(server, names)
    check_exactly_once(server.data_dir)


def test_sigterm_loses_nothing_either(ticking: tuple[PenstockProcess, list[str]]) -> None:
    server, names = ticking
    for stop in range(1, 3):
        wait_for_firings(server.data_dir, 15 * stop)
        assert server.terminate() == 0
        server.start()
    wait_for_firings(server.data_dir, 50)
    let_it_rest(server, names)
    check_exactly_once(server.data_dir)


def test_what_passed_while_nothing_ran(tmp_path: Path) -> None:
    wanted = {"skip": ["missed"] * 5, "once": ["missed"] * 4 + ["started"], "all": ["started"] * 5}
    folder = tmp_path / "data"
    with PenstockProcess(folder) as server:
        server.save_flow(FLOW)
        minute = (time.localtime().tm_min + 30) % 60
        for policy in wanted:
            add(server, policy, cron=f"{minute} * * * *", missed=policy)
        server.kill()
        with closing(sqlite3.connect(folder / "penstock.db")) as store, store:
            store.execute("update schedules set next_at = next_at - ?", (5 * HOUR,))
        server.start()
        firings = {policy: settled(server, policy) for policy in wanted}
        outcomes = {policy: [firing["outcome"] for firing in reversed(found)] for policy, found in firings.items()}
        assert outcomes == wanted
        # And once more: nothing of it comes again.
        server.kill()
        server.start()
        assert {policy: settled(server, policy) for policy in wanted} == firings


def settled(server: PenstockProcess, name: str) -> list[dict[str, Any]]:
    """The firings of a schedule, newest first, when there are five and none is under way."""
    while True:
        found: list[dict[str, Any]] = server.client.get(f"/schedules/{name}/firings").json()["data"]
        if len(found) >= 5 and all(firing["outcome"] != "claimed" for firing in found):
            return found
