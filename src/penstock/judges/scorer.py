"""`judge`: a judge's verdict as a score, so that evaluations on benchmarks can use judges."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from penstock.errors import FieldError, Invalid, NotFound
from penstock.evaluations.scorers.base import (
    Outcome,
    Sample,
    Scorer,
    ScorerSettings,
    ScoringContext,
    Unscorable,
    scored,
    scorer,
)
from penstock.evaluations.scorers.library import MAX_SCORE_NAME_CHARS, Fill
from penstock.evaluations.scorers.specs import SpecInvalid, below
from penstock.judges.judging import TURN_SECONDS, Direct, first_request, judge, texts_of
from penstock.judges.model import Verdict, version_of
from penstock.judges.service import Judges
from penstock.models.wire import ModelRequest
from penstock.types import Tenant

KIND = "judge"


class JudgeScorerSettings(ScorerSettings):
    type: Literal["judge"] = "judge"
    judge: Annotated[str, Field(min_length=1, max_length=300)]
    """A judge's id or name."""
    judge_version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    """The latest by default, as it is when an evaluation starts."""
    snapshot: dict[str, Any] | None = None
    """The judge as it was when the evaluation started. Filled in; what is given here is not used."""


@scorer
class JudgeScorer(Scorer[JudgeScorerSettings]):
    """A saved or ready-made judge reads the answer and gives its verdict; the score is the verdict's, 0 to 1."""

    kind = KIND
    title = "Judge"
    settings_type = JudgeScorerSettings
    recorded: ClassVar[bool] = True
    timeout_seconds: ClassVar[float] = TURN_SECONDS

    async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
        if self.settings.snapshot is None:
            return Unscorable("The judge was not looked up; start the evaluation anew.")
        version = version_of(self.settings.snapshot)
        said = await judge(version, sample, Direct(ctx.tenant, ctx.services.models, ctx.meter))
        if not isinstance(said, Verdict):
            return Unscorable(said.reason)
        ctx.detail.update(model=said.model, latencyMs=said.latency_ms, passed=said.passed)
        return scored(said.score, str(said.answer), said.reasoning)

    def request(self, sample: Sample) -> ModelRequest | None:
        kept = self.settings.snapshot
        return None if kept is None else first_request(version_of(kept), texts_of(sample))

    @property
    def models(self) -> tuple[str, ...]:
        kept = self.settings.snapshot
        return () if kept is None else (str(kept["model"]),)


def fill_with(judges: Judges) -> Fill:
    """What completes a spec of this type when an evaluation starts: the judge as it is then."""

    async def fill(tenant: Tenant, pinned: dict[str, Any], path: str) -> dict[str, Any]:
        try:
            kept = await judges.pin(tenant, pinned["judge"], pinned.get("judgeVersion"))
        except (NotFound, Invalid) as error:
            raise SpecInvalid([FieldError(below(path, "judge"), error.detail)]) from None
        named = str(kept["name"])[:MAX_SCORE_NAME_CHARS] if pinned["name"] == KIND else pinned["name"]
        return {**pinned, "judge": kept["id"], "name": named, "snapshot": dict(kept)}

    return fill
