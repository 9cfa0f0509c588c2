"""A judge that scores evaluations, beside people's labels of their rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.evaluations.requests import EvaluationRequest, Variant
from penstock.judges.annotations import NewAnnotation
from penstock.judges.definition import JudgeChange
from penstock.judges.requests import JudgeRef, TraceEvaluationRequest
from penstock.testing.engine import TestEngine, open_engine
from penstock.testing.model_server import ModelServer
from penstock.traces.model import ReceivedSpan, Span

ROWS = 8


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


@pytest.fixture
async def engine(tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestEngine]:
    server.script([])
    monkeypatch.setenv("PENSTOCK_SCRIPTED_URL", server.url)
    async with open_engine(tmp_path) as engine:
        rows = [{"id": str(n), "input": f"row {n}", "truth": "x"} for n in range(ROWS)]
        await engine.engine.benchmarks.create_from_rows(engine.tenant, "rows", rows)
        wanted = JudgeChange(name="kind", goal="Is it kind?", model="scripted/judge", output="scale", threshold=0.75)
        await engine.engine.judges.create(engine.tenant, wanted)
        yield engine


def says(answer: int, **rule: Any) -> dict[str, Any]:
    return {**rule, "json": {"reasoning": "r", "answer": answer}}


async def evaluated(engine: TestEngine, server: ModelServer) -> str:
    """An evaluation whose even rows the judge gives a 5, and its odd ones a 2; two epochs. Its id."""
    odd = says(2, regex=r"Is it kind\?[\s\S]*row [1357]\b")
    server.script([odd, says(5, contains="Is it kind?"), {"text": "an answer"}])
    spec: Any = {"type": "judge", "judge": "kind", "name": "kindness"}
    request = EvaluationRequest("rows", (Variant(model="scripted/echo"),), scorers=(spec,), epochs=2)
    started = await engine.engine.evaluations.start(engine.tenant, request)
    ended = await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    assert ended.status == "completed"
    return started.evaluations[0].id


async def label(engine: TestEngine, answer: Any, **what: Any) -> None:
    await engine.engine.annotations.add(engine.tenant, NewAnnotation(answer, "ann", judge="kind", **what))


async def test_scores_of_rows_are_compared_with_labels_of_rows(engine: TestEngine, server: ModelServer) -> None:
    evaluation = await evaluated(engine, server)
    # Of row n the results are 2n and 2n+1, its two epochs. One label is another than the judge's.
    for row, answer in {0: 5, 1: 5, 2: 2, 3: 1, 4: 5, 6: 2}.items():
        await label(engine, answer, evaluation=evaluation, row=row)
    found = await engine.engine.annotations.agreement(engine.tenant, "kind")
    passes, answers = found.everybody.passes, found.everybody.answers
    assert (found.labelled, found.judged, found.everybody.missing) == (6, 0, {})
    assert (passes.labels, passes.confusion) == (("pass", "fail"), ((3, 0), (0, 3)))
    assert passes.kappa.value == pytest.approx(1)
    assert answers is not None
    assert answers.confusion[0] == (0, 1, 0, 0, 0)
    assert answers.accuracy == pytest.approx(5 / 6)
    standing = await engine.engine.annotations.standing(engine.tenant, "kind", 1)
    assert standing is not None
    assert (standing.labelled, standing.authors, standing.everybody) == (6, ("ann",), found.everybody)


async def test_rows_and_traces_count_together_and_each_version_for_itself(
    engine: TestEngine, server: ModelServer
) -> None:
    evaluation = await evaluated(engine, server)
    spans = [ReceivedSpan("t", Span(span_id="s", name="run", kind="llm", started_ns=1, output="row 1"))]
    (trace,) = (await engine.engine.ingestion.accept(engine.tenant, spans, source="sdk")).trace_ids
    request = TraceEvaluationRequest((JudgeRef("kind"),), traces=(trace,))
    started = await engine.engine.trace_evaluations.start(engine.tenant, request)
    await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    await label(engine, "pass", evaluation=evaluation, row=0)
    await label(engine, "pass", trace=trace)
    await label(engine, "fail", trace=trace, span="s")
    found = await engine.engine.annotations.agreement(engine.tenant, "kind")
    assert (found.labelled, found.judged) == (2, 1)
    assert found.everybody.passes.confusion == ((1, 1), (0, 0))
    await engine.engine.judges.update(engine.tenant, "kind", JudgeChange(goal="Is it kind indeed?"))
    changed = await engine.engine.annotations.agreement(engine.tenant, "kind")
    assert (changed.version.version, changed.everybody.missing) == (2, {"notJudged": 2})
    earlier = await engine.engine.annotations.agreement(engine.tenant, "kind", 1)
    assert earlier.everybody == found.everybody
    # Without the evaluation there is nothing to compare its label with; the label stays.
    await engine.engine.evaluations.delete(engine.tenant, evaluation)
    without = await engine.engine.annotations.agreement(engine.tenant, "kind", 1)
    assert (without.labelled, without.everybody.missing) == (2, {"notJudged": 1})


async def test_what_stands_beside_scores_counts_the_newest_labels(
    engine: TestEngine, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = await evaluated(engine, server)
    for row in range(4):
        await label(engine, "pass", evaluation=evaluation, row=row)
    monkeypatch.setattr("penstock.judges.agreement_report.MOST_SHOWN", 3)
    standing = await engine.engine.annotations.standing(engine.tenant, "kind")
    assert standing is not None
    assert (standing.labelled, standing.complete) == (3, False)
    # The oldest, of row 0, which the judge passes too, is left out.
    assert standing.everybody.passes.confusion == ((1, 2), (0, 0))
    assert (await engine.engine.annotations.agreement(engine.tenant, "kind")).complete


async def test_nothing_labelled_and_a_judge_that_is_gone_have_no_standing(engine: TestEngine) -> None:
    annotations = engine.engine.annotations
    assert await annotations.standing(engine.tenant, "kind") is None
    assert await annotations.standing(engine.tenant, "nobody") is None
    assert await annotations.standing(engine.tenant, "kind", 9) is None
