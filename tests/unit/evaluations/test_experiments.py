"""Experiments on a real engine: variants on the same rows, held against a baseline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Invalid, NotFound
from penstock.evaluations.experiments import Experiment
from penstock.evaluations.requests import EvaluationRequest, Variant
from penstock.evaluations.statistics.differences import mcnemar_exact
from penstock.ids import new_execution_id
from penstock.testing.engine import TestEngine, open_engine

ROWS = [{"id": str(n), "input": "yes", "truth": "yes" if n < 18 else "no"} for n in range(20)]
VARIANTS = (
    Variant(name="yes", model="scripted/fixed:yes"),
    Variant(name="no", model="scripted/fixed:no"),
    Variant(name="echo", model="scripted/echo"),
)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[TestEngine]:
    async with open_engine(tmp_path) as opened:
        await opened.engine.evaluations.pinner.benchmarks.create_from_rows(opened.tenant, "agreeing", ROWS)
        yield opened


def asked(variants: tuple[Variant, ...] = VARIANTS, **more: Any) -> EvaluationRequest:
    return EvaluationRequest("agreeing", variants, scorers=("exact",), **more)


async def ended(engine: TestEngine, baseline: str | None = None) -> Experiment:
    started = await engine.engine.experiments.start(engine.tenant, "trial", baseline, asked())
    await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    return await engine.engine.experiments.get(engine.tenant, started.submitted.execution.id)


async def test_each_variant_is_held_against_the_baseline_row_by_row(engine: TestEngine) -> None:
    found = await ended(engine)
    assert (found.name, found.baseline) == ("trial", "yes")
    yes, no, echo = found.variants
    assert not yes.held
    held = no.held["exact"]
    assert held.difference.difference == pytest.approx(-0.8)
    assert (held.difference.losses, held.difference.wins, held.difference.n_pairs) == (18, 2, 20)
    assert held.difference.p_value == pytest.approx(mcnemar_exact(18, 2))
    assert held.adjusted_p == pytest.approx(2 * mcnemar_exact(18, 2)), "two variants were held against it"
    assert held.verdict.decision == "worse"
    assert echo.held["exact"].difference.difference == 0
    assert echo.held["exact"].verdict.decision == "unclear"


async def test_the_baseline_can_be_any_of_them(engine: TestEngine) -> None:
    found = await ended(engine, "no")
    assert found.baseline == "no"
    assert [variant.held["exact"].verdict.decision for variant in found.variants if variant.held] == ["better"] * 2


async def test_no_difference_is_shown_before_the_end(engine: TestEngine) -> None:
    variants = (VARIANTS[0], Variant(name="slow", model="scripted/delay:60000:fixed:no"))
    started = await engine.engine.experiments.start(engine.tenant, "slow", None, asked(variants))
    execution_id = started.submitted.execution.id
    found = await engine.engine.experiments.get(engine.tenant, execution_id)
    assert [variant.held for variant in found.variants] == [{}, {}]
    await engine.engine.executions.cancel(engine.tenant, execution_id)
    await engine.engine.executions.wait(engine.tenant, execution_id, 60)
    over = await engine.engine.experiments.get(engine.tenant, execution_id)
    assert over.variants[1].held["exact"].difference.difference is None, "no row of the slow one has an answer"


async def test_deleting_a_variant_leaves_the_others(engine: TestEngine) -> None:
    found = await ended(engine)
    evaluations = engine.engine.evaluations
    await evaluations.delete(engine.tenant, found.variants[1].evaluation.id)
    left = await engine.engine.experiments.get(engine.tenant, found.id)
    assert [variant.name for variant in left.variants] == ["yes", "echo"]
    assert [line.id for line in await engine.engine.experiments.page(engine.tenant, None, 10)] == [found.id]
    await evaluations.delete(engine.tenant, found.variants[0].evaluation.id)
    alone = await engine.engine.experiments.get(engine.tenant, found.id)
    assert [(variant.name, variant.held) for variant in alone.variants] == [("echo", {})]


async def test_lists_are_newest_first_and_have_only_experiments(engine: TestEngine) -> None:
    first, second = await ended(engine), await ended(engine)
    single = await engine.engine.evaluations.start(engine.tenant, asked(VARIANTS[:1]))
    await engine.engine.executions.wait(engine.tenant, single.submitted.execution.id, 60)
    page = await engine.engine.experiments.page(engine.tenant, None, 1)
    assert [line.id for line in page] == [second.id]
    rest = await engine.engine.experiments.page(engine.tenant, page[0].evaluation.id, 5)
    assert [(line.id, line.variants) for line in rest] == [(first.id, ("yes", "no", "echo"))]


@pytest.mark.parametrize(
    ("variants", "baseline", "field"),
    [(VARIANTS[:1], None, "variants"), (VARIANTS, "nobody", "baseline"), ((), None, "variants")],
)
async def test_what_is_no_experiment_is_refused(
    engine: TestEngine, variants: tuple[Variant, ...], baseline: str | None, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await engine.engine.experiments.start(engine.tenant, "x", baseline, asked(variants))
    assert [fault.path for fault in refused.value.errors] == [field]


async def test_an_unknown_one_and_a_single_evaluation_are_not_found(engine: TestEngine) -> None:
    single = await engine.engine.evaluations.start(engine.tenant, asked(VARIANTS[:1]))
    await engine.engine.executions.wait(engine.tenant, single.submitted.execution.id, 60)
    for execution_id in (new_execution_id(), single.submitted.execution.id):
        with pytest.raises(NotFound):
            await engine.engine.experiments.get(engine.tenant, execution_id)
