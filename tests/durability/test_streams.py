"""Whoever follows an execution through kills of the server is told every number once: none missing, none twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock import DoneEvent, ItemEvent, Penstock, StatusEvent
from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import API_KEY, PenstockProcess

ROWS = 300

FLOW = """
name: ask
input: {row: {type: integer, required: true}}
nodes:
  answer: {type: prompt, model: stand-in, prompt: "row {{ row }};", inputs: {row: input.row}}
  check:
    type: transform
    inputs: {row: input.row, answer: answer.out}
    expression: "row / (0 if row % 10 == 3 else 1)"
output: {checked: check.out}
"""


@pytest.fixture
def penstock(tmp_path: Path) -> Iterator[PenstockProcess]:
    with ModelServer.start(delay_ms=20) as model, PenstockProcess(tmp_path / "data") as server:
        body = {"name": "stand-in", "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k", "modelName": "m"}
        server.post("/models", body).raise_for_status()
        server.save_flow(FLOW)
        yield server


def begin(penstock: PenstockProcess) -> str:
    body = {"inputs": [{"row": n} for n in range(ROWS)], "mode": "async", "concurrency": 10}
    response = penstock.post("/flows/ask/executions", body)
    assert response.status_code == 202, response.text
    return str(response.json()["executionId"])


class Follower:
    """Follows an execution in a thread of its own, over as many connections as it takes."""

    def __init__(self, penstock: PenstockProcess, execution_id: str, after: int | None = None) -> None:
        self.numbers: list[int] = []
        self.paths: list[str] = []
        self.statuses: list[str] = []
        self.end: DoneEvent | None = None
        self._fault: Exception | None = None
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._follow, args=(penstock.url, execution_id, after))
        self._thread.start()

    def _follow(self, url: str, execution_id: str, after: int | None) -> None:
        try:
            with Penstock(url, API_KEY) as client:
                for event in client.executions.get(execution_id).events(after=after):
                    with self._more:
                        self._note(event)
                        self._more.notify_all()
        except Exception as fault:  # noqa: BLE001 - raised again where the thread is joined
            self._fault = fault

    def _note(self, event: Any) -> None:
        match event:
            case StatusEvent(seq=seq, status=status):
                self.numbers.append(seq)
                self.statuses.append(status)
            case ItemEvent(seq=seq, path=path):
                self.numbers.append(seq)
                self.paths.append(path)
            case DoneEvent():
                self.end = event

    def wait_for(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.numbers) >= count, 60)

    def finish(self) -> DoneEvent:
        self._thread.join(60)
        if self._fault is not None:
            raise self._fault
        assert self.end is not None
        return self.end


def seq_of(penstock: PenstockProcess, execution_id: str) -> int:
    return int(penstock.client.get(f"/executions/{execution_id}").json()["seq"])


def test_every_number_comes_once_through_kills(penstock: PenstockProcess) -> None:
    execution_id = begin(penstock)
    follower = Follower(penstock, execution_id)
    for count in (40, 120, 200):
        follower.wait_for(count)
        penstock.kill()
        penstock.start()
    end = follower.finish()
    assert follower.numbers == list(range(1, seq_of(penstock, execution_id) + 1))
    assert sorted(map(int, follower.paths)) == list(range(ROWS))
    assert end.progress.counts.failed == ROWS // 10
    late = Follower(penstock, execution_id)
    late.finish()
    assert (late.numbers, late.paths) == (follower.numbers, follower.paths)


def test_a_retry_and_a_kill_go_on_from_the_last_number(penstock: PenstockProcess) -> None:
    execution_id = begin(penstock)
    first = Follower(penstock, execution_id)
    first.finish()
    penstock.post(f"/executions/{execution_id}/retry", {"items": "failed"}).raise_for_status()
    second = Follower(penstock, execution_id, after=first.numbers[-1])
    penstock.kill()
    penstock.start()
    end = second.finish()
    assert first.numbers + second.numbers == list(range(1, seq_of(penstock, execution_id) + 1))
    assert end.progress.generation == 1
    assert sorted(map(int, second.paths)) == [row for row in range(ROWS) if row % 10 == 3]
    whole = Follower(penstock, execution_id)
    whole.finish()
    assert whole.numbers == first.numbers + second.numbers
    assert whole.paths == first.paths + second.paths


def test_a_cancel_and_a_kill_leave_no_gap(penstock: PenstockProcess) -> None:
    execution_id = begin(penstock)
    follower = Follower(penstock, execution_id)
    follower.wait_for(60)
    cancelling = threading.Thread(target=_cancel, args=(penstock.url, execution_id))
    cancelling.start()
    follower.wait_for(len(follower.numbers) + 1)
    penstock.kill()
    cancelling.join()
    penstock.start()
    penstock.client.post(f"/executions/{execution_id}/cancel")
    follower.finish()
    assert follower.numbers == list(range(1, seq_of(penstock, execution_id) + 1))
    assert follower.statuses[-1] == "cancelled"
    assert len(follower.paths) == len(set(follower.paths)) < ROWS


def _cancel(url: str, execution_id: str) -> None:
    try:
        httpx2.post(f"{url}/executions/{execution_id}/cancel", headers={"X-API-Key": API_KEY}, timeout=30)
    except httpx2.TransportError:
        return  # The server was killed before it could answer.
