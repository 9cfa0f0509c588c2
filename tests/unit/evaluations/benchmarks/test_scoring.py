"""The scorers that benchmarks bring along tell right answers from wrong ones, however they are written."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.evaluations.benchmarks.adapters import ADAPTERS
from penstock.evaluations.benchmarks.generators import GENERATORS, Recipe
from penstock.evaluations.scorers.base import Sample, Scored, Scorer, ScoringContext
from penstock.evaluations.scorers.specs import build
from penstock.flows.expressions import template
from penstock.testing.engine import open_engine
from penstock.types import Json, Tenant

WRITTEN = (
    "{}",
    "Answer: {}",
    "Let me see.\nIt is not 17.\n\n**Answer: {}**",
    "So it follows.\n\nThe final answer is {}.",
    "Reasoning\n- answer: *{}*\n",
)


@pytest.fixture
async def pinned(tmp_path: Any) -> Any:
    async with open_engine(tmp_path) as engine:

        async def scorers(specs: tuple[Json, ...]) -> list[Scorer[Any]]:
            return build(await engine.engine.scorers.pin(engine.tenant, list(specs)))

        yield scorers


async def score(scorer: Scorer[Any], row: Any, output: str) -> float:
    services: Any = None
    sample = Sample(row["id"], row["input"], output, row.get("truth"), row.get("metadata", {}))
    outcome = await scorer.score(sample, ScoringContext(Tenant("o", "p"), services))
    assert isinstance(outcome, Scored), outcome
    return outcome.value


async def test_generated_ones(pinned: Any) -> None:
    for name, generator in GENERATORS.items():
        (scorer,) = await pinned(generator.details.scorers)
        rows: Any = [row.data for row in Recipe(name, rows=60).source()]  # type: ignore[union-attr]
        for number, row in enumerate(rows):
            if not generator.needs_truth:
                assert 0 <= await score(scorer, row, "Hello.") <= 1
                continue
            for written in WRITTEN:
                assert await score(scorer, row, written.format(row["truth"])) == 1, (row, written)
            other = next(one["truth"] for one in rows[number:] + rows if one["truth"] != row["truth"])
            assert await score(scorer, row, WRITTEN[1].format(other)) == 0


async def test_adapted_ones(pinned: Any) -> None:
    options = {"choices": {"A": "ice", "B": "fire"}}
    for name, right, wrong, metadata in (
        ("gsm8k", "18 eggs\n#### 18", "#### 19", {}),
        ("bbh", "Hence.\nAnswer: 18", "Answer: (B)", {}),
        ("mmlu", "It burns.\nAnswer: B", "Answer: A", options),
        ("arc", "**B**. fire", "A. ice", options),
    ):
        (scorer,) = await pinned(ADAPTERS[name].details.scorers)
        truth = "B" if metadata else "18"
        row = {"id": "1", "input": "q", "truth": truth, "metadata": metadata}
        assert (await score(scorer, row, right), await score(scorer, row, wrong)) == (1, 0), name


def test_prompts_are_templates_over_a_row() -> None:
    for details in (one.details for one in (*GENERATORS.values(), *ADAPTERS.values())):
        shown = template(details.prompt or "{{ input }}").render({"input": "What?"})
        assert "What?" in shown
