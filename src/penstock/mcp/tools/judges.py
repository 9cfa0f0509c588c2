"""Tools that make judges, and have them judge traces."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, ConfigDict, Field

from penstock import AsyncPenstock
from penstock.client.judge_objects import Judge, JudgeSummary
from penstock.mcp.bounds import preview
from penstock.mcp.results import Listed, Run, rows_of
from penstock.mcp.toolbox import MAKES, READS, RUNS, Cursor, Limit, Toolbox, Wait, over_or_on
from penstock.mcp.tools.evaluations import BudgetUsd

_GOAL_CHARS = 200


class JudgeFacts(BaseModel):
    """A judge in its latest version."""

    judge: str = Field(description="Its name.")
    id: str
    version: int
    goal: str | None
    rubric: str | None
    model: str | None = Field(description="Null is the project's default.")
    output: Any
    threshold: float = Field(description="A score at or above it passes.")
    verdicts: int = Field(description="So many it was asked for.")

    @classmethod
    def of(cls, judge: Judge) -> JudgeFacts:
        """What there is to say of a judge."""
        return cls(
            judge=judge.name,
            id=judge.id,
            version=judge.version,
            goal=preview(judge.evaluation_goal, _GOAL_CHARS),
            rubric=preview(judge.rubric, _GOAL_CHARS),
            model=judge.model,
            output=dict(judge.output),
            threshold=judge.threshold,
            verdicts=judge.run_count,
        )


class JudgeList(Listed):
    """A page of judges."""

    rows: list[JudgeFacts]


class JudgedFacts(BaseModel):
    """What a judge's verdicts add up to."""

    judge: str
    version: int | None
    scored: int
    expected: int
    unscorable: int
    failed: int
    pass_rate: float | None
    pass_rate_low: float | None
    pass_rate_high: float | None
    mean_score: float | None

    @classmethod
    def of(cls, summary: JudgeSummary) -> JudgedFacts:
        """What there is to say of a summary."""
        return cls(
            judge=str(summary.judge.get("name")),
            version=summary.judge.get("version"),
            scored=summary.scored,
            expected=summary.expected,
            unscorable=summary.unscorable,
            failed=summary.failed,
            pass_rate=summary.pass_rate.mean,
            pass_rate_low=summary.pass_rate.low,
            pass_rate_high=summary.pass_rate.high,
            mean_score=summary.score.mean,
        )


class Judging(BaseModel):
    """Judges on traces, so far or in the end."""

    run: Run
    judges: list[JudgedFacts]


class JudgingWish(BaseModel):
    """Which traces are to be judged; all that is said must hold."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = None
    status: Literal["unset", "ok", "error"] | None = None
    name: str | None = None
    model: str | None = None
    search: str | None = Field(default=None, description="Words that are in them.")


class JudgeTools:
    """Tools over one client."""

    def __init__(self, client: AsyncPenstock) -> None:
        self._client = client

    def give(self, box: Toolbox) -> None:
        """Put them into the box."""
        box.add(READS, self.list_judges)
        box.add(MAKES, self.create_judge)
        box.add(RUNS, self.evaluate_traces)

    async def list_judges(self, ready_made: bool = False, cursor: Cursor = None, limit: Limit = 20) -> JudgeList:
        """List the project's judges, or those that come with Penstock, which can be used by their names as well."""
        found = self._client.judges.ready_made() if ready_made else self._client.judges.list()
        return JudgeList(**rows_of(await found.page(cursor, limit), JudgeFacts.of))

    async def create_judge(
        self,
        name: Annotated[str, Field(min_length=1, max_length=200, description="Unique in the project.")],
        goal: Annotated[str, Field(min_length=1, max_length=20_000, description="What it is to look for, in words.")],
        rubric: Annotated[str | None, Field(description="How it is to decide: what each answer stands for.")] = None,
        model: Annotated[str | None, Field(description="provider/name, or a saved model; else the default.")] = None,
        output: Annotated[
            Literal["binary", "scale"] | dict[str, Any],
            Field(description='binary, scale (1 to 5), or {"type": "labels", "labels": {"none": 1, "severe": 0}}.'),
        ] = "binary",
    ) -> JudgeFacts:
        """Make a judge: a goal in words, a model, and a menu of answers."""
        settings = {"output": output, "rubric": rubric, "model": model}
        given = {key: value for key, value in settings.items() if value is not None}
        return JudgeFacts.of(await self._client.judges.create(name, goal, given))

    async def evaluate_traces(
        self,
        judges: Annotated[list[str], Field(min_length=1, max_length=20, description="Names or ids.")],
        traces: Annotated[list[str] | None, Field(max_length=1_000, description="Ids; or leave it to wanted.")] = None,
        wanted: Annotated[
            JudgingWish | None, Field(description="In the place of traces; an empty one wants all.")
        ] = None,
        sample: Annotated[int | None, Field(ge=1, description="Only so many of them, at random.")] = None,
        budget_usd: BudgetUsd = None,
        wait_seconds: Wait = 30,
    ) -> Judging:
        """Have each of the judges judge each of the traces: those named, or those that are wanted."""
        if bool(traces) == (wanted is not None):
            raise ToolError("Name traces, or say which are wanted, and not both. An empty `wanted` wants all.")
        options: dict[str, Any] = {}
        if wanted is not None:
            options["filter"] = wanted.model_dump(exclude_none=True)
        if sample is not None:
            options["sample"] = {"count": sample}
        if budget_usd is not None:
            options["budget"] = {"usd": budget_usd}
        handle = await self._client.trace_evaluations.create(judges, traces or (), options)
        run = Run.of(await over_or_on(handle, wait_seconds))
        return Judging(run=run, judges=[JudgedFacts.of(one) for one in await handle.summary()])
