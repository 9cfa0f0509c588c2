"""Judges, code tests and saved scorers within an evaluation: a real engine, models over HTTP, code locked in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.evaluations.requests import EvaluationRequest, Variant
from penstock.storage.executions import loads
from penstock.testing.engine import TestEngine, open_engine
from penstock.testing.model_server import ModelServer

ROWS = [
    {"id": "right", "input": "Write f, which adds one.", "truth": ["assert f(1) == 2"]},
    {"id": "wrong", "input": "Write f, which adds two.", "truth": ["assert f(1) == 3"]},
    {"id": "refused", "input": "Write f, which adds three.", "truth": ["assert f(1) == 4"]},
]
JUDGE = {"type": "llm", "model": "openai/judge", "prompt": "Is this code? {{ output }}", "name": "judge"}
ANSWERS = [
    {"model": "coder", "contains": "adds three", "text": "I will not write that."},
    {"model": "coder", "text": "```python\ndef f(x):\n    return x + 1\n```"},
    {"model": "judge", "contains": "I will not", "text": "No comment."},
    {"model": "judge", "contains": "does not fit", "text": "No comment."},
    {"model": "judge", "json": {"reasoning": "It is.", "answer": "yes"}},
]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


@pytest.fixture
async def engine(tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestEngine]:
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
    server.script(ANSWERS)
    server.reset()
    async with open_engine(tmp_path) as engine:
        yield engine


async def evaluate(engine: TestEngine, *scorers: Any) -> dict[str, dict[str, Any]]:
    """The outcome of each scorer by row."""
    await engine.engine.evaluations.pinner.benchmarks.create_from_rows(engine.tenant, "adding", ROWS)
    service = engine.engine.evaluations
    request = EvaluationRequest(benchmark="adding", variants=(Variant(model="openai/coder"),), scorers=scorers)
    started = await service.start(engine.tenant, request)
    execution = await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    assert execution.status == "completed"
    outputs = [loads(row["output"]) for row in await engine.rows(execution)]
    return {output["row"]: output["scores"] for output in outputs}


async def test_each_scorer_has_an_outcome_for_each_row(engine: TestEngine, server: ModelServer) -> None:
    await engine.engine.scorers.create(engine.tenant, "runs", {"type": "code_tests", "score": "share"})
    found = await evaluate(engine, "runs", JUDGE)
    assert {row: scores["runs"]["value"] for row, scores in found.items()} == {"right": 1, "wrong": 0, "refused": 0}
    assert {row: scores["judge"]["status"] for row, scores in found.items()} == {
        "right": "scored",
        "wrong": "scored",
        "refused": "unscorable",
    }
    assert "No comment" in found["refused"]["judge"]["reason"]
    calls = [call for call in server.calls() if call["model"] == "judge"]
    assert len(calls) == 4, "one for each row, and one correction"


async def test_a_judge_that_is_away_costs_its_scores_alone(engine: TestEngine, server: ModelServer) -> None:
    server.script([{"model": "judge", "status": 400, "error": "no such judge"}, *ANSWERS[:2]])
    found = await evaluate(engine, "code_tests", JUDGE)
    assert found["right"]["code_tests"]["value"] == 1
    assert {scores["judge"]["status"] for scores in found.values()} == {"error"}
    assert "no such judge" in found["right"]["judge"]["reason"]
