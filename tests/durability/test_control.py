"""Pause, resume and budgets over HTTP, against a model server that keeps its own account of what it was asked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess

# 10 dollars a million tokens, either way: a token is 0.00001 dollars.
PRICE_NANOS = 10_000
FLOW = """
name: paid
input: {row: {type: integer, required: true}}
nodes:
  ask: {type: prompt, model: paid, prompt: "row {{ row }};", inputs: {row: input.row}, params: {maxTokens: 50}}
"""


@pytest.fixture(scope="module")
def started_model() -> Iterator[ModelServer]:
    with ModelServer.start(delay_ms=30) as server:
        yield server


@pytest.fixture
def model(started_model: ModelServer) -> ModelServer:
    """What it has been asked is counted anew."""
    started_model.reset()
    return started_model


@pytest.fixture(scope="module")
def penstock(tmp_path_factory: pytest.TempPathFactory, started_model: ModelServer) -> Iterator[PenstockProcess]:
    """One for all of these tests: each leaves its executions over or paused, and the server running."""
    with PenstockProcess(tmp_path_factory.mktemp("control") / "data") as server:
        pricing = {"inputPerMillionUsd": "10", "outputPerMillionUsd": "10"}
        url = f"{started_model.url}/v1"
        saved = {"name": "paid", "provider": "openai", "baseUrl": url, "apiKey": "k", "modelName": "m"}
        server.post("/models", {**saved, "pricing": pricing}).raise_for_status()
        server.save_flow(FLOW)
        yield server


def begin(penstock: PenstockProcess, rows: int, **options: Any) -> str:
    body = {"inputs": [{"row": n} for n in range(rows)], "mode": "async", **options}
    response = penstock.post("/flows/paid/executions", body)
    assert response.status_code == 202, response.text
    return str(response.json()["executionId"])


def billed_nanos(model: ModelServer) -> int:
    """What the provider would bill: every call that it answered, whoever read the answer."""
    return sum((call["inputTokens"] + call["outputTokens"]) * PRICE_NANOS for call in model.calls())


def nanos(usd: str) -> int:
    return round(float(usd) * 1e9)


def settled(penstock: PenstockProcess, execution_id: str, seconds: float = 60) -> dict[str, Any]:
    """The progress body once the execution is over or paused."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        body: dict[str, Any] = penstock.client.get(f"/executions/{execution_id}", params={"wait": "5"}).json()
        if body["status"] not in ("pending", "running"):
            return body
    raise TimeoutError(execution_id)


def test_at_500_in_flight_the_provider_never_bills_more_than_the_budget(
    penstock: PenstockProcess, model: ModelServer
) -> None:
    budget = "0.04"
    execution_id = begin(penstock, 2000, concurrency=500, budget={"usd": budget})
    limit, pauses = nanos(budget), 0
    while (body := settled(penstock, execution_id))["status"] == "paused":
        pauses += 1
        assert body["pauseReason"]["code"] == "budget_exhausted"
        assert body["budget"]["reserved"]["usd"] == "0.0000"
        assert nanos(body["budget"]["spent"]["usd"]) == billed_nanos(model) <= limit
        limit += nanos("0.04")
        wanted = {"budget": {"usd": f"{limit / 1e9:.2f}"}}
        penstock.post(f"/executions/{execution_id}/resume", wanted).raise_for_status()
    assert pauses >= 1
    assert body["status"] == "completed"
    assert body["counts"]["succeeded"] == 2000
    assert billed_nanos(model) <= limit
    assert max(Counter(call["prompt"] for call in model.calls()).values()) == 1, "nothing was paid for twice"


def test_killed_in_the_middle_of_its_calls_it_still_keeps_to_its_budget(
    penstock: PenstockProcess, model: ModelServer
) -> None:
    # A call costs about 0.00007 dollars and reserves 0.001: three kills cannot use it up, and all rows cannot fit.
    execution_id = begin(penstock, 7000, concurrency=100, budget={"usd": "0.40"})
    for _ in range(3):
        seen = model.stats()["calls"]
        while model.stats()["calls"] < seen + 150:
            time.sleep(0.005)
        penstock.kill()
        penstock.start()
    body = settled(penstock, execution_id)
    assert body["status"] == "paused"
    assert nanos(body["budget"]["unaccounted"]["usd"]) > 0, "calls in flight at a kill may have been billed"
    assert billed_nanos(model) <= nanos("0.40")
    assert nanos(body["budget"]["spent"]["usd"]) <= billed_nanos(model)


def test_a_pause_over_http_drains_and_a_resume_repeats_no_call(penstock: PenstockProcess, model: ModelServer) -> None:
    execution_id = begin(penstock, 400, concurrency=40)
    while model.stats()["calls"] < 100:
        time.sleep(0.005)
    response = penstock.post(f"/executions/{execution_id}/pause", {})
    assert response.status_code in (200, 202)
    body = settled(penstock, execution_id)
    assert (body["status"], body["pauseReason"]["code"]) == ("paused", "requested")
    assert model.stats()["inFlight"] == 0
    calls = model.stats()["calls"]
    assert body["counts"]["succeeded"] == calls, "what was in flight has been kept"
    assert penstock.post(f"/executions/{execution_id}/pause", {}).status_code == 200
    penstock.kill()
    penstock.start()
    assert model.stats()["calls"] == calls, "it stays paused, also after a restart"
    assert penstock.post(f"/executions/{execution_id}/resume", {"concurrency": 100}).status_code == 202
    body = settled(penstock, execution_id)
    assert (body["status"], body["counts"]["succeeded"]) == ("completed", 400), body
    assert model.stats()["calls"] == 400
    refused = penstock.post(f"/executions/{execution_id}/resume", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "execution_not_paused")


def test_a_model_without_a_price_is_refused_under_a_budget_in_dollars(
    penstock: PenstockProcess, model: ModelServer
) -> None:
    saved = {"name": "unpriced", "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k", "modelName": "m"}
    penstock.post("/models", saved).raise_for_status()
    penstock.save_flow(FLOW.replace("name: paid", "name: unpriced").replace("model: paid", "model: unpriced"))
    body = {"inputs": [{"row": 1}], "mode": "sync", "budget": {"usd": "1"}}
    response = penstock.post("/flows/unpriced/executions", body)
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "budget_needs_price"
    response = penstock.post("/flows/unpriced/executions", {**body, "budget": {"tokens": 1000}})
    assert response.status_code == 200, response.text


def test_a_sync_caller_is_handed_the_paused_run(penstock: PenstockProcess) -> None:
    body = {"inputs": [{"row": n} for n in range(50)], "mode": "sync", "budget": {"tokens": 300}}
    response = penstock.post("/flows/paid/executions", body)
    assert response.status_code == 202
    assert response.json()["status"] == "paused"


@pytest.mark.parametrize(
    "budget", [{}, {"usd": 0}, {"usd": "-1"}, {"tokens": 1.5}, {"euro": 1}, {"usd": "1e99"}, {"usd": "NaN"}, 5]
)
def test_a_budget_that_makes_no_sense_is_refused(penstock: PenstockProcess, budget: Any) -> None:
    response = penstock.post("/flows/paid/executions", {"inputs": [{"row": 1}], "budget": budget})
    assert response.status_code == 400, response.text
    assert "budget" in response.text
