"""Evaluations from request to numbers: a real engine and store, models scripted over HTTP or in the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Conflict, Invalid, NotFound, Unprocessable
from penstock.evaluations.benchmarks.model import BenchmarkRow, RowChoice
from penstock.evaluations.job import PAGE_ITEMS, items_of
from penstock.evaluations.model import Evaluation, EvaluationFilter, Shape
from penstock.evaluations.requests import EvaluationRequest, Variant
from penstock.evaluations.results import ResultRow, RowFilter
from penstock.executions.model import Budget, Execution, RetryRequest
from penstock.testing.engine import TestEngine, open_engine
from penstock.testing.model_server import ModelServer
from penstock.types import Tenant

ROWS = [
    {"id": "a", "input": "one", "truth": "one", "subset": "odd"},
    {"id": "b", "input": "two", "truth": "2", "subset": "even"},
    {"id": "c", "input": "three", "truth": "three", "subset": "odd"},
    {"id": "d", "input": "four", "truth": "4", "subset": "even"},
]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


@pytest.fixture
async def engine(tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestEngine]:
    server.script([])
    server.reset()
    monkeypatch.setenv("PENSTOCK_SCRIPTED_URL", server.url)
    async with open_engine(tmp_path) as engine:
        yield engine


async def upload(engine: TestEngine, rows: list[dict[str, Any]] = ROWS, key: str = "numbers") -> None:
    await engine.engine.evaluations.pinner.benchmarks.create_from_rows(engine.tenant, key, rows)


async def evaluate(engine: TestEngine, **request: Any) -> tuple[list[Evaluation], Execution]:
    """Start one, wait for its end; its evaluations as they are then."""
    asked = {"benchmark": "numbers", "variants": (Variant(model="scripted/echo"),), "scorers": ("exact",), **request}
    service = engine.engine.evaluations
    started = await service.start(engine.tenant, EvaluationRequest(**asked))
    ended = await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    return [await service.get(engine.tenant, one.id) for one in started.evaluations], ended


async def rows_of(engine: TestEngine, evaluation: Evaluation, **wanted: Any) -> list[ResultRow]:
    _, rows, following = await engine.engine.evaluations.rows(
        engine.tenant, evaluation.id, RowFilter(**wanted), -1, 200
    )
    assert following is None
    return rows


async def scores(engine: TestEngine, evaluation: Evaluation) -> Any:
    metrics: Any = await engine.engine.evaluations.metrics(evaluation)
    return metrics["scores"]


async def test_a_model_is_scored_on_every_row(engine: TestEngine) -> None:
    await upload(engine)
    (evaluation,), ended = await evaluate(engine)
    assert (ended.status, ended.kind) == ("completed", "evaluation")
    rows = await rows_of(engine, evaluation)
    assert [row.given.row.id for row in rows if row.given] == ["a", "b", "c", "d"]
    assert [row.outcome("exact") for row in rows] == ["correct", "incorrect", "correct", "incorrect"]
    assert [row.answer.output for row in rows if row.answer] == ["one", "two", "three", "four"]
    assert all(row.usage.model_calls == 1 and row.answer and row.answer.latency_ms is not None for row in rows)
    exact = (await scores(engine, evaluation))["exact"]
    assert (exact["mean"], exact["n"], exact["expected"], exact["coverage"]) == (0.5, 4, 4, 1.0)
    assert exact["low"] < 0.5 < exact["high"]
    metrics: Any = evaluation.metrics
    assert metrics["subsets"]["odd"]["exact"]["mean"] == 1.0
    assert metrics["subsets"]["even"]["exact"]["mean"] == 0.0
    assert (evaluation.primary_mean, metrics["usage"]["modelCalls"]) == (0.5, 4)


async def test_rows_are_found_by_what_became_of_them(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    server.script([{"contains": "three", "status": 400}])
    (evaluation,), _ = await evaluate(engine)

    async def found(**wanted: Any) -> list[str]:
        return [row.given.row.id for row in await rows_of(engine, evaluation, **wanted) if row.given]

    assert await found(outcome="correct") == ["a"]
    assert await found(outcome="incorrect") == ["b", "d"]
    assert await found(status="failed") == ["c"]
    assert await found(subset="odd") == ["a", "c"]
    assert await found(text="FOUR") == ["d"]
    assert await found(status="pending") == []


async def test_a_page_goes_on_behind_the_one_before(engine: TestEngine) -> None:
    await upload(engine)
    (evaluation,), _ = await evaluate(engine, epochs=2)
    after: int | None = -1
    numbers: list[int] = []
    while after is not None:
        _, rows, after = await engine.engine.evaluations.rows(engine.tenant, evaluation.id, RowFilter(), after, 3)
        numbers += [row.number for row in rows]
    assert numbers == list(range(8))


async def test_failed_rows_are_run_again_alone(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    server.script([{"contains": "two", "status": 400, "times": 1}])
    (evaluation,), _ = await evaluate(engine)
    metrics: Any = await engine.engine.evaluations.metrics(evaluation)
    assert (metrics["answered"], metrics["failed"], metrics["scores"]["exact"]["coverage"]) == (3, 1, 0.75)
    before = len(server.calls())
    reopened = await engine.engine.evaluations.retry(engine.tenant, evaluation.id, "failed")
    await engine.engine.executions.wait(engine.tenant, reopened.id, 60)
    again = await engine.engine.evaluations.get(engine.tenant, evaluation.id)
    metrics = await engine.engine.evaluations.metrics(again)
    assert (metrics["answered"], metrics["failed"], metrics["scores"]["exact"]["coverage"]) == (4, 0, 1.0)
    assert len(server.calls()) == before + 1


async def test_what_a_model_did_not_finish_or_declined_is_scored(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    server.script(
        [
            {"contains": "one", "text": "", "finishReason": "length"},
            {"contains": "two", "text": "", "finishReason": "content_filter"},
            {"contains": "three", "text": ""},
        ]
    )
    (evaluation,), ended = await evaluate(engine)
    assert ended.status == "completed"
    rows = await rows_of(engine, evaluation)
    assert [row.answer.finish_reason for row in rows if row.answer] == ["length", "content_filter", "stop", "stop"]
    assert [row.outcome("exact") for row in rows] == ["incorrect"] * 4
    assert (await scores(engine, evaluation))["exact"]["coverage"] == 1.0


async def test_epochs_are_asked_each_and_reduced(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine, ROWS[:1])
    server.script([{"contains": "one", "text": "wrong", "times": 2}])
    (evaluation,), _ = await evaluate(engine, epochs=3, reducer="pass@1")
    assert len(server.calls()) == 3
    exact = (await scores(engine, evaluation))["exact"]
    assert (exact["n"], exact["expected"]) == (1, 1)
    assert exact["mean"] == pytest.approx(1 / 3)


async def test_a_cached_answer_is_never_another_epochs(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    await evaluate(engine, choice=RowChoice(count=2), epochs=2, cache=True)
    assert len(server.calls()) == 4
    (again,), _ = await evaluate(engine, epochs=2, cache=True)
    assert len(server.calls()) == 8, "two rows in two epochs were known, the other two were asked"
    rows = await rows_of(engine, again)
    assert [row.answer.cached for row in rows if row.answer] == [True] * 4 + [False] * 4
    metrics: Any = await engine.engine.evaluations.metrics(again)
    assert metrics["latency"]["n"] == 4, "what came from the cache took no time that means anything"
    (uncached,), _ = await evaluate(engine, choice=RowChoice(count=1))
    assert len(server.calls()) == 9, "nobody gets a cached answer unasked"
    assert uncached.definition_hash != again.definition_hash


async def test_scoring_again_asks_no_model(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    server.script([{"contains": "four", "status": 400}])
    (evaluation,), _ = await evaluate(engine, epochs=2)
    asked = len(server.calls())
    service = engine.engine.evaluations
    started = await service.rescore(engine.tenant, evaluation.id, [{"type": "contains", "ignoreCase": True}])
    await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    again = await service.get(engine.tenant, started.evaluations[0].id)
    assert len(server.calls()) == asked
    contains = (await scores(engine, again))["contains"]
    assert (contains["n"], contains["mean"]) == (3, pytest.approx(2 / 3))
    rows = await rows_of(engine, again)
    assert [row.answer.output for row in rows[:2] if row.answer] == ["one", "one"]
    assert {row.error["code"] for row in rows if row.error} == {"no_answer"}
    await service.pinner.benchmarks.delete(engine.tenant, "numbers")
    started = await service.rescore(engine.tenant, evaluation.id, ["exact"])
    ended = await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    assert ended.status == "completed", "answers outlive their benchmark"
    await service.delete(engine.tenant, evaluation.id)
    assert (await rows_of(engine, again))[0].answer is not None, "it stands on its own"


async def test_variants_run_side_by_side_in_one_execution(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    variants = (
        Variant(name="plain", model="scripted/echo"),
        Variant(name="shouted", model="scripted/echo", prompt="{{ input|upper }}"),
    )
    (plain, shouted), ended = await evaluate(engine, variants=variants, epochs=2)
    assert plain.execution_id == shouted.execution_id == ended.id
    assert ended.total_items == 16
    assert (await scores(engine, plain))["exact"]["mean"] == 0.5
    assert (await scores(engine, shouted))["exact"]["mean"] == 0.0
    rows = await rows_of(engine, shouted)
    shouts = ["ONE", "ONE", "TWO", "TWO", "THREE", "THREE", "FOUR", "FOUR"]
    assert [row.answer.output for row in rows if row.answer] == shouts
    metrics: Any = shouted.metrics
    assert metrics["usage"]["modelCalls"] == 8
    assert plain.definition_hash != shouted.definition_hash
    await engine.engine.evaluations.delete(engine.tenant, plain.id)
    assert await rows_of(engine, shouted) == rows, "the execution stays as long as one of its evaluations does"


async def test_a_flow_is_evaluated_like_a_model(engine: TestEngine) -> None:
    await upload(engine)
    flow = await engine.save(
        {
            "name": "shout",
            "input": {"text": {"type": "string"}},
            "nodes": {
                "ask": {
                    "type": "prompt",
                    "model": "scripted/echo",
                    "prompt": "{{ said }}",
                    "inputs": {"said": "input.text"},
                }
            },
        }
    )
    (evaluation,), ended = await evaluate(engine, variants=(Variant(flow=flow),))
    assert ended.status == "completed"
    assert (await scores(engine, evaluation))["exact"]["mean"] == 0.5
    rows = await rows_of(engine, evaluation)
    assert [row.usage.model_calls for row in rows] == [1, 1, 1, 1]
    (mapped,), _ = await evaluate(engine, variants=(Variant(flow=flow, inputs={"text": "subset"}),))
    assert [row.answer.output for row in await rows_of(engine, mapped) if row.answer] == ["odd", "even"] * 2


async def test_a_row_of_a_flow_has_what_its_elements_took(engine: TestEngine) -> None:
    rows = [{"id": str(n), "input": {"words": ["a"] * n}, "truth": n} for n in (3, 0, 2)]
    await upload(engine, rows)
    flow = await engine.save(
        {
            "name": "each",
            "input": {"words": {"type": "array"}},
            "nodes": {
                "each": {"type": "split", "inputs": {"array": "input.words"}},
                "ask": {
                    "type": "prompt",
                    "model": "scripted/echo",
                    "prompt": "{{ word }}",
                    "inputs": {"word": "each.out"},
                },
                "all": {"type": "flatten", "inputs": {"answers": "ask.out"}},
            },
        }
    )
    (evaluation,), _ = await evaluate(engine, variants=(Variant(flow=flow),), epochs=2)
    metrics: Any = evaluation.metrics
    assert metrics["usage"]["modelCalls"] == 10
    assert [row.usage.model_calls for row in await rows_of(engine, evaluation)] == [3, 3, 0, 0, 2, 2]


async def test_what_a_model_is_told(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine, [{"id": "a", "input": "one", "truth": "one", "topic": "sums"}])
    await evaluate(
        engine,
        variants=(Variant(model="scripted/echo", system="About {{ metadata.topic }}.", prompt="Say {{ input }}."),),
    )
    (call,) = server.calls()
    assert call["prompt"] == "Say one."


async def test_a_template_never_sees_the_truth(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine, ROWS[:1])
    _, ended = await evaluate(engine, variants=(Variant(model="scripted/echo", prompt="{{ truth }}"),))
    assert ended.status == "failed"
    assert server.calls() == []


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"variants": (Variant(),)}, "model"),
        ({"variants": (Variant(model="a/b", flow="c"),)}, "model"),
        ({"variants": (Variant(model="nobody/knows"),)}, "model"),
        ({"variants": (Variant(model="scripted/echo"), Variant(model="scripted/echo"))}, "variants"),
        ({"variants": (Variant(model="scripted/echo", prompt="{{ broken"),)}, "prompt"),
        ({"scorers": ("exacd",)}, "scorers[0]"),
        ({"scorers": ("exact", "exact")}, None),
        ({"reducer": "median"}, "reducer"),
        ({"reducer": "pass@5", "epochs": 2}, "epochs"),
        ({"epochs": 0}, "epochs"),
        ({"choice": RowChoice(subsets=("none",))}, None),
    ],
)
async def test_a_wrong_request_names_the_field(engine: TestEngine, request_: dict[str, Any], field: str | None) -> None:
    await upload(engine)
    with pytest.raises(Invalid) as refused:
        await evaluate(engine, **request_)
    if field is not None:
        assert refused.value.errors[0].path == field
    _, total = await engine.engine.evaluations.page(engine.tenant, EvaluationFilter(), 0, 10)
    assert total == 0, "nothing was started"


async def test_an_unknown_benchmark_is_refused(engine: TestEngine) -> None:
    with pytest.raises(NotFound):
        await evaluate(engine, benchmark="nowhere")


async def test_a_model_that_changed_is_not_gone_on_with(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    saved: dict[str, Any] = {"name": "mine", "provider": "scripted", "baseUrl": f"{server.url}/v1", "modelName": "echo"}
    model = await engine.engine.catalog.create(engine.tenant, saved)
    server.script([{"contains": "two", "status": 400, "times": 1}])
    (evaluation,), _ = await evaluate(engine, variants=(Variant(model="mine"),))
    await engine.engine.catalog.update(engine.tenant, model.id, {"modelName": "fixed:other"})
    with pytest.raises(Unprocessable, match="fixed:other"):
        await engine.engine.evaluations.retry(engine.tenant, evaluation.id, "failed")
    reopened = await engine.engine.executions.retry(engine.tenant, evaluation.execution_id, RetryRequest())
    ended = await engine.engine.executions.wait(engine.tenant, reopened.id, 60)
    assert ended.status == "failed"
    assert ended.error is not None
    assert "fixed:other" in ended.error.message


async def test_the_same_work_has_the_same_definition(engine: TestEngine) -> None:
    await upload(engine)
    await upload(engine, key="copy")
    (first,), _ = await evaluate(engine)
    (second,), _ = await evaluate(engine, benchmark="copy", name="Another name")
    (third,), _ = await evaluate(engine, scorers=({"type": "exact", "ignoreCase": True},))
    assert first.definition_hash == second.definition_hash
    assert first.definition_hash != third.definition_hash


async def test_a_key_starts_one_evaluation(engine: TestEngine) -> None:
    await upload(engine)
    (first,), _ = await evaluate(engine, idempotency_key="once", request_hash="same")
    (second,), _ = await evaluate(engine, idempotency_key="once", request_hash="same")
    assert first.id == second.id


async def test_lists_are_filtered_and_ordered(engine: TestEngine) -> None:
    await upload(engine)
    await upload(engine, ROWS[:1], key="short")
    (half,), _ = await evaluate(engine, tags=("nightly",))
    (whole,), _ = await evaluate(engine, benchmark="short")
    (fixed,), _ = await evaluate(engine, variants=(Variant(model="scripted/fixed:x"),), name="100%_sure")
    (newest,), _ = await evaluate(engine)

    async def found(**wanted: Any) -> list[str]:
        listed, total = await engine.engine.evaluations.page(engine.tenant, EvaluationFilter(**wanted), 0, 10)
        assert total == len(listed)
        return [one.id for one in listed]

    assert await found() == [newest.id, fixed.id, whole.id, half.id]
    assert await found(order="accuracy") == [whole.id, newest.id, half.id, fixed.id]
    assert await found(benchmarks=("short",)) == [whole.id]
    assert await found(targets=("scripted/fixed:x",)) == [fixed.id]
    assert await found(tag="nightly") == [half.id]
    assert await found(text="100%_") == [fixed.id]
    assert await found(text="%") == [fixed.id]
    assert await found(latest_only=True) == [newest.id, fixed.id, whole.id]


async def test_another_projects_evaluations_are_not_there(engine: TestEngine) -> None:
    await upload(engine)
    (evaluation,), _ = await evaluate(engine)
    other = Tenant("0" * 23 + "1", "0" * 23 + "1")
    with pytest.raises(NotFound):
        await engine.engine.evaluations.get(other, evaluation.id)
    assert await engine.engine.evaluations.page(other, EvaluationFilter(), 0, 10) == ([], 0)
    with pytest.raises(NotFound):
        await engine.engine.evaluations.delete(other, evaluation.id)


async def test_it_is_readable_while_it_runs_and_only_then_undeletable(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    server.script([{"contains": "two", "behaviour": "hang"}])
    service = engine.engine.evaluations
    request = EvaluationRequest("numbers", (Variant(model="scripted/echo"),), scorers=("exact",))
    started = await service.start(engine.tenant, request)
    evaluation = started.evaluations[0]
    feed = engine.engine.executions
    async with asyncio.timeout(30):
        while (await feed.progress(engine.tenant, evaluation.execution_id))[1]["itemsProcessed"] < 3:
            await engine.engine.dispatcher.signals.next_change(started.submitted.execution.no).wait()
    running = await service.get(engine.tenant, evaluation.id)
    rows = await rows_of(engine, running)
    assert [row.status for row in rows] == ["succeeded", "pending", "succeeded", "succeeded"]
    assert (await scores(engine, running))["exact"]["n"] == 3
    with pytest.raises(Conflict):
        await service.delete(engine.tenant, evaluation.id)
    with pytest.raises(Conflict):
        await service.rescore(engine.tenant, evaluation.id, ["exact"])
    await feed.cancel(engine.tenant, evaluation.execution_id)
    cancelled = await service.get(engine.tenant, evaluation.id)
    assert cancelled.status == "cancelled"
    assert (await scores(engine, cancelled))["exact"]["coverage"] == 0.75


async def test_an_unknown_judge_is_refused_before_anything_is_paid_for(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    judge = {"type": "llm", "name": "judge", "model": "nobody", "prompt": "Good? {{ output }}"}
    with pytest.raises(Invalid) as refused:
        await evaluate(engine, scorers=("exact", judge))
    assert (refused.value.code, refused.value.errors[0].path) == ("model_unknown", "scorers[1].model")
    assert server.calls() == []


async def test_what_a_judge_was_is_part_of_what_was_measured(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    server.script([{"model": "json", "json": {"reasoning": "So it seems.", "answer": "yes"}}])
    await engine.engine.catalog.create(engine.tenant, {"name": "judge", "provider": "scripted", "modelName": "json"})
    judge = {"type": "llm", "name": "judge", "model": "judge", "prompt": "Good? {{ output }}"}
    (first,), _ = await evaluate(engine, scorers=(judge,))
    (second,), _ = await evaluate(engine, scorers=(judge,))
    assert first.definition_hash == second.definition_hash
    await engine.engine.comparisons.compare(engine.tenant, (first.id, second.id))

    await engine.engine.catalog.update(engine.tenant, "judge", {"modelName": "json-2"})
    (other,), _ = await evaluate(engine, scorers=(judge,))
    with pytest.raises(Conflict) as refused:
        await engine.engine.comparisons.compare(engine.tenant, (first.id, other.id))
    assert [fault.path for fault in refused.value.errors] == ["scorer.judges[0].endpoint.model"]


async def test_a_retry_of_what_can_no_longer_run_leaves_it_as_it_is(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    server.script([{"contains": "two", "status": 400}])
    (evaluation,), _ = await evaluate(engine)
    await engine.engine.evaluations.pinner.benchmarks.delete(engine.tenant, "numbers")
    with pytest.raises(NotFound):
        await engine.engine.evaluations.retry(engine.tenant, evaluation.id, "failed")
    again = await engine.engine.evaluations.get(engine.tenant, evaluation.id)
    metrics: Any = again.metrics
    assert (again.status, metrics["answered"], metrics["failed"]) == ("completed", 3, 1)


async def test_answers_that_are_being_scored_again_are_not_deleted(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    (evaluation,), _ = await evaluate(engine)
    server.script([{"model": "json", "behaviour": "hang"}])
    judge = {"type": "llm", "model": "scripted/json", "prompt": "Good? {{ output }}"}
    service = engine.engine.evaluations
    started = await service.rescore(engine.tenant, evaluation.id, [judge])
    with pytest.raises(Conflict) as refused:
        await service.delete(engine.tenant, evaluation.id)
    assert refused.value.code == "evaluation_in_use"
    execution_id = started.submitted.execution.id
    await engine.engine.executions.cancel(engine.tenant, execution_id)
    await engine.engine.executions.wait(engine.tenant, execution_id, 60)
    await service.delete(engine.tenant, evaluation.id)


async def test_lists_by_accuracy_know_nothing_of_numbers_that_were_taken_back(
    engine: TestEngine, server: ModelServer
) -> None:
    await upload(engine)
    server.script([{"contains": "two", "status": 400}, {"contains": "four", "status": 400}])
    (best,), _ = await evaluate(engine)
    server.script([])
    (usual,), _ = await evaluate(engine)
    assert (best.primary_mean, usual.primary_mean) == (1.0, 0.5)
    server.script([{"behaviour": "hang"}])
    service = engine.engine.evaluations
    reopened = await service.retry(engine.tenant, best.id, "failed")
    found, _ = await service.page(engine.tenant, EvaluationFilter(order="accuracy"), 0, 10)
    assert [evaluation.id for evaluation in found] == [usual.id, best.id]
    await engine.engine.executions.cancel(engine.tenant, reopened.id)
    await engine.engine.executions.wait(engine.tenant, reopened.id, 60)


async def test_no_more_is_planned_at_once_than_there_is_room_for() -> None:
    async def rows() -> AsyncIterator[list[BenchmarkRow]]:
        yield [BenchmarkRow(str(number), number) for number in range(250)]
        yield [BenchmarkRow("last", 0)]

    shape = Shape(251, 3, 40)
    pages = [page async for page in items_of(rows(), shape)]
    assert max(map(len, pages)) <= PAGE_ITEMS
    items = [item for page in pages for item in page]
    places = [(item.row.id, item.variant, item.epoch) for item in items]
    assert len(places) == shape.items
    for ordinal in (0, 119, 120, 29_999, 30_119):
        row, variant, epoch = shape.place(ordinal)
        assert places[ordinal] == ("last" if row == 250 else str(row), variant, epoch)


async def test_more_answers_than_an_execution_numbers_are_refused(engine: TestEngine) -> None:
    await upload(engine, [{"id": str(n), "input": n, "truth": n} for n in range(20_001)])
    variants = tuple(Variant(name=str(n), model="scripted/echo") for n in range(50))
    with pytest.raises(Invalid) as refused:
        await evaluate(engine, variants=variants, epochs=1_000)
    assert [fault.path for fault in refused.value.errors] == ["epochs"]


async def test_whoever_asks_at_the_same_moment_gets_numbers_that_are_added_up_once(
    engine: TestEngine, server: ModelServer
) -> None:
    await upload(engine)
    server.script([{"contains": "four", "behaviour": "hang"}])
    service = engine.engine.evaluations
    asked = EvaluationRequest("numbers", (Variant(model="scripted/echo"),), scorers=("exact",))
    started = await service.start(engine.tenant, asked)
    (evaluation,) = started.evaluations
    found = await asyncio.gather(*(service.metrics(evaluation) for _ in range(5)))
    assert all(one is found[0] for one in found)
    await engine.engine.executions.cancel(engine.tenant, evaluation.execution_id)
    await engine.engine.executions.wait(engine.tenant, evaluation.execution_id, 60)


async def test_an_answer_that_a_budget_cut_off_is_no_answer_for_others(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    server.script([{"contains": "two", "text": "tw", "finishReason": "length"}])
    await evaluate(engine, cache=True, budget=Budget(tokens=1_000_000))
    server.script([])
    before = len(server.calls())
    (evaluation,), _ = await evaluate(engine, cache=True)
    assert [call["prompt"] for call in server.calls()[before:]] == ["two"]
    assert [row.answer.output for row in await rows_of(engine, evaluation) if row.answer][1] == "two"


async def test_the_last_of_several_that_are_deleted_at_once_takes_the_execution_with_it(engine: TestEngine) -> None:
    await upload(engine)
    variants = (Variant(name="a", model="scripted/echo"), Variant(name="b", model="scripted/fixed:x"))
    evaluations, ended = await evaluate(engine, variants=variants)
    service = engine.engine.evaluations
    await asyncio.gather(*(service.delete(engine.tenant, evaluation.id) for evaluation in evaluations))
    with pytest.raises(NotFound):
        await engine.engine.executions.get(engine.tenant, ended.id)


async def test_an_estimate_bounds_answers_and_those_who_judge_them(engine: TestEngine, server: ModelServer) -> None:
    await upload(engine)
    judge = {"type": "llm", "model": "scripted/json", "prompt": "Good? {{ output }}", "params": {"maxTokens": 50}}
    variant = Variant(model="scripted/echo", params={"maxTokens": 20})
    wanted = EvaluationRequest(benchmark="numbers", variants=(variant,), scorers=("exact", judge))
    estimates = engine.engine.evaluation_estimates
    estimate: Any = await estimates.estimate(engine.tenant, wanted)
    alone: Any = await estimates.estimate(engine.tenant, replace(wanted, scorers=("exact",)))
    assert (estimate["scorerCalls"], estimate["worstCase"]["modelCalls"]) == (4, 4 + 2 * 4)
    server.script([{"model": "json", "text": "prose"}])
    _, execution = await evaluate(engine, scorers=wanted.scorers, variants=wanted.variants)
    used: Any = execution.summary["usage"]  # type: ignore[index]
    assert used["modelCalls"] == 12
    spent = used["inputTokens"] + used["outputTokens"]
    assert alone["worstCase"]["tokens"] < spent <= estimate["worstCase"]["tokens"]
    assert Decimal(used["ecu"]) <= Decimal(estimate["worstCase"]["ecu"])
