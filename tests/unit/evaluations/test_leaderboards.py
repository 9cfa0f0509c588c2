"""Leaderboards and experiments on a real engine: what is ranked, and what the rows can tell apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.accounts.organizations import create_organization, create_project
from penstock.errors import Conflict, Invalid, NotFound
from penstock.evaluations.benchmarks.model import RowChoice
from penstock.evaluations.leaderboards import LeaderboardChange, Table, slug_of
from penstock.evaluations.requests import EvaluationRequest, Variant
from penstock.storage.leaderboards import LeaderboardFilters, LeaderboardRecord, RankedBenchmarks, RankedModels
from penstock.testing.engine import TestEngine, open_engine
from penstock.types import Tenant

YES, NO, ECHO = "scripted/fixed:yes", "scripted/fixed:no", "scripted/echo"
ROWS = [{"id": str(n), "input": "yes", "truth": "yes" if n < 18 else "no"} for n in range(20)]
"""Who always says yes is right about 18 of 20, and so is an echo; who says no, about 2."""


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[TestEngine]:
    async with open_engine(tmp_path) as opened:
        benchmarks = opened.engine.evaluations.pinner.benchmarks
        await benchmarks.create_from_rows(opened.tenant, "agreeing", ROWS)
        yield opened


async def evaluated(engine: TestEngine, *models: str, **request: Any) -> list[str]:
    """Evaluations that are over, one of each model; their ids."""
    found = []
    for model in models:
        wanted = EvaluationRequest("agreeing", (Variant(model=model),), scorers=("exact",), **request)
        started = await engine.engine.evaluations.start(engine.tenant, wanted)
        await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
        found.append(started.evaluations[0].id)
    return found


async def board(engine: TestEngine, name: str = "All", **change: Any) -> LeaderboardRecord:
    return await engine.engine.leaderboards.create(engine.tenant, LeaderboardChange(name=name, **change))


async def tables(engine: TestEngine, **change: Any) -> list[Table]:
    return await engine.engine.leaderboards.entries(await board(engine, **change))


async def test_models_are_ranked_and_what_the_rows_do_not_tell_apart_is_marked(engine: TestEngine) -> None:
    ids = await evaluated(engine, NO, YES, ECHO)
    (table,) = await tables(engine)
    assert (table.benchmark_key, table.scorer, table.rows, table.epochs) == ("agreeing", "exact", 20, 1)
    assert [(entry.rank, entry.mean) for entry in table.entries] == [(1, 0.9), (1, 0.9), (3, 0.1)]
    assert [entry.same_as_above for entry in table.entries] == [False, True, False]
    assert {entry.evaluation_id for entry in table.entries} == {*ids}
    for entry in table.entries:
        assert entry.low is not None
        assert entry.high is not None
        assert entry.low < entry.mean < entry.high
        assert (entry.scored, entry.expected) == (20, 20)


async def test_what_a_comparison_calls_unclear_is_no_rank_of_its_own(engine: TestEngine) -> None:
    # Right about 20 and about 15 of them: the interval of the difference leaves out 0, the exact test does not (1/16).
    rows = [{"id": str(n), "input": "yes" if n < 15 else "perhaps", "truth": "yes"} for n in range(20)]
    await engine.engine.evaluations.pinner.benchmarks.create_from_rows(engine.tenant, "agreeing-less", rows)
    ids = []
    for model in (YES, ECHO):
        wanted = EvaluationRequest("agreeing-less", (Variant(model=model),), scorers=("exact",))
        started = await engine.engine.evaluations.start(engine.tenant, wanted)
        await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
        ids.append(started.evaluations[0].id)
    (held,) = (await engine.engine.comparisons.compare(engine.tenant, ids)).held
    assert held.found.whole.difference.high < 0  # type: ignore[operator]
    assert held.found.whole.verdict.decision == "unclear"
    (table,) = await tables(engine)
    assert [entry.same_as_above for entry in table.entries] == [False, True]


async def test_the_newest_evaluation_of_a_model_counts_and_failed_ones_do_not(engine: TestEngine) -> None:
    _, newest = await evaluated(engine, YES, YES)
    await evaluated(engine, "scripted/fail:400", on_item_error="failFast")
    (table,) = await tables(engine)
    assert [(entry.model, entry.evaluation_id) for entry in table.entries] == [(YES, newest)]


async def test_only_what_was_measured_alike_is_ranked_together(engine: TestEngine) -> None:
    await evaluated(engine, YES)
    await evaluated(engine, NO, choice=RowChoice(count=10))
    await evaluated(engine, NO, epochs=2)
    found = await tables(engine)
    assert sorted((table.rows, table.epochs, len(table.entries)) for table in found) == [
        (10, 1, 1),
        (20, 1, 1),
        (20, 2, 1),
    ]


@pytest.mark.parametrize(
    ("filters", "models"),
    [
        (LeaderboardFilters(models=RankedModels(ids=(NO,))), {NO}),
        (LeaderboardFilters(models=RankedModels(vendors=("penstock",))), {ECHO}),
        (LeaderboardFilters(models=RankedModels(regions=("eu",))), set()),
        (LeaderboardFilters(benchmarks=RankedBenchmarks(ids=("agreeing",))), {NO, ECHO}),
        (LeaderboardFilters(benchmarks=RankedBenchmarks(ids=("another",))), set()),
        (LeaderboardFilters(benchmarks=RankedBenchmarks(categories=("mathematics",))), set()),
    ],
)
async def test_filters_choose_what_is_ranked(engine: TestEngine, filters: LeaderboardFilters, models: set[str]) -> None:
    await evaluated(engine, NO, ECHO)
    made = await board(engine, filters=filters)
    found = await engine.engine.leaderboards.entries(made)
    assert {entry.model for table in found for entry in table.entries} == models
    assert (await engine.engine.leaderboards.counts(made)).models == len(models)


async def test_who_sees_a_leaderboard_and_who_changes_it(engine: TestEngine) -> None:
    boards, store = engine.engine.leaderboards, engine.engine.store
    sibling = await create_project(store, engine.tenant.organization_id, "sibling")
    stranger = await create_project(store, await create_organization(store, "another"), "stranger")
    for name in ("private", "tenant", "public"):
        await board(engine, name, visibility=name)

    async def seen(tenant: Tenant) -> set[str]:
        page, total = await boards.page(tenant, "weight", 0, 50)
        assert total == len(page)
        return {one.slug for one in page}

    assert await seen(engine.tenant) == {"private", "tenant", "public"}
    assert await seen(sibling) == {"tenant", "public"}
    assert await seen(stranger) == {"public"}
    with pytest.raises(NotFound):
        await boards.get(stranger, "tenant")
    for tenant in (sibling, stranger):
        with pytest.raises(NotFound, match="belongs to another project"):
            await boards.update(tenant, "public", LeaderboardChange(weight=1))
        with pytest.raises(NotFound, match="belongs to another project"):
            await boards.delete(tenant, "public")
    assert (await boards.get(stranger, "public")).owner == "default"


async def test_ones_own_comes_before_another_of_the_same_slug(engine: TestEngine) -> None:
    boards, store = engine.engine.leaderboards, engine.engine.store
    stranger = await create_project(store, await create_organization(store, "another"), "stranger")
    theirs = await boards.create(stranger, LeaderboardChange(name="Best", visibility="public"))
    assert (await boards.get(engine.tenant, "best")).id == theirs.id
    own = await board(engine, "Best")
    assert (await boards.get(engine.tenant, "best")).id == own.id
    assert (await boards.get(engine.tenant, theirs.id)).id == theirs.id


async def test_a_slug_is_unique_in_a_project_and_fit_for_a_url(engine: TestEngine) -> None:
    made = await board(engine, "Small models, März 2026!")
    assert made.slug == "small-models-m-rz-2026"
    with pytest.raises(Conflict) as taken:
        await board(engine, "Small models -- M rz 2026")
    assert taken.value.code == "leaderboard_exists"
    for change in ({"name": "日本"}, {"name": "x", "slug": "Not A Slug"}, {"name": " "}):
        with pytest.raises(Invalid):
            await engine.engine.leaderboards.create(engine.tenant, LeaderboardChange(**change))
    changed = await engine.engine.leaderboards.update(
        engine.tenant, made.id, LeaderboardChange(slug="small", image_path="/a.png", description="New")
    )
    assert (changed.slug, changed.image_path, changed.name) == ("small", "/a.png", made.name)
    cleared = await engine.engine.leaderboards.update(engine.tenant, "small", LeaderboardChange(image_path=""))
    assert cleared.image_path is None
    await engine.engine.leaderboards.delete(engine.tenant, "small")
    with pytest.raises(NotFound):
        await engine.engine.leaderboards.get(engine.tenant, "small")


def test_a_slug_is_made_of_letters_and_digits() -> None:
    assert slug_of("  GPT-5 vs. Claude ") == "gpt-5-vs-claude"
    assert slug_of("x" * 500) == "x" * 200
