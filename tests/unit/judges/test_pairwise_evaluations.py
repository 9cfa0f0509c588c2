"""Pairs from request to numbers: a real engine and store, models scripted over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.accounts.compute_units.balances import Grant
from penstock.errors import BalanceExhausted, Conflict, Invalid, NotFound
from penstock.evaluations.requests import EvaluationRequest, Variant
from penstock.executions.model import Execution, RetryRequest
from penstock.judges.definition import JudgeChange
from penstock.judges.pairwise.comparing import shows_a_first
from penstock.judges.pairwise.requests import PairwiseRequest
from penstock.judges.requests import JudgeRef, Sampling
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
        wanted = JudgeChange(name="kind", goal="Is it kind?", model="scripted/judge", output="scale")
        await engine.engine.judges.create(engine.tenant, wanted)
        yield engine


async def send(engine: TestEngine, outputs: Sequence[str]) -> tuple[str, ...]:
    """One trace of one span for each output; their ids."""
    spans = [
        ReceivedSpan(f"trace-{n}", Span(span_id=f"{n:016x}", name="run", kind="llm", started_ns=n + 1, output=output))
        for n, output in enumerate(outputs)
    ]
    return (await engine.engine.ingestion.accept(engine.tenant, spans, source="sdk")).trace_ids


async def run(engine: TestEngine, **request: Any) -> tuple[Execution, dict[str, Any], list[Any]]:
    """Start, wait for the end, and read: execution, summary, outputs."""
    service = engine.engine.pairwise_evaluations
    started = await service.start(engine.tenant, PairwiseRequest(JudgeRef("kind"), **request))
    ended = await engine.engine.executions.wait(engine.tenant, started.execution.id, 60)
    outputs = [json.loads(row["output"]) for row in await engine.rows(ended) if row["output"]]
    _, made = await service.summary(engine.tenant, ended.id)
    return ended, made, outputs


def prefers(answer: str, **rule: Any) -> dict[str, Any]:
    return {**rule, "json": {"reasoning": f"because {answer}", "answer": answer}}


# The judge likes what says "good", wherever it stands.
GOOD_FIRST = prefers("first", regex=r"<first-\w+>(?:(?!</first)[\s\S])*good")


async def evaluated(engine: TestEngine, name: str, answers: Sequence[str], server: ModelServer) -> str:
    """An evaluation of a benchmark of so many rows in which a model gives these answers; its id."""
    service = engine.engine.evaluations
    rules = [{"contains": f"question {n};", "text": answer} for n, answer in enumerate(answers)]
    server.script([rule for rule in rules if rule["text"] != "fails"] + [{"status": 400}])
    scorers: Any = ("exact",)
    request = EvaluationRequest("rows", (Variant(model=f"scripted/{name}"),), scorers=scorers)
    started = await service.start(engine.tenant, request)
    await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    return started.evaluations[0].id


async def test_a_judge_prefers_one_of_two_traces(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, [*(f"good {n}" for n in range(8)), *(f"bad {n}" for n in range(8))])
    server.script([GOOD_FIRST, prefers("second")])
    pairs = tuple(zip(traces[:8], traces[8:], strict=True))
    ended, made, outputs = await run(engine, traces=pairs)
    assert (ended.status, ended.kind, ended.total_items) == ("completed", "pairwise_evaluation", 8)
    assert made["wins"] == {"a": 8, "b": 0, "ties": 0}
    assert (made["winRate"]["mean"], made["coverage"]) == (1.0, 1.0)
    assert made["winRate"]["low"] > 0.5
    shown_first = [shows_a_first(f"{a} {b}", 0) for a, b in pairs]
    assert made["shownFirst"] == {"a": sum(shown_first), "b": 8 - sum(shown_first)}
    assert made["chosen"] == {"first": sum(shown_first), "second": 8 - sum(shown_first)}
    assert [(one["a"], one["b"], one["better"]) for one in outputs] == [(*pair, "a") for pair in pairs]
    assert [one["shownFirst"] == "a" for one in outputs] == shown_first
    # What the judge is shown does not say which of them is A.
    for call in server.calls():
        assert re.search(r"<first-\w+>\n[\s\S]*<second-\w+>\n", call["prompt"])
        assert not set(traces) & set(re.findall(r"\w{24}", call["prompt"]))
    assert (await engine.engine.judges.get(engine.tenant, "kind")).run_count == 8


async def test_a_liking_for_a_place_shows(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, [f"good {n}" for n in range(40)])
    server.script([prefers("first")])
    _, made, _ = await run(engine, traces=tuple(zip(traces[::2], traces[1::2], strict=True)))
    assert (made["chosen"], made["firstRate"]["mean"]) == ({"first": 20, "second": 0}, 1.0)
    assert made["firstRate"]["low"] > 0.5
    assert 0 < made["wins"]["a"] < 20


async def test_answers_of_two_evaluations_are_compared_row_by_row(engine: TestEngine, server: ModelServer) -> None:
    rows = [{"id": str(n), "input": f"question {n};", "truth": "x"} for n in range(4)]
    await engine.engine.benchmarks.create_from_rows(engine.tenant, "rows", rows)
    first = await evaluated(engine, "one", ["good", "bad", "good", "fails"], server)
    second = await evaluated(engine, "two", ["bad", "good", "good", "good"], server)
    tie = prefers("tie", contains="question 2;")
    server.script([tie, GOOD_FIRST, prefers("second")])
    server.reset()
    ended, made, outputs = await run(engine, evaluations=(first, second))
    assert ended.status == "completed"
    assert [(one["a"], one["b"], one["better"]) for one in outputs] == [(0, 0, "a"), (1, 1, "b"), (2, 2, "tie")]
    assert (made["expected"], made["wins"], made["winRate"]["mean"]) == (3, {"a": 1, "b": 1, "ties": 1}, 0.5)
    assert made["firstRate"]["n"] == 2
    assert made["evaluations"] == [first, second]
    assert all("<input-" in call["prompt"] for call in server.calls())


async def test_what_was_not_said_counts_for_nobody_and_is_asked_again_alone(
    engine: TestEngine, server: ModelServer
) -> None:
    traces = await send(engine, ["good", "bad", "prose", "bad", "broken", "bad"])
    prose = [{"contains": words, "text": "Both are fine."} for words in ("prose", "does not fit the JSON Schema")]
    server.script([*prose, {"contains": "broken", "status": 400}, prefers("tie")])
    ended, made, _ = await run(engine, traces=tuple(zip(traces[::2], traces[1::2], strict=True)))
    counts = {name: made[name] for name in ("expected", "scored", "unscorable", "failed", "pending")}
    assert counts == {"expected": 3, "scored": 1, "unscorable": 1, "failed": 1, "pending": 0}
    server.script([prefers("tie")])
    server.reset()
    await engine.engine.executions.retry(engine.tenant, ended.id, RetryRequest())
    await engine.engine.executions.wait(engine.tenant, ended.id, 60)
    _, again = await engine.engine.pairwise_evaluations.summary(engine.tenant, ended.id)
    assert (again["scored"], again["failed"], len(server.calls())) == (2, 0, 1)


async def test_what_is_no_pair_is_refused(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, ["a", "b"])
    rows = [{"id": "0", "input": "question 0;", "truth": "x"}]
    await engine.engine.benchmarks.create_from_rows(engine.tenant, "rows", rows)
    answered = await evaluated(engine, "one", ["good"], server)
    failed = await evaluated(engine, "two", ["fails"], server)
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (Invalid, "traces: give pairs", {}),
        (Invalid, "and not both", {"traces": (traces,), "evaluations": (answered, failed)}),
        (Invalid, r"traces\[0\]: is one trace twice", {"traces": ((traces[0], "trace-0"),)}),
        (NotFound, r"traces\[1\]: there is no trace 'nobody'", {"traces": (traces, (traces[0], "nobody"))}),
        (NotFound, "no evaluation 'nobody'", {"evaluations": (answered, "nobody")}),
        (Invalid, "one evaluation twice", {"evaluations": (answered, answered)}),
        (Invalid, "no row that both have answered", {"evaluations": (answered, failed)}),
    ]
    service = engine.engine.pairwise_evaluations
    for kind, words, request in refused:
        with pytest.raises(kind, match=words):
            await service.start(engine.tenant, PairwiseRequest(JudgeRef("kind"), **request))
    with pytest.raises(NotFound, match="no judge"):
        await service.start(engine.tenant, PairwiseRequest(JudgeRef("nobody"), (traces,)))
    server.script([{"behaviour": "hang"}])
    scorers: Any = ("exact",)
    request = EvaluationRequest("rows", (Variant(model="scripted/slow"),), scorers=scorers)
    started = await engine.engine.evaluations.start(engine.tenant, request)
    wanted = answered, started.evaluations[0].id
    with pytest.raises(Conflict, match="when it is over"):
        await service.start(engine.tenant, PairwiseRequest(JudgeRef("kind"), evaluations=wanted))
    await engine.engine.executions.cancel(engine.tenant, started.submitted.execution.id)
    with pytest.raises(NotFound, match="no pairwise evaluation"):
        await service.summary(engine.tenant, started.submitted.execution.id)


async def test_a_trace_that_is_gone_fails_its_pair_alone(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, ["good", "bad", "good", "bad"])
    server.script([{"status": 400}])
    ended, _, _ = await run(engine, traces=((traces[0], traces[1]), (traces[2], traces[3])))
    await engine.engine.traces.delete(engine.tenant, traces[1])
    server.script([GOOD_FIRST, prefers("second")])
    await engine.engine.executions.retry(engine.tenant, ended.id, RetryRequest())
    await engine.engine.executions.wait(engine.tenant, ended.id, 60)
    gone, fine = await engine.rows(ended)
    assert "deleted" in gone["error"]
    assert json.loads(fine["output"])["better"] == "a"


async def test_the_estimate_bounds_what_is_spent_also_with_corrections(engine: TestEngine, server: ModelServer) -> None:
    await engine.engine.judges.update(engine.tenant, "kind", JudgeChange(params={"maxTokens": 50}))
    traces = await send(engine, ["good ünïcödé", "bad"] * 3)
    pairs = tuple(zip(traces[::2], traces[1::2], strict=True))
    service = engine.engine.pairwise_evaluations
    request = PairwiseRequest(JudgeRef("kind"), pairs, sampling=Sampling(count=2))
    estimate = await service.estimate(engine.tenant, request)
    assert (estimate["pairs"], estimate["modelCalls"], estimate["worstCase"]["modelCalls"]) == (2, 2, 4)
    server.script([{"text": "Neither, they are both fine."}])
    ended, made, _ = await run(engine, traces=pairs, sampling=Sampling(count=2))
    _, body = await engine.engine.executions.progress(engine.tenant, ended.id)
    used = body["usage"]
    assert (made["unscorable"], used["modelCalls"]) == (2, 4)
    assert 0 < used["inputTokens"] + used["outputTokens"] <= estimate["worstCase"]["tokens"]


async def test_where_a_balance_limits_it_pairs_hold_what_they_may_take(engine: TestEngine, server: ModelServer) -> None:
    a, b = await send(engine, ["good", "bad"])
    balances = engine.engine.compute_units.balances
    await balances.grant(engine.tenant, Grant("grant", 20_000))
    request = PairwiseRequest(JudgeRef("kind"), traces=((a, b),))
    with pytest.raises(BalanceExhausted, match="this reserves"):
        await engine.engine.pairwise_evaluations.start(engine.tenant, request)
    await balances.grant(engine.tenant, Grant("grant", 1_000_000_000))
    server.script([GOOD_FIRST, prefers("second")])
    ended, _, _ = await run(engine, traces=((a, b),))
    left = await balances.of(engine.tenant)
    assert (ended.status, left.reserved_micros) == ("completed", 0)


async def test_a_pair_that_goes_while_it_is_estimated_is_not_found(
    engine: TestEngine, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = await send(engine, ["good", "bad"])
    service = engine.engine.pairwise_evaluations
    chosen = await service.pairs.chosen(engine.tenant, request := PairwiseRequest(JudgeRef("kind"), traces=((a, b),)))

    async def as_before(*_: Any) -> Any:
        return chosen

    await engine.engine.traces.delete(engine.tenant, a)
    monkeypatch.setattr("penstock.judges.pairwise.choosing.Pairs.chosen", as_before)
    with pytest.raises(NotFound, match="deleted"):
        await service.estimate(engine.tenant, request)


async def test_nobody_sees_those_of_others(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, ["good", "bad"])
    server.script([prefers("tie")])
    ended, _, _ = await run(engine, traces=(traces,))
    stranger = Tenant("o", "p")
    with pytest.raises(NotFound):
        await engine.engine.pairwise_evaluations.summary(stranger, ended.id)
    with pytest.raises(NotFound):
        await engine.engine.pairwise_evaluations.pairs.chosen(stranger, PairwiseRequest(JudgeRef("kind"), (traces,)))
