"""Sync calls outlive their caller, and their server: whoever waits gets the result, and nothing runs twice."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from penstock import APIConnectionError, AsyncPenstock, ExecutionTimeout, Penstock
from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import API_KEY, PenstockProcess, free_port

FLOW = """
name: answer
input: {question: {type: string, required: true}}
nodes:
  ask: {type: prompt, model: stand-in, prompt: "{{ question }}", inputs: {question: input.question}}
  again: {type: prompt, model: stand-in, prompt: "after {{ first }}", inputs: {first: ask.out}}
output: {answer: again.out}
"""


@pytest.fixture(scope="module")
def started_model() -> Iterator[ModelServer]:
    with ModelServer.start(delay_ms=1000) as server:
        yield server


@pytest.fixture
def model(started_model: ModelServer) -> ModelServer:
    """What it has been asked is counted anew."""
    started_model.script([])
    started_model.reset()
    return started_model


@contextmanager
def penstock_with(folder: Path, model: ModelServer, **environment: str) -> Iterator[PenstockProcess]:
    with PenstockProcess(folder, environment=environment) as server:
        body = {"name": "stand-in", "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k", "modelName": "m"}
        server.post("/models", body).raise_for_status()
        server.save_flow(FLOW)
        yield server


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, started_model: ModelServer) -> Iterator[PenstockProcess]:
    with penstock_with(tmp_path_factory.mktemp("waits") / "data", started_model) as server:
        yield server


@pytest.fixture
def penstock(started: PenstockProcess, model: ModelServer) -> Iterator[PenstockProcess]:
    """One server for all of these tests, without executions at the end of each."""
    yield started
    for execution in executions(started):
        started.wait(execution["executionId"])
        started.client.delete(f"/executions/{execution['executionId']}").raise_for_status()


def wait_for_calls(model: ModelServer, wanted: int) -> None:
    while model.stats()["calls"] < wanted:
        time.sleep(0.01)


def executions(server: PenstockProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get("/executions").json()["data"]
    return found


def blocking(server: PenstockProcess) -> Any:
    with Penstock(server.url, API_KEY) as client:
        return client.flows.execute("answer", {"question": "why"})


def asynchronous(server: PenstockProcess) -> Any:
    async def call() -> Any:
        async with AsyncPenstock(server.url, API_KEY) as client:
            return await client.flows.execute("answer", {"question": "why"})

    return asyncio.run(call())


def by_handle(server: PenstockProcess) -> Any:
    with Penstock(server.url, API_KEY) as client:
        return client.flows.execute_async("answer", {"question": "why"}).wait(120).results


@pytest.mark.parametrize(
    ("ask", "way"), [(blocking, "kill"), (blocking, "terminate"), (asynchronous, "kill"), (by_handle, "terminate")]
)
def test_a_caller_of_the_sdk_does_not_notice_that_the_server_was_restarted(
    penstock: PenstockProcess, model: ModelServer, ask: Callable[[PenstockProcess], Any], way: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, penstock)
        wait_for_calls(model, 2)
        getattr(penstock, way)()
        assert not asked.done()
        penstock.start()
        results = asked.result(timeout=90)
    assert set(results) == {"answer"}
    (execution,) = executions(penstock)
    assert execution["status"] == "completed"
    prompts = [call["prompt"] for call in model.calls()]
    assert prompts.count("why") == 1, "what was recorded before the restart is not asked again"


def test_a_wait_lasts_longer_than_the_retries(penstock: PenstockProcess, model: ModelServer) -> None:
    """A server that is away for longer than any number of retries would take."""

    def ask() -> Any:
        with Penstock(penstock.url, API_KEY, max_retries=1) as client:
            return client.flows.execute("answer", {"question": "why"})

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        wait_for_calls(model, 1)
        penstock.kill()
        time.sleep(3)
        assert not asked.done()
        penstock.start()
        assert set(asked.result(timeout=90)) == {"answer"}
    assert len(executions(penstock)) == 1


def test_a_server_that_was_never_there_is_told_soon() -> None:
    with (
        Penstock(f"http://127.0.0.1:{free_port()}", API_KEY, max_retries=1) as client,
        pytest.raises(APIConnectionError, match="cannot reach"),
    ):
        client.flows.execute("answer", {"question": "why"})


def raw_request(server: PenstockProcess, key: str) -> bytes:
    body = json.dumps({"question": "why"}).encode()
    lines = [
        "POST /flows/answer/execute HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: Bearer {API_KEY}",
        f"Idempotency-Key: {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_socket_closed_in_the_middle_leaves_the_run_going_and_the_key_attaches(
    penstock: PenstockProcess, model: ModelServer
) -> None:
    with socket.create_connection(("127.0.0.1", penstock.port)) as caller:
        caller.sendall(raw_request(penstock, "order-7"))
        wait_for_calls(model, 1)
    answer = penstock.post("/flows/answer/execute", {"question": "why"}, **{"Idempotency-Key": "order-7"})
    assert answer.status_code == 200
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert set(answer.json()) == {"answer"}
    assert model.stats()["calls"] == 2
    (execution,) = executions(penstock)
    assert execution["executionId"] == answer.headers["Execution-Id"]


def test_a_run_whose_caller_has_gone_ends_although_nobody_asks(penstock: PenstockProcess, model: ModelServer) -> None:
    with socket.create_connection(("127.0.0.1", penstock.port)) as caller:
        caller.sendall(raw_request(penstock, "order-8"))
        wait_for_calls(model, 1)
    (execution,) = executions(penstock)
    assert penstock.wait(execution["executionId"])["status"] == "completed"


def test_a_wait_that_is_over_hands_over_and_the_sdk_goes_on_with_it(penstock: PenstockProcess) -> None:
    with Penstock(penstock.url, API_KEY) as client:
        handle = client.flows.execute("answer", {"question": "why"}, wait=1)
        assert handle.status in ("pending", "running")
        assert set(handle.wait(60).results) == {"answer"}
    assert [execution["executionId"] for execution in executions(penstock)] == [handle.id]


def test_at_the_end_of_the_time_for_sync_calls_the_run_ends_and_is_named(tmp_path: Path, model: ModelServer) -> None:
    with penstock_with(tmp_path / "data", model, PENSTOCK_SYNC_DEADLINE_SECONDS="0.5") as server:
        key = {"Idempotency-Key": "order-9"}
        first, again = [server.post("/flows/answer/execute", {"question": "why"}, **key) for _ in range(2)]
        assert (first.status_code, first.json()["code"]) == (504, "execution_timeout")
        assert again.status_code == 504
        assert again.json()["executionId"] == first.json()["executionId"]
        assert server.client.get(first.json()["links"]["self"]).json()["status"] == "timeout"
        with Penstock(server.url, API_KEY) as client, pytest.raises(ExecutionTimeout):
            client.flows.execute("answer", {"question": "why"})
        # A caller who may be handed over is under the async deadline, so the same run completes.
        handed = server.post("/flows/answer/execute", {"question": "why"}, Prefer="wait=1")
        assert handed.status_code == 202
        assert server.wait(handed.json()["executionId"])["status"] == "completed"


@pytest.mark.parametrize("call", ["execute", "execute-async"])
def test_a_hundred_of_the_same_at_once_are_one_execution(
    penstock: PenstockProcess, model: ModelServer, call: str
) -> None:
    together = threading.Barrier(100)

    def ask(_: int) -> tuple[int, str, Any]:
        together.wait(30)
        answer = penstock.post(f"/flows/answer/{call}", {"question": "why"}, **{"Idempotency-Key": f"same-{call}"})
        return answer.status_code, answer.headers["Execution-Id"], answer.json()

    penstock.client.timeout = 90
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(100)))
    (execution,) = executions(penstock)
    assert {told for _, told, _ in answers} == {execution["executionId"]}
    assert {status for status, _, _ in answers} == {200 if call == "execute" else 202}
    if call == "execute":
        assert len({json.dumps(body) for _, _, body in answers}) == 1
    penstock.wait(execution["executionId"])
    assert model.stats()["calls"] == 2


def test_a_retry_with_a_key_is_made_once(penstock: PenstockProcess, model: ModelServer) -> None:
    model.script([{"contains": "why", "status": 400, "times": 1}])
    failed = penstock.post("/flows/answer/execute", {"question": "why"})
    assert failed.status_code == 500
    path = f"/executions/{failed.json()['executionId']}/retry"
    key = {"Idempotency-Key": "again"}
    first = penstock.post(path, {"items": "failed"}, **key)
    assert first.status_code == 202, first.text
    ended = penstock.wait(failed.json()["executionId"])
    assert (ended["status"], ended["generation"]) == ("completed", 1)
    again = penstock.post(path, {"items": "failed"}, **key)
    assert again.status_code == 202, again.text
    assert penstock.wait(failed.json()["executionId"])["generation"] == 1
    other = penstock.post(path, {"items": "unfinished"}, **key)
    assert other.status_code == 422
