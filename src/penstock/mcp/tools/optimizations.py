"""Tools that look for a better instruction of a judge, or of a saved prompt."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from penstock import AsyncPenstock
from penstock.client.optimization_objects import Candidate, Measured, Optimization
from penstock.mcp.bounds import preview
from penstock.mcp.results import Material
from penstock.mcp.toolbox import MAKES, READS, RUNS, Id, Toolbox, Wait, over_or_on

_INSTRUCTION_CHARS = 4_000
_CANDIDATE_CHARS = 300
_MOST_CANDIDATES = 20

Subject = Annotated[str, Field(min_length=1, description="A judge by name or id, or prompt:NAME.")]
Budget = Annotated[
    Literal["light", "medium", "heavy"] | Annotated[int, Field(ge=1, le=20_000)],
    Field(description="Metric calls: light (300), medium (750), heavy (2,000), or a number."),
]
Options = Annotated[
    dict[str, Any] | None,
    Field(description="reflectionModel, seed; of a prompt benchmark, or dataset and truth; scorer, part, model."),
]


class Side(BaseModel):
    """One instruction on the test examples, which nothing was chosen by."""

    examples: int
    score: float
    agreement: float | None
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None

    @classmethod
    def of(cls, measured: Measured) -> Side:
        """What there is to say of a side."""
        kappa = measured.kappa
        return cls(
            examples=measured.n,
            score=measured.score,
            agreement=measured.agreement,
            kappa=None if kappa is None else kappa.value,
            kappa_low=None if kappa is None else kappa.low,
            kappa_high=None if kappa is None else kappa.high,
        )


class Tried(BaseModel):
    """An instruction that was tried."""

    number: int
    status: str
    validation_score: float | None
    instruction: str | None
    reason: str | None = Field(description="Why it was rejected.")

    @classmethod
    def of(cls, candidate: Candidate) -> Tried:
        """What there is to say of a candidate."""
        return cls(
            number=candidate.number,
            status=candidate.status,
            validation_score=candidate.validation_score,
            instruction=preview(candidate.instruction, _CANDIDATE_CHARS),
            reason=preview(candidate.reason),
        )


class OptimizationFacts(Material):
    """An optimization, and what came of it once it is over. Its id is its execution's."""

    optimization: str
    status: str
    subject: str
    labels: int = Field(description="People's labels that it uses.")
    outcome: str | None = Field(
        default=None, description="better (surely), higher (too few examples), kept (the old one)."
    )
    summary: str
    instruction: str | None = Field(description="The one that there was.")
    optimized: str | None = None
    before: Side | None = None
    after: Side | None = None
    tried: list[Tried] = Field(default_factory=list, description="The last twenty.")
    applied_version: int | None = None

    @classmethod
    def of(cls, found: Optimization, tried: tuple[Candidate, ...]) -> OptimizationFacts:
        """What there is to say of an optimization."""
        facts = cls(
            optimization=found.id,
            status=found.status,
            subject=f"{found.subject.kind} {found.subject.name}, version {found.subject.version}",
            labels=found.annotations,
            summary="It goes on without you; ask get_optimization again.",
            instruction=preview(found.instruction, _INSTRUCTION_CHARS),
            tried=[Tried.of(one) for one in tried[-_MOST_CANDIDATES:]],
            applied_version=found.applied_version,
        )
        if found.error is not None:
            return facts.model_copy(update={"summary": f"{found.error.code}: {preview(found.error.message)}"})
        report = found.report
        if report is None:
            return facts
        new = {
            "outcome": report.outcome,
            "summary": report.summary,
            "optimized": preview(report.optimized, _INSTRUCTION_CHARS),
            "before": Side.of(report.before),
            "after": None if report.after is None else Side.of(report.after),
        }
        return facts.model_copy(update=new)


class Estimate(BaseModel):
    """The most that an optimization would take."""

    metric_calls: int
    needed_calls: int = Field(description="The least budget that is accepted.")
    reflection_calls: int
    labels: int
    worst_case: Any
    notes: list[str]


class AppliedFacts(BaseModel):
    """The version that was made."""

    subject: str
    new_version: int
    again: bool = Field(description="It had been made before, and nothing has changed now.")


class OptimizationTools:
    """Tools over one client."""

    def __init__(self, client: AsyncPenstock) -> None:
        self._client = client

    def give(self, box: Toolbox) -> None:
        """Put them into the box."""
        box.add(READS, self.estimate_optimization, self.get_optimization)
        box.add(RUNS, self.run_optimization)
        box.add(MAKES, self.apply_optimization)

    async def estimate_optimization(
        self, subject: Subject, budget: Budget = "light", options: Options = None
    ) -> Estimate:
        """Say what run_optimization would take at most with the same arguments. Nothing is started."""
        settings = {"budget": budget, **(options or {})}
        found = await self._client.optimizations.estimate(**_named(subject), options=settings)
        return Estimate(
            metric_calls=found.metric_calls,
            needed_calls=found.needed_calls,
            reflection_calls=found.reflection_calls,
            labels=found.annotations,
            worst_case=dict(found.worst_case),
            notes=list(found.notes),
        )

    async def run_optimization(
        self, subject: Subject, budget: Budget = "light", options: Options = None, wait_seconds: Wait = 0
    ) -> OptimizationFacts:
        """Look for a better instruction of a judge against people's labels (10 at least), or of a saved prompt."""
        settings = {"budget": budget, **(options or {})}
        handle = await self._client.optimizations.create(**_named(subject), options=settings)
        return await self.get_optimization(handle.id, wait_seconds)

    async def get_optimization(self, optimization: Id, wait_seconds: Wait = 0) -> OptimizationFacts:
        """Show an optimization: what was tried, and agreement with people before and after on untouched examples."""
        handle = await self._client.optimizations.handle(optimization)
        if wait_seconds and not handle.progress.done:
            await over_or_on(handle, wait_seconds)
        return OptimizationFacts.of(await handle.optimization(), await handle.candidates())

    async def apply_optimization(self, optimization: Id) -> AppliedFacts:
        """Make the optimized instruction the judge's (or the prompt's) next version. Older versions stay."""
        made = await self._client.optimizations.apply(optimization)
        return AppliedFacts(
            subject=f"{made.subject.kind} {made.subject.name}", new_version=made.new_version, again=made.again
        )


def _named(subject: str) -> dict[str, str]:
    kind, _, name = subject.partition(":")
    return {"prompt": name} if kind == "prompt" and name else {"judge": subject}
