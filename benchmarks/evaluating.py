"""Benchmarks of rows whose right answer is known beforehand, and evaluations of them by Penstock."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.penstock_server import Server

WRONG_EACH = 10
"""The truth of each tenth row is another one, so that a score shows whether the answers were looked at."""


def rows(count: int) -> Iterator[bytes]:
    """JSON Lines `{"id", "input", "truth"}`. A model that repeats what it is asked gets nine of ten right."""
    for number in range(count):
        asked = f"Row {number}: which number is this?"
        truth = asked if number % WRONG_EACH else "none"
        yield json.dumps({"id": str(number), "input": asked, "truth": truth}).encode() + b"\n"


def right(count: int) -> int:
    """How many of so many rows the model gets right."""
    return count - -(-count // WRONG_EACH)


def save_model(server: Server, model_url: str) -> None:
    """A model `echo` of the scripted server, which repeats what it is asked."""
    model = {"name": "echo", "provider": "openai", "baseUrl": f"{model_url}/v1", "modelName": "echo"}
    server.call("POST", "/models", {**model, "apiKey": "unused"})


def evaluate(server: Server, benchmark: str, concurrency: int) -> tuple[dict[str, Any], float]:
    """Evaluate `echo` with the scorer `exact`: the evaluation with its metrics, and the seconds from POST to there.

    Raises RuntimeError unless every row was answered and scored.
    """
    begun = time.perf_counter()
    body = {"benchmark": benchmark, "model": "echo", "scorers": [{"type": "exact"}], "concurrency": concurrency}
    handle = server.call("POST", "/evaluations", body)
    server.finished(handle["executionId"])
    found: dict[str, Any] = server.call("GET", f"/evaluations/{handle['evaluationId']}")
    seconds = time.perf_counter() - begun
    if found["metrics"]["exact"]["coverage"] != 1:
        raise RuntimeError(f"the evaluation did not score every row: {json.dumps(found)[:1000]}")
    return found, seconds
