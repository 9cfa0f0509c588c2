"""Judges on traces from request to numbers: a real engine and store, models scripted over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Invalid, NotFound, TooLarge
from penstock.evaluations.requests import EvaluationRequest, Variant
from penstock.executions.model import Execution, RetryRequest
from penstock.executions.service import LogFilter
from penstock.judges.choosing import Chosen, sampled
from penstock.judges.definition import JudgeChange
from penstock.judges.model import TraceEvaluation, TraceEvaluationFilter
from penstock.judges.requests import JudgeRef, Sampling, Threshold, TraceEvaluationRequest
from penstock.storage.trace_pages import TraceFilter
from penstock.testing.engine import TestEngine, open_engine
from penstock.testing.model_server import ModelServer
from penstock.traces.model import ReceivedSpan, Span
from penstock.types import Tenant


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


async def send(engine: TestEngine, outputs: Sequence[str]) -> tuple[str, ...]:
    """One trace of one span for each output; their ids."""
    spans = [
        ReceivedSpan(
            f"trace-{n}",
            Span(span_id=f"{n:016x}", name=f"run {n}", kind="llm", started_ns=n + 1, input="asked", output=output),
        )
        for n, output in enumerate(outputs)
    ]
    return (await engine.engine.ingestion.accept(engine.tenant, spans, source="sdk")).trace_ids


async def make(engine: TestEngine, name: str = "kind", **more: Any) -> None:
    wanted = JudgeChange(name=name, **{"goal": f"Is it {name}?", "model": "scripted/judge", **more})
    await engine.engine.judges.create(engine.tenant, wanted)


async def run(engine: TestEngine, *judges: str, **request: Any) -> tuple[list[TraceEvaluation], Execution]:
    """Start, wait for the end, and read each verdict."""
    asked = TraceEvaluationRequest(tuple(map(JudgeRef, judges)), **request)
    service = engine.engine.trace_evaluations
    started = await service.start(engine.tenant, asked)
    ended = await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    return [await service.get(engine.tenant, one) for one in started.evaluation_ids], ended


YES = {"reasoning": "r", "answer": "yes"}


def says(answer: Any, **rule: Any) -> dict[str, Any]:
    return {**rule, "json": {"reasoning": f"because {answer}", "answer": answer}}


async def test_each_judge_judges_each_trace(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, ["good", "bad"])
    await make(engine)
    await make(engine, "brief", output="scale", threshold=0.75)
    server.script([says(4, contains="Is it brief?"), says("yes", contains="good"), says("no")])
    found, ended = await run(engine, "kind", "brief", traces=traces)
    assert (ended.status, ended.kind, ended.subject_name) == ("completed", "trace_evaluation", "kind, brief")
    assert [(one.trace_id, one.judge.name, one.score, one.passed) for one in found] == [
        (traces[0], "kind", 1.0, True),
        (traces[0], "brief", 0.75, True),
        (traces[1], "kind", 0.0, False),
        (traces[1], "brief", 0.75, True),
    ]
    assert found[0].reasoning == "because yes"
    assert found[0].verdict is not None
    assert found[0].verdict.input_tokens > 0
    service, tenant = engine.engine.trace_evaluations, engine.tenant
    kind, brief = await service.summary(tenant, TraceEvaluationFilter(execution_id=ended.id))
    assert (kind["judge"]["name"], kind["passRate"]["mean"], kind["coverage"]) == ("kind", 0.5, 1.0)
    assert kind["passRate"]["low"] < 0.5 < kind["passRate"]["high"]
    assert (brief["passRate"]["mean"], brief["score"]["mean"]) == (1.0, 0.75)
    assert (await engine.engine.judges.get(tenant, "kind")).run_count == 2

    async def listed(**wanted: Any) -> list[str]:
        return [one.id for one in await service.page(tenant, TraceEvaluationFilter(**wanted), None, 10)]

    ids = [one.id for one in found]
    assert await listed() == ids[::-1]
    assert await listed(outcome="fail") == [ids[2]]
    assert await listed(judge="brief", trace_id=traces[1]) == [ids[3]]
    assert await listed(text="BECAUSE NO") == [ids[2]]
    assert await listed(since=found[0].created_at + 1) == await listed(judge="kind", judge_version=2) == []
    assert await service.page(Tenant("o", "p"), TraceEvaluationFilter(), None, 10) == []
    with pytest.raises(NotFound):
        await service.get(Tenant("o", "p"), ids[0])


BAD: dict[str, dict[str, Any]] = {
    "prose": {"text": "I think it is fine."},
    "wrong scale": {"json": {"reasoning": "r", "answer": 11}},
    "unknown label": {"json": {"reasoning": "r", "answer": "meh"}},
    "no reasoning": {"json": {"answer": 3}},
    "nothing": {"text": ""},
    "a refusal": {"text": "I cannot.", "finishReason": "content_filter"},
    "NaN": {"text": '{"reasoning": "r", "answer": NaN}'},
    "a part": {"json": {"reasoning": "r", "answer": 3.5}},
    "no number": {"text": '{"reasoning": "r", "answer": 1e999}'},
    "words around": {"text": 'Sure! {"reasoning": "r", "answer": 3}'},
    "more members": {"json": {"reasoning": "r", "answer": 3, "score": 1}},
    "true": {"json": {"reasoning": "r", "answer": True}},
    "half": {"text": '{"reasoning": "r', "finishReason": "length"},
}


async def test_what_is_not_on_the_menu_is_unscorable_after_one_correction(
    engine: TestEngine, server: ModelServer
) -> None:
    traces = await send(engine, list(BAD))
    await make(engine, output="scale")
    rules = [{"contains": f"output:\n{name}", **rule} for name, rule in BAD.items()]
    corrected = [{"contains": "does not fit the JSON Schema", **BAD["prose"]}]
    server.script([*corrected, *rules])
    found, ended = await run(engine, "kind", traces=traces)
    assert ended.status == "completed"
    assert [one.status for one in found] == ["unscorable"] * len(BAD)
    assert all(one.score is None and one.passed is None and one.reasoning for one in found)
    (made,) = await engine.engine.trace_evaluations.summary(engine.tenant, TraceEvaluationFilter())
    assert (made["scored"], made["unscorable"], made["coverage"]) == (0, len(BAD), 0.0)
    # One correction each, but none for a refusal or an answer that was cut off.
    assert len(server.calls()) == 2 * len(BAD) - 2


async def test_a_judge_that_could_not_be_asked_is_asked_again(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, ["good", "bad"])
    await make(engine)
    server.script([{"contains": "bad", "status": 400}, says("yes")])
    (good, bad), ended = await run(engine, "kind", traces=traces)
    assert (good.status, bad.status) == ("scored", "failed")
    assert bad.reasoning is not None
    assert "400" in bad.reasoning
    server.script([says("yes")])
    reopened = await engine.engine.executions.retry(engine.tenant, ended.id, RetryRequest())
    await engine.engine.executions.wait(engine.tenant, reopened.id, 60)
    assert (await engine.engine.trace_evaluations.get(engine.tenant, bad.id)).status == "scored"
    assert len([call for call in server.calls() if "good" in call["prompt"]]) == 1


async def test_a_long_trace_takes_turns_and_each_is_a_step(engine: TestEngine, server: ModelServer) -> None:
    (trace,) = await send(engine, ["x" * 100_000])
    await make(engine)
    search = {"tool": "search", "args": {"query": "asked"}}
    submit = {"tool": "submit", "verdict": {"reasoning": "r", "answer": "yes"}}
    server.script([{"json": search, "times": 1}, {"json": submit}])
    (found,), ended = await run(engine, "kind", traces=[trace])
    assert found.verdict is not None
    assert [step.tool for step in found.verdict.steps] == ["search", "submit"]
    assert found.verdict.turns == 2
    _, log = await engine.engine.executions.logs(engine.tenant, ended.id, LogFilter(node="turn"))
    assert [(line["node"], line["round"]) for line in log] == [("turn", 0), ("turn", 1)]


@pytest.mark.parametrize("output", ["binary", "scale"])
async def test_a_tool_that_is_not_there_and_a_wrong_submission_are_corrected_once(
    engine: TestEngine, server: ModelServer, output: str
) -> None:
    (trace,) = await send(engine, ["x" * 100_000])
    answer = "yes" if output == "binary" else 5
    await make(engine, output=output)
    fits = {"json": {"tool": "submit", "verdict": {"reasoning": "r", "answer": answer}}}
    correction = "does not fit the JSON Schema"
    server.script(
        [
            {"contains": correction, "times": 1, "json": {"tool": "list_spans", "args": None}},
            {"contains": correction, **fits},
            {"contains": "too long to be shown", "json": {"tool": "fly", "args": {}}},
            {"json": {"tool": "submit", "verdict": {"reasoning": "r", "answer": "perhaps"}}},
        ]
    )
    (found,), _ = await run(engine, "kind", traces=[trace])
    assert found.verdict is not None
    assert ([step.tool for step in found.verdict.steps], found.passed) == (["list_spans", "submit"], True)
    assert len(server.calls()) == 4
    server.script([{"json": {"tool": "fly"}}])
    (again,), ended = await run(engine, "kind", traces=[trace])
    assert (again.status, ended.status) == ("unscorable", "completed")
    assert again.reasoning is not None
    assert "fly" in again.reasoning


async def test_a_judge_that_is_changed_and_deleted_meanwhile_goes_on_as_it_was(
    engine: TestEngine, server: ModelServer
) -> None:
    traces = await send(engine, [f"o{n}" for n in range(6)])
    await make(engine, threshold=0.5)
    server.script([says("yes", contains="Is it kind?")], delay_ms=100)
    service, tenant = engine.engine.trace_evaluations, engine.tenant
    request = TraceEvaluationRequest((JudgeRef("kind"),), traces, concurrency=1)
    started = await service.start(tenant, request)
    await engine.engine.judges.update(tenant, "kind", JudgeChange(goal="Is it rude?", output="scale"))
    await engine.engine.judges.delete(tenant, "kind")
    await make(engine, model="scripted/other")
    ended = await engine.engine.executions.wait(tenant, started.submitted.execution.id, 60)
    server.script([], delay_ms=0)
    assert ended.status == "completed"
    found = [await service.get(tenant, one) for one in started.evaluation_ids]
    assert {(one.status, one.judge.version, one.judge.goal) for one in found} == {("scored", 1, "Is it kind?")}
    assert {call["model"] for call in server.calls()} == {"judge"}


async def test_a_trace_that_is_deleted_while_judges_look_into_it_harms_nobody(
    engine: TestEngine, server: ModelServer
) -> None:
    traces = await send(engine, ["x" * 100_000, "short"])
    await make(engine)
    look = {"contains": "too long to be shown", "json": {"tool": "search", "args": {"query": "x"}}}
    server.script([look, says("yes", contains="short"), {"json": {"tool": "submit", "verdict": YES}}], delay_ms=100)
    service = engine.engine.trace_evaluations
    started = await service.start(engine.tenant, TraceEvaluationRequest((JudgeRef("kind"),), traces))
    await engine.engine.traces.delete(engine.tenant, traces[0])
    ended = await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    server.script([], delay_ms=0)
    first, second = [await service.get(engine.tenant, one) for one in started.evaluation_ids]
    # It was either read before, and judged as it was, or it was not there any more.
    assert first.status in ("scored", "failed")
    assert (second.status, ended.status) == ("scored", "completed")


async def test_the_estimate_bounds_what_is_spent_at_worst(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, ["short", "ünïcödé " * 20_000, "x" * 100_000])
    await make(engine, turns=4, params={"maxTokens": 200})
    service = engine.engine.trace_evaluations
    request = TraceEvaluationRequest((JudgeRef("kind"),), traces)
    worst = (await service.estimate(engine.tenant, request))["worstCase"]
    # Every turn reads as much as it can, says more than it has to, and needs its correction.
    reads = {"json": {"tool": "read_span", "args": {"span": 1, "offset": 40_000}, "reasoning": "w" * 400}}
    submits = says("yes", contains="This is your last turn")
    server.script([{"contains": "does not fit the JSON Schema", **reads}, submits, {"text": "w" * 700}])
    _, ended = await run(engine, "kind", traces=traces)
    _, body = await engine.engine.executions.progress(engine.tenant, ended.id)
    used = body["usage"]
    assert 0 < used["inputTokens"] + used["outputTokens"] <= worst["tokens"]
    assert 8 < used["modelCalls"] <= worst["modelCalls"]


async def test_what_cannot_be_judged_is_refused_with_its_place(engine: TestEngine) -> None:
    traces = await send(engine, ["good"])
    await make(engine)
    service, tenant = engine.engine.trace_evaluations, engine.tenant
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (NotFound, r"traces\[1\]", {"traces": (traces[0], "nobody")}),
        (Invalid, "traces", {}),
        (Invalid, "no trace is chosen", {"filter": TraceFilter(name="nobody")}),
        (Invalid, r"thresholds\[0\].judge", {"traces": traces, "thresholds": (Threshold(0.5, "tone"),)}),
        (Invalid, r"thresholds\[0\].passRate", {"traces": traces, "thresholds": (Threshold(5),)}),
    ]
    for kind, words, request in refused:
        with pytest.raises(kind, match=words):
            await service.start(tenant, TraceEvaluationRequest((JudgeRef("kind"),), **request))
    with pytest.raises(NotFound, match="no judge 'nobody'"):
        await service.start(tenant, TraceEvaluationRequest((JudgeRef("nobody"),), traces))
    with pytest.raises(Invalid, match="named twice"):
        await service.start(tenant, TraceEvaluationRequest((JudgeRef("kind"), JudgeRef("kind")), traces))


async def test_no_execution_is_larger_than_one_may_be(engine: TestEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.judges.choosing.MAX_VERDICTS", 3)
    traces = await send(engine, ["a", "b"])
    await make(engine)
    with pytest.raises(TooLarge, match="take a sample"):
        await engine.engine.trace_evaluations.start(
            engine.tenant, TraceEvaluationRequest((JudgeRef("kind"), JudgeRef("tone")), traces)
        )


async def test_a_filter_leads_to_traces_of_which_a_sample_is_taken(engine: TestEngine) -> None:
    await send(engine, [f"o{n}" for n in range(12)])
    await make(engine)
    request = TraceEvaluationRequest(
        (JudgeRef("kind"),), filter=TraceFilter(source="sdk"), sampling=Sampling(count=4, seed=7)
    )
    estimate = await engine.engine.trace_evaluations.estimate(engine.tenant, request)
    assert (estimate["traces"], estimate["verdicts"], estimate["modelCalls"]) == (4, 4, 4)
    assert (
        estimate["worstCase"]["tokens"] == estimate["judges"][0]["inputTokens"] + estimate["judges"][0]["outputTokens"]
    )
    found, _ = await run(engine, "kind", filter=TraceFilter(source="sdk"), sampling=Sampling(count=4, seed=7))
    again, _ = await run(engine, "kind", filter=TraceFilter(source="sdk"), sampling=Sampling(count=4, seed=7))
    assert len(found) == 4
    assert [one.trace_id for one in again] == [one.trace_id for one in found]


def test_a_sample_is_a_share_of_all_and_depends_on_the_seed() -> None:
    all_of_them = [Chosen(f"{n:024x}", "") for n in range(4_000)]
    tenth = sampled(all_of_them, Sampling(rate=0.1))
    assert 300 < len(tenth) < 500
    assert sampled(all_of_them, Sampling(rate=0.1, seed=1)) != tenth
    assert sampled(all_of_them, Sampling(rate=0.1, count=10)) == sampled(tenth, Sampling(count=10))
    assert sampled(all_of_them, Sampling()) == all_of_them


async def test_too_few_passes_are_told_to_webhooks_once(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, ["good", "bad"])
    await make(engine)
    endpoints = engine.engine.webhooks.endpoints
    await endpoints.create(
        engine.tenant, "https://example.com/hook", description="", events=("trace_evaluation.threshold",)
    )
    server.script([says("yes", contains="good"), says("no")])
    thresholds = (Threshold(0.75), Threshold(0.25, "kind"))
    _, ended = await run(engine, "kind", traces=traces, thresholds=thresholds)
    told = await engine.engine.store.read(_deliveries(engine.tenant))
    assert [row["event"] for row in told] == ["trace_evaluation.threshold"]
    data = json.loads(told[0]["body"])["data"]
    assert (data["executionId"], data["judge"]["name"], data["threshold"]) == (ended.id, "kind", 0.75)
    assert data["passRate"]["mean"] == 0.5


def _deliveries(tenant: Tenant) -> Any:
    return (yield "select event, body from webhook_deliveries where project_id = $1", tenant.project_id)


async def test_a_deleted_trace_fails_its_verdict_alone(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, ["good", "bad"])
    await make(engine)
    server.script([{"contains": "good", "status": 400}, says("no")])
    (first, _), ended = await run(engine, "kind", traces=traces)
    await engine.engine.traces.delete(engine.tenant, traces[0])
    reopened = await engine.engine.executions.retry(engine.tenant, ended.id, RetryRequest())
    await engine.engine.executions.wait(engine.tenant, reopened.id, 60)
    again = await engine.engine.trace_evaluations.get(engine.tenant, first.id)
    assert (again.status, again.reasoning) == ("failed", "The trace has been deleted since it was to be judged.")


async def test_a_threshold_of_traces_that_are_all_gone_is_told_of_to_nobody(
    engine: TestEngine, server: ModelServer
) -> None:
    traces = await send(engine, ["good", "bad"])
    await make(engine)
    server.script([{"contains": "good", "status": 400}, says("yes")])
    _, ended = await run(engine, "kind", traces=traces, thresholds=(Threshold(0.75),))
    for trace in traces:
        await engine.engine.traces.delete(engine.tenant, trace)
        await engine.engine.trace_evaluations.delete_of(engine.tenant, trace)
    reopened = await engine.engine.executions.retry(engine.tenant, ended.id, RetryRequest())
    again = await engine.engine.executions.wait(engine.tenant, reopened.id, 60)
    assert (again.status, again.error) == ("completed", None)


async def test_an_evaluation_scores_with_a_judge_as_it_was(engine: TestEngine, server: ModelServer) -> None:
    rows = [{"id": "a", "input": "one", "truth": "1"}, {"id": "b", "input": "two", "truth": "2"}]
    await engine.engine.benchmarks.create_from_rows(engine.tenant, "numbers", rows)
    await make(engine, output={"type": "labels", "labels": {"right": 1, "wrong": 0}})
    server.script([says("right", contains="Is it kind?"), {"contains": "one", "text": "1"}])
    service = engine.engine.evaluations
    spec: Any = {"type": "judge", "judge": "kind"}
    request = EvaluationRequest("numbers", (Variant(model="scripted/echo"),), scorers=(spec,))
    started = await service.start(engine.tenant, request)
    await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    evaluation = await service.get(engine.tenant, started.evaluations[0].id)
    assert evaluation.scorers == ("kind",)
    metrics: Any = await service.metrics(evaluation)
    assert (metrics["scores"]["kind"]["mean"], metrics["scores"]["kind"]["n"]) == (1.0, 2)
    before = evaluation.definition_hash
    await engine.engine.judges.update(engine.tenant, "kind", JudgeChange(goal="Is it kind indeed?"))
    again = await service.start(engine.tenant, request)
    assert again.evaluations[0].definition_hash != before
    unknown: Any = {"type": "judge", "judge": "nobody"}
    request = EvaluationRequest("numbers", (Variant(model="scripted/echo"),), scorers=(unknown,))
    with pytest.raises(Invalid, match=r"scorers\[0\].judge: There is no judge 'nobody'"):
        await service.start(engine.tenant, request)
