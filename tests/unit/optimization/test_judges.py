"""Optimizations of judges from request to new version: a real engine and store, models scripted over HTTP.

Each trace says "case N" and whether it is a refund. The judge is to say yes for refunds, as people do, but says yes to
everything until its instruction mentions the rule.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.clock import now_ms
from penstock.errors import Conflict, Forbidden, Invalid, NotFound, StepError
from penstock.executions.item import Attempt
from penstock.executions.model import Execution, RetryRequest, Status
from penstock.judges.annotations import NewAnnotation
from penstock.judges.definition import JudgeChange
from penstock.models.meter import Meter
from penstock.optimization.judge_target import JudgeTargets
from penstock.optimization.model import JudgeSubject, Optimization, OptimizationFilter, OptimizationRequest
from penstock.storage.optimizations import forget_orphans
from penstock.storage.store import rows_of
from penstock.testing.engine import TestEngine, open_engine
from penstock.testing.model_server import ModelServer
from penstock.traces.model import ReceivedSpan, Span, Trace
from penstock.traces.reading import TraceReader
from penstock.types import Tenant

GOAL = "Is the case handled well?"
RULE = "Only cases that speak of a refund are handled well."
YES, NO = ({"reasoning": "because", "answer": answer} for answer in ("yes", "no"))
JUDGING = [
    {"model": "judge", "regex": rf"(?s){RULE}.*refund of", "json": YES},
    {"model": "judge", "contains": RULE, "json": NO},
    {"model": "judge", "json": YES},
]
BAD, GOOD = "```\nIs everything fine, would you say?\n```", f"Here it is:\n```\n{GOAL}\n{RULE}\n```"
REFLECTING = [{"model": "mirror", "text": BAD, "times": 1}, {"model": "mirror", "text": GOOD}]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


@pytest.fixture
async def engine(tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestEngine]:
    server.script([*JUDGING, *REFLECTING])
    server.reset()
    monkeypatch.setenv("PENSTOCK_SCRIPTED_URL", server.url)
    async with open_engine(tmp_path) as engine:
        yield engine


def refund(number: int) -> bool:
    return number % 3 != 0


async def prepare(engine: TestEngine, count: int = 40, **judge: Any) -> list[str]:
    """A judge `kind`, and `count` traces that Ana labels; their ids."""
    wanted = JudgeChange(name="kind", **{"goal": GOAL, "model": "scripted/judge", **judge})
    await engine.engine.judges.create(engine.tenant, wanted)
    spans = [
        ReceivedSpan(
            f"trace-{number}",
            Span(
                span_id=f"{number:016x}",
                name=f"case {number};",
                kind="llm",
                started_ns=number + 1,
                input=f"case {number};",
                output="A refund of 3 is on its way." if refund(number) else "Wait until Monday.",
            ),
        )
        for number in range(count)
    ]
    traces = (await engine.engine.ingestion.accept(engine.tenant, spans, source="sdk")).trace_ids
    for number, trace in enumerate(traces):
        await label(engine, trace, "pass" if refund(number) else "fail", rationale="Only refunds are handled well.")
    return list(traces)


async def label(engine: TestEngine, trace: str, said: Any, author: str = "ana", **more: Any) -> None:
    annotation = NewAnnotation(label=said, author=author, judge="kind", trace=trace, **more)
    await engine.engine.annotations.add(engine.tenant, annotation)


def request(**more: Any) -> OptimizationRequest:
    wanted = {"budget": 150, "reflection_model": "scripted/mirror", "concurrency": 8, **more}
    return OptimizationRequest(JudgeSubject("kind"), **wanted)


async def run(engine: TestEngine, **more: Any) -> Optimization:
    started = await engine.engine.optimizations.start(engine.tenant, request(**more))
    await engine.engine.executions.wait(engine.tenant, started.id, 60)
    return await engine.engine.optimizations.get(engine.tenant, started.id)


def metric_calls(server: ModelServer) -> Counter[str]:
    return Counter(call["prompt"] for call in server.calls() if call["model"] == "judge")


async def test_the_missing_rule_is_found_measured_and_applied(engine: TestEngine, server: ModelServer) -> None:
    await prepare(engine, 90)
    done = await run(engine)
    report = done.report
    assert (done.execution.status, done.execution.error) == (Status.COMPLETED, None)
    assert report is not None
    assert (report.outcome, RULE in report.optimized, report.original) == ("better", True, GOAL)
    assert report.before.kappa is not None
    assert report.after is not None
    assert report.after.kappa is not None
    assert report.before.kappa.value == pytest.approx(0, abs=1e-9), "yes to everything agrees by chance alone"
    assert report.after.kappa.value == 1
    assert report.after.kappa.low < 1 == report.after.kappa.high
    assert report.paired is not None
    assert report.paired.p_value < 0.05

    asked = metric_calls(server)
    assert asked.total() == report.metric_calls <= 150
    assert max(asked.values()) == 1

    tried = await engine.engine.optimizations.candidates(engine.tenant, done.id)
    assert [one.number for one in tried] == list(range(len(tried)))
    assert [one.status for one in tried][:2] == ["seed", "rejected"]
    assert tried[report.best].validation_score == 1
    assert report.best in tried[report.best].frontier

    applied = await engine.engine.optimizations.apply(engine.tenant, done.id)
    again = await engine.engine.optimizations.apply(engine.tenant, done.id)
    judge = (await engine.engine.judges.get(engine.tenant, "kind")).latest
    assert (applied.new_version, again.new_version, again.again) == (2, 2, True)
    assert (judge.version, judge.goal) == (2, report.optimized)


async def test_no_budget_is_passed_and_one_smaller_than_a_pass_is_refused(
    engine: TestEngine, server: ModelServer
) -> None:
    await prepare(engine)
    with pytest.raises(Invalid) as refused:
        await run(engine, budget=49)
    needed = (await engine.engine.optimizations.estimate(engine.tenant, request())).needed_calls
    assert (refused.value.code, needed) == ("budget_too_small", 2 * 12 + 2 * 10 + 2 * 3)
    assert f"{needed}" in refused.value.detail
    # A mirror that never has a good idea uses up what there is.
    server.script([*JUDGING, {"model": "mirror", "template": "```\nTry {n}.\n```"}])
    for budget in (needed, needed + 13, 150):
        server.reset()
        report = (await run(engine, budget=budget, seed=budget)).report
        assert report is not None
        assert (report.outcome, report.best) == ("kept", 0)
        assert metric_calls(server).total() == report.metric_calls <= budget
        assert max(metric_calls(server).values()) == 1


async def test_the_budget_holds_though_the_search_does_not_know_when_to_stop(
    engine: TestEngine, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.optimization.search._Stop.__call__", lambda stop, state: False)
    server.script([*JUDGING, {"model": "mirror", "template": "```\nTry {n}.\n```"}])
    await prepare(engine)
    report = (await run(engine, budget=61)).report
    assert report is not None
    assert metric_calls(server).total() == report.metric_calls <= 61


@pytest.mark.parametrize(
    ("labels", "code", "words"),
    [
        (9, "too_few_annotations", "has 9, so 1 are missing"),
        ("pass", "one_class_only", "all 12 labels of 'kind' say 'yes'"),
        ("contradictory", "too_few_annotations", "has 0, so 10 are missing (left out: 24 contradictory)"),
    ],
)
async def test_labels_that_bear_nothing_are_refused(
    engine: TestEngine, labels: Any, code: str, words: str, server: ModelServer
) -> None:
    traces = await prepare(engine, labels if isinstance(labels, int) else 12)
    for number, trace in enumerate(traces):
        if labels == "pass":
            await label(engine, trace, "pass")
        if labels == "contradictory":
            await label(engine, trace, "fail" if refund(number) else "pass", author="bob")
    with pytest.raises(Invalid) as refused:
        await run(engine)
    assert refused.value.code == code
    assert words in refused.value.detail
    assert not server.calls()


async def test_people_who_disagree_count_by_weight(engine: TestEngine, server: ModelServer) -> None:
    traces = await prepare(engine)
    for number, trace in enumerate(traces):
        # Bob says the opposite of some, and weighs less; of one he weighs as much.
        if number < 6:
            await label(engine, trace, not refund(number), author="bob", weight=1.0 if number == 0 else 0.5)
    done = await run(engine)
    assert done.plan.left_out == {"contradictory": 2}
    assert done.plan.annotations == 40 - 1 + 5
    assert "People disagree about 5 of the traces; each counts by weight." in done.plan.notes
    assert done.report is not None
    assert done.report.after is not None
    assert done.report.after.score == 1, "what most weight says is all that one can come to"


async def test_of_more_labels_than_are_used_none_of_a_trace_that_is_used_is_overlooked(
    engine: TestEngine, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.optimization.judge_target.MAX_EXAMPLES", 12)
    monkeypatch.setattr("penstock.judges.annotations._PAGE", 5)
    traces = await prepare(engine, 20)
    for number, trace in enumerate(traces):
        # Bob comes last, and says the opposite of the last one.
        await label(engine, trace, refund(number) if number < 19 else not refund(number), author="bob")
    estimate = await engine.engine.optimizations.estimate(engine.tenant, request())
    assert (estimate.annotations, estimate.left_out) == (24, {"contradictory": 2, "too_many": 14})


async def test_useless_proposals_cost_no_metric_call(engine: TestEngine, server: ModelServer) -> None:
    proposals = ["I would rather not.", "```\n```", f"```\n{GOAL}\n```", f"```\n{'long ' * 4000}\n```"]
    texts = [{"model": "mirror", "text": text, "times": 1} for text in proposals]
    server.script([*JUDGING, *texts, {"model": "mirror", "text": GOOD}])
    await prepare(engine)
    done = await run(engine)
    tried = await engine.engine.optimizations.candidates(engine.tenant, done.id)
    assert [one.status for one in tried] == ["seed", *["rejected"] * 4, "accepted"]
    assert [(one.reason or "").split(";")[0] for one in tried[1:5]] == [
        "the proposal has no instruction between ``` marks",
        "evaluationGoal: must have 1 to 20,000 characters, not only white space",
        "this instruction was tried before",
        "the proposal has 19,999 characters",
    ]
    spent = [one.metric_calls for one in tried]
    assert spent[4] - spent[0] <= done.plan.parts.train, "at most the examples they were made from"


async def test_answers_off_the_menu_are_wrong_and_told_as_such(engine: TestEngine, server: ModelServer) -> None:
    server.script([{"model": "judge", "text": "It depends."}, *REFLECTING])
    await prepare(engine, 12)
    report = (await run(engine)).report
    assert report is not None
    assert (report.outcome, report.before.unscorable, report.before.score) == ("kept", report.parts.test, 0)
    asked = [call["prompt"] for call in server.calls() if call["model"] == "mirror"]
    assert "The judge's answer could not be read." in asked[0]
    assert "ana says yes: Only refunds are handled well." in asked[0]


async def test_nothing_is_scored_by_what_is_left_of_a_trace_that_is_being_deleted(
    engine: TestEngine, server: ModelServer
) -> None:
    class Meanwhile(TraceReader):
        """Somebody deletes each trace while its spans are read."""

        async def spans(self, trace: Trace) -> list[Span]:
            await self.delete(trace.tenant, trace.id)
            return await super().spans(trace)

    await prepare(engine, 12)
    world = engine.engine
    kind = JudgeTargets(world.judges, world.annotations, Meanwhile(world.store), world.services.models)
    pinned = await kind.pin(engine.tenant, JudgeSubject("kind"))
    target = kind.open(engine.tenant, pinned.snapshot)
    with pytest.raises(StepError) as gone:
        await target.score(GOAL, pinned.examples[0], Attempt(Meter()))
    assert gone.value.code == "trace_unknown"
    assert not server.calls()


async def test_what_a_reflection_is_told_says_in_which_direction_it_errs(
    engine: TestEngine, server: ModelServer
) -> None:
    await prepare(engine)
    await run(engine)
    asked = next(call["prompt"] for call in server.calls() if call["model"] == "mirror")
    assert "The judge says yes where people say no: it is too lenient." in asked
    assert "Wait until Monday." in asked
    assert "yes: because" in asked


async def test_a_scale_is_compared_by_distance(engine: TestEngine, server: ModelServer) -> None:
    server.script([{"model": "judge", "json": {"reasoning": "so", "answer": 4}}, *REFLECTING])
    traces = await prepare(engine, 20, output="scale")
    for number, trace in enumerate(traces):
        await label(engine, trace, 5 if refund(number) else 2)
    report = (await run(engine)).report
    assert report is not None
    test = [5] * round(report.before.n * report.before.recalls.get("none", 0))
    assert test == []
    assert 0.5 < report.before.score < 0.75, "4 is a quarter off 5, and half off 2"
    assert report.before.agreement == 0


async def test_a_judge_that_changed_is_not_overwritten_unless_forced(engine: TestEngine, server: ModelServer) -> None:
    await prepare(engine)
    done = await run(engine)
    judges, optimizations = engine.engine.judges, engine.engine.optimizations
    await judges.update(engine.tenant, "kind", JudgeChange(goal="Something else?", threshold=0.7))
    with pytest.raises(Conflict, match="version 2 and was optimized at version 1"):
        await optimizations.apply(engine.tenant, done.id)
    forced = await optimizations.apply(engine.tenant, done.id, force=True)
    latest = (await judges.get(engine.tenant, "kind")).latest
    assert done.report is not None
    assert (forced.new_version, latest.goal, latest.threshold) == (3, done.report.optimized, 0.7)


async def test_applied_twice_at_once_it_is_applied_once(engine: TestEngine, server: ModelServer) -> None:
    await prepare(engine, 12)
    done = await run(engine)
    apply = engine.engine.optimizations.apply
    both = await asyncio.gather(*(apply(engine.tenant, done.id, force=force) for force in (True, False, True)))
    assert {one.new_version for one in both} == {2}
    assert sorted(one.again for one in both) == [False, True, True]


async def test_nothing_better_is_not_applied(engine: TestEngine, server: ModelServer) -> None:
    server.script([*JUDGING, {"model": "mirror", "text": BAD}])
    await prepare(engine)
    done = await run(engine)
    with pytest.raises(Conflict) as refused:
        await engine.engine.optimizations.apply(engine.tenant, done.id, force=True)
    assert refused.value.code == "nothing_better"


async def test_what_is_not_there_or_not_ours_is_said(engine: TestEngine, server: ModelServer) -> None:
    await prepare(engine, 12)
    optimizations, tenant = engine.engine.optimizations, engine.tenant
    with pytest.raises(NotFound):
        await optimizations.start(tenant, OptimizationRequest(JudgeSubject("nobody")))
    with pytest.raises(Forbidden):
        await optimizations.start(tenant, OptimizationRequest(JudgeSubject("tone")))
    with pytest.raises(Invalid, match="reflectionModel"):
        await optimizations.start(tenant, request(reflection_model="nobody/nothing"))
    done = await run(engine)
    other = Tenant(tenant.organization_id, "other")
    with pytest.raises(NotFound):
        await optimizations.candidates(other, done.id)
    assert await optimizations.page(other, OptimizationFilter(), None, 10) == []
    found, count = await optimizations.numbered(tenant, OptimizationFilter(subject="kind"), 0, 10)
    assert ([one.id for one in found], count) == ([done.id], 1)


async def test_an_estimate_bounds_what_is_spent(engine: TestEngine, server: ModelServer) -> None:
    await prepare(engine)
    estimate = await engine.engine.optimizations.estimate(engine.tenant, request())
    assert not server.calls()
    assert (estimate.metric_calls, estimate.annotations) == (150, 40)
    done = await run(engine)
    summary: Any = done.execution.summary
    used = summary["usage"]
    assert used["inputTokens"] + used["outputTokens"] <= estimate.most.amounts.tokens
    assert used["modelCalls"] <= estimate.most.calls


async def test_a_cancel_ends_it_at_once_and_leaves_no_thread(engine: TestEngine, server: ModelServer) -> None:
    server.script([*JUDGING, {"model": "mirror", "behaviour": "hang"}])
    await prepare(engine, 12)
    started = await engine.engine.optimizations.start(engine.tenant, request())
    while not any(call["model"] == "mirror" for call in await asyncio.to_thread(server.calls)):
        await asyncio.sleep(0.01)
    assert [one for one in threading.enumerate() if one.name.startswith("penstock-search")]
    await engine.engine.executions.cancel(engine.tenant, started.id)
    ended: Execution = await engine.engine.executions.wait(engine.tenant, started.id, 10)
    assert ended.status == Status.CANCELLED
    assert not [one for one in threading.enumerate() if one.name.startswith("penstock-search")]


async def test_a_retry_makes_only_the_calls_that_failed(engine: TestEngine, server: ModelServer) -> None:
    broken = {"model": "judge", "contains": "case 7;", "status": 400, "error": "not today"}
    server.script([broken, *JUDGING, *REFLECTING])
    await prepare(engine, 12)
    failed = await run(engine)
    error = failed.execution.error
    assert (failed.execution.status, failed.report) == (Status.FAILED, None)
    assert error is not None
    assert "not today" in f"{error.message} {error.cause}"
    with pytest.raises(Conflict) as refused:
        await engine.engine.optimizations.apply(engine.tenant, failed.id)
    assert refused.value.code == "optimization_not_completed"

    before = metric_calls(server)
    server.script([*JUDGING, *REFLECTING])
    await engine.engine.executions.retry(engine.tenant, failed.id, RetryRequest(items="failed"))
    await engine.engine.executions.wait(engine.tenant, failed.id, 60)
    done = await engine.engine.optimizations.get(engine.tenant, failed.id)
    again = metric_calls(server) - before
    assert done.report is not None
    assert all("case 7;" in prompt for prompt in again.keys() & before.keys())
    assert metric_calls(server).total() - sum(before[one] for one in before if "case 7;" in one) == (
        done.report.metric_calls
    )


async def test_what_is_deleted_is_forgotten_with_what_it_tried(engine: TestEngine, server: ModelServer) -> None:
    await prepare(engine, 12)
    gone, kept = await run(engine), await run(engine)
    await engine.engine.executions.delete(engine.tenant, gone.id)
    store = engine.engine.store
    assert not await store.write(forget_orphans(now_ms() + 1, 10))
    left = await store.read(rows_of("select distinct execution_id as id from optimization_candidates"))
    assert [row["id"] for row in left] == [kept.id]
    assert await engine.engine.optimizations.candidates(engine.tenant, kept.id)


async def test_the_package_prints_nothing(
    engine: TestEngine, server: ModelServer, capfd: pytest.CaptureFixture[str]
) -> None:
    await prepare(engine, 12)
    assert (await run(engine)).report is not None
    assert capfd.readouterr() == ("", "")


async def test_the_same_seed_asks_the_same_and_another_one_something_else(
    engine: TestEngine, server: ModelServer
) -> None:
    server.script([*JUDGING, {"model": "mirror", "text": GOOD}])
    await prepare(engine)
    asked = []
    for seed, concurrency in ((1, 1), (1, 8), (2, 8)):
        server.reset()
        await run(engine, seed=seed, concurrency=concurrency)
        asked.append(Counter(call["prompt"] for call in server.calls()))
    assert asked[0] == asked[1], "whatever comes back first"
    assert asked[1] != asked[2]
