"""Tools that evaluate models and flows on benchmarks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from penstock import AsyncPenstock
from penstock.client.comparison_objects import ComparedPair
from penstock.client.evaluation_objects import Evaluation, Score
from penstock.client.options import EvaluationOptions
from penstock.mcp.toolbox import READS, RUNS, Id, Toolbox, Wait, over_or_on

BudgetUsd = Annotated[
    str | None,
    Field(pattern=r"^\d{1,9}(\.\d{1,9})?$", description="Dollars, such as 1.50; it pauses before it would cost more."),
]


class ScoreFacts(BaseModel):
    """One scorer's mean over rows with its 95 % interval; null where there is no ground for one."""

    scorer: str
    mean: float | None
    low: float | None
    high: float | None
    rows: int
    unscorable: int
    errors: int

    @classmethod
    def of(cls, scorer: str, score: Score) -> ScoreFacts:
        """What there is to say of a score."""
        return cls(
            scorer=scorer,
            mean=score.mean,
            low=score.low,
            high=score.high,
            rows=score.n,
            unscorable=score.unscorable,
            errors=score.errors,
        )


class EvaluationFacts(BaseModel):
    """A model or a flow on a benchmark, and what its rows add up to so far."""

    evaluation: str = Field(description="Its id.")
    execution_id: str
    name: str
    status: str
    target: str = Field(description="The model or the flow.")
    benchmark: str
    rows: int
    answered: int
    failed: int
    scores: list[ScoreFacts] = Field(description="The first is the main one.")
    cost_usd: str
    next_step: str

    @classmethod
    def of(cls, found: Evaluation) -> EvaluationFacts:
        """What there is to say of an evaluation."""
        over = found.finished_at is not None
        return cls(
            evaluation=found.id,
            execution_id=found.execution_id,
            name=found.name,
            status=found.status,
            target=found.target,
            benchmark=f"{found.benchmark.key or found.benchmark.name} v{found.benchmark.version}",
            rows=found.rows,
            answered=found.answered_rows,
            failed=found.failed_rows,
            scores=[ScoreFacts.of(name, found.metrics[name]) for name in found.scorers if name in found.metrics],
            cost_usd=found.usage.cost_usd,
            next_step="read_results shows its rows." if over else "It goes on without you; ask get_evaluation again.",
        )


class Difference(BaseModel):
    """One evaluation minus the reference, over the rows that both have."""

    evaluation: str
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None = Field(description="Adjusted for how many were compared.")
    rows: int
    decision: str = Field(description="better, worse, or unclear; go by this, not by the difference alone.")
    text: str

    @classmethod
    def of(cls, pair: ComparedPair) -> Difference:
        """What there is to say of a pair."""
        whole = pair.whole
        return cls(
            evaluation=pair.comparison,
            difference=whole.difference,
            low=whole.low,
            high=whole.high,
            p_value=whole.adjusted_p if whole.adjusted_p is not None else whole.p_value,
            rows=whole.n,
            decision=whole.decision,
            text=whole.text,
        )


class ComparisonFacts(BaseModel):
    """Evaluations held against the first of them."""

    scorer: str
    reference: str
    differences: list[Difference]


class EvaluationTools:
    """Tools over one client."""

    def __init__(self, client: AsyncPenstock) -> None:
        self._client = client

    def give(self, box: Toolbox) -> None:
        """Put them into the box."""
        box.add(RUNS, self.run_evaluation)
        box.add(READS, self.get_evaluation, self.compare_evaluations)

    async def run_evaluation(
        self,
        benchmark: Annotated[str, Field(min_length=1, description="Its key or id.")],
        target: Annotated[str, Field(min_length=1, description="A model as provider/name, or flow:NAME.")],
        scorers: Annotated[list[str] | None, Field(max_length=20, description="Else the benchmark's own.")] = None,
        rows: Annotated[int | None, Field(ge=1, description="Only so many rows, chosen at random.")] = None,
        budget_usd: BudgetUsd = None,
        wait_seconds: Wait = 30,
    ) -> EvaluationFacts:
        """Evaluate a model or a flow on a benchmark. The answer is its scores, or how far it is."""
        options = EvaluationOptions(
            choice=None if rows is None else {"count": rows, "seed": 0},
            budget=None if budget_usd is None else {"usd": budget_usd},
        )
        kind, _, name = target.partition(":")
        side: dict[str, Any] = {"flow": name} if kind == "flow" and name else {"model": target}
        handle = await self._client.evaluations.create(
            benchmark=benchmark, scorers=scorers or (), options=options, **side
        )
        await over_or_on(handle, wait_seconds)
        return EvaluationFacts.of(await handle.results())

    async def get_evaluation(self, evaluation: Id, wait_seconds: Wait = 0) -> EvaluationFacts:
        """Show an evaluation: its scores with intervals, so far or in the end."""
        handle = await self._client.evaluations.handle(evaluation)
        if wait_seconds and not handle.progress.done:
            await over_or_on(handle, wait_seconds)
        return EvaluationFacts.of(await handle.results())

    async def compare_evaluations(
        self,
        evaluations: Annotated[
            list[str], Field(min_length=2, max_length=10, description="The first is the reference.")
        ],
        scorer: Annotated[str | None, Field(description="Else the reference's first.")] = None,
    ) -> ComparisonFacts:
        """Hold finished evaluations of the same benchmark against the first, row by row."""
        found = await self._client.comparisons.compare(*evaluations, scorer=scorer)
        differences = [Difference.of(pair) for pair in found.pairs]
        return ComparisonFacts(scorer=found.scorer, reference=found.reference, differences=differences)
