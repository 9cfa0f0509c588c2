"""A saved prompt that lacks a rule: it is found, the placeholders stay, and applying saves it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Invalid
from penstock.optimization.model import OptimizationRequest, PromptSubject
from penstock.optimization.picture import kappa_picture
from penstock.testing.engine import TestEngine, open_engine
from penstock.testing.model_server import ModelServer

PROMPT = "Sort this message of {{ customer }}: {{ text }}"
RULE = "What is overdrawn is billing."
BETTER = f"{PROMPT} {RULE}"
BARE = "Sort this message: {{ text }}"
SAID = ("my parcel is late", "the invoice is wrong", "my account is overdrawn")
ROWS: list[dict[str, Any]] = [
    {"customer": f"c{n}", "text": f"{SAID[n % 3]} ({n})", "kind": "billing" if n % 3 else "delivery"} for n in range(90)
]


def script() -> list[dict[str, Any]]:
    """The rule is found when two cases of it are shown; else a proposal forgets a placeholder."""
    return [
        {"model": "reflect", "regex": "(?s)overdrawn.*overdrawn", "text": f"```\n{BETTER}\n```"},
        {"model": "reflect", "text": f"```\n{BARE}\n```"},
        {"model": "sort", "contains": "invoice", "text": "billing"},
        {"model": "sort", "regex": f"(?s)overdrawn.*{re.escape(RULE)}", "text": "billing"},
        {"model": "sort", "text": "delivery"},
    ]


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestEngine]:
    with ModelServer.start(rules=script()) as server:
        monkeypatch.setenv("PENSTOCK_SCRIPTED_URL", server.url)
        async with open_engine(tmp_path) as engine:
            await engine.engine.prompts.create(engine.tenant, "sort", {"prompt": PROMPT, "model": "scripted/sort"})
            await engine.engine.datasets.create(engine.tenant, "messages", ROWS)
            yield engine


def request(**more: Any) -> OptimizationRequest:
    subject = PromptSubject("sort", dataset="messages", truth="kind")
    return OptimizationRequest(subject, **{"budget": 150, "reflection_model": "scripted/reflect", **more})


async def test_a_missing_rule_is_found_and_applied(engine: TestEngine) -> None:
    optimizations = engine.engine.optimizations
    estimate = await optimizations.estimate(engine.tenant, request())
    assert (estimate.annotations, estimate.metric_calls) == (90, 150)
    started = await optimizations.start(engine.tenant, request())
    ended = await engine.engine.executions.wait(engine.tenant, started.id, 60)
    assert (ended.status, ended.error) == ("completed", None)
    found = await optimizations.get(engine.tenant, started.id)
    report = found.report
    assert report is not None
    assert (report.outcome, report.optimized) == ("better", BETTER)
    assert report.metric_calls <= 150
    assert report.after is not None
    assert report.after.kappa is not None
    assert report.before.kappa is not None
    assert report.after.kappa.value == 1 > (report.before.kappa.value or 0)
    assert report.after.recalls == {"billing": 1.0, "delivery": 1.0}
    tried = await optimizations.candidates(engine.tenant, started.id)
    assert all("drops {{ customer }}" in (one.reason or "") for one in tried if one.instruction == BARE)
    picture = kappa_picture(found, report)
    assert "Before" in picture
    assert "After" in picture
    applied = await optimizations.apply(engine.tenant, started.id)
    assert (applied.new_version, applied.again) == (2, False)
    saved = await engine.engine.prompts.get(engine.tenant, "sort")
    assert saved.document == {"prompt": BETTER, "model": "scripted/sort"}
    assert (await optimizations.apply(engine.tenant, started.id)).again


async def test_an_estimate_is_that_of_the_longest_rows_wherever_they_stand(engine: TestEngine) -> None:
    short, long = ([{**row, "text": row["text"] + "x" * more} for row in ROWS[:30]] for more in (0, 9_000))
    costs = []
    for name, rows in (("long-first", [*long, *short]), ("short-first", [*short, *long])):
        await engine.engine.datasets.create(engine.tenant, name, rows)
        subject = PromptSubject("sort", dataset=name, truth="kind")
        wanted = OptimizationRequest(subject, budget=150, reflection_model="scripted/reflect")
        costs.append((await engine.engine.optimizations.estimate(engine.tenant, wanted)).most.amounts.tokens)
    assert costs[0] == costs[1] > 150 * 9_000


async def test_a_proposal_is_no_longer_than_an_estimate_takes_it_to_be(engine: TestEngine) -> None:
    kind = engine.engine.optimizations._world.kinds["prompt"]
    pinned = await kind.pin(engine.tenant, request().subject)
    target = kind.open(engine.tenant, pinned.snapshot)
    longest = PROMPT.ljust(target.most_chars, "x")
    assert target.check(longest) == longest
    with pytest.raises(ValueError, match="characters"):
        target.check(longest + "x")
    (asked, _), (now, _) = [await target.request(text, pinned.examples[0]) for text in (PROMPT, longest)]
    assert len(asked.messages[0].text) >= len(now.messages[0].text)


async def test_without_classes_scores_are_compared(engine: TestEngine) -> None:
    rows = [
        {"id": str(n), "input": {"customer": "c", "text": f"{SAID[2]} ({n})"}, "truth": f"delivery {n}"}
        for n in range(20)
    ]
    await engine.engine.benchmarks.create_from_rows(engine.tenant, "open", rows)
    subject = PromptSubject("sort", benchmark="open", scorer="levenshtein")
    wanted = OptimizationRequest(subject, budget=60, reflection_model="scripted/reflect")
    started = await engine.engine.optimizations.start(engine.tenant, wanted)
    ended = await engine.engine.executions.wait(engine.tenant, started.id, 60)
    assert (ended.status, ended.error) == ("completed", None)
    found = await engine.engine.optimizations.get(engine.tenant, started.id)
    assert found.report is not None
    before = found.report.before
    assert (before.kappa, before.agreement, before.unscorable, dict(before.recalls)) == (None, None, 0, {})
    assert 0 < before.score < 1
    assert "mean score" in kappa_picture(found, found.report)


async def test_too_few_rows_are_refused_saying_how_many_are_missing(engine: TestEngine) -> None:
    await engine.engine.datasets.create(engine.tenant, "few", ROWS[:9])
    subject = PromptSubject("sort", dataset="few", truth="kind")
    with pytest.raises(Invalid, match="1 are missing"):
        await engine.engine.optimizations.start(engine.tenant, OptimizationRequest(subject))
