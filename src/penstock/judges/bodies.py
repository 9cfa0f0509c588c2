"""What is asked for as JSON, by a call or by a schedule, parsed once into what the service takes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from penstock.clock import parse_iso
from penstock.errors import FieldError, Invalid
from penstock.executions.model import MaxFailed
from penstock.flows.budget import BudgetSettings
from penstock.flows.definition import MaxFailedPolicy
from penstock.judges.pairwise.requests import MAX_PAIRS, PairwiseRequest
from penstock.judges.requests import (
    MAX_JUDGES,
    MAX_VERDICTS,
    JudgeRef,
    Sampling,
    Threshold,
    TraceEvaluationRequest,
)
from penstock.storage.trace_pages import TraceFilter
from penstock.traces.model import SpanStatus

_Id = Annotated[str, Field(min_length=1, max_length=300)]


class Body(BaseModel):
    """camelCase, no unknown members."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class JudgeRefBody(Body):
    """A judge in one of its versions."""

    judge: _Id = Field(description="Id or name.")
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="The latest by default.")


class TraceFilterBody(Body):
    """Which traces: those that meet everything that is said."""

    source: str | None = Field(None, max_length=300)
    status: SpanStatus | None = None
    name: str | None = Field(None, max_length=1_000)
    model: str | None = Field(None, max_length=300, description="One of its spans used it.")
    search: str | None = Field(None, max_length=1_000, description="Words that all occur in it.")
    started_from: str | None = Field(None, max_length=40, description="A time, inclusive.")
    started_before: str | None = Field(None, max_length=40, description="A time, exclusive.")

    def wanted(self) -> TraceFilter:
        """The same as the service takes it. Raises `Invalid` for a time that is none."""
        return TraceFilter(
            source=self.source,
            status=self.status,
            name=self.name,
            model=self.model,
            text=self.search,
            started_from=moment(self.started_from, "filter.startedFrom"),
            started_before=moment(self.started_before, "filter.startedBefore"),
        )


class SamplingBody(Body):
    """How many of the traces: a `count`, a share (`rate`), or both. The same `seed` takes the same ones."""

    count: int | None = Field(None, ge=1, le=MAX_VERDICTS)
    rate: float | None = Field(None, gt=0, le=1)
    seed: int = Field(0, ge=0, le=2**53)


class ThresholdBody(Body):
    """The least share of verdicts that are to pass; below it, webhooks hear `trace_evaluation.threshold`."""

    pass_rate: float = Field(ge=0, le=1)
    judge: _Id | None = Field(None, description="One of the judges of the request; each of them by default.")


class RunningBody(Body):
    """How much of it is to be run, and how."""

    sample: SamplingBody | None = None
    concurrency: int | None = Field(None, ge=1)
    deadline_seconds: float | None = Field(None, gt=0)
    on_item_error: Literal["continue", "failFast"] | MaxFailedPolicy | None = None
    budget: BudgetSettings | None = None
    metadata: dict[str, Any] | None = None

    def running(self) -> dict[str, Any]:
        """The same as the requests to the services have it."""
        policy, sample = self.on_item_error, self.sample
        return {
            "sampling": Sampling() if sample is None else Sampling(sample.count, sample.rate, sample.seed),
            "concurrency": self.concurrency,
            "deadline_seconds": self.deadline_seconds,
            "on_item_error": MaxFailed(policy.max_failed) if isinstance(policy, MaxFailedPolicy) else policy,
            "budget": None if self.budget is None else self.budget.budget(),
            "metadata": self.metadata,
        }


class JudgingBody(RunningBody):
    """Who is to judge, and how."""

    judges: list[_Id | JudgeRefBody] = Field(min_length=1, max_length=MAX_JUDGES, description="Ids or names.")
    filter: TraceFilterBody | None = Field(None, description="Traces by what they are.")
    thresholds: list[ThresholdBody] = Field(default_factory=list, max_length=MAX_JUDGES)

    def request(self, traces: tuple[str, ...] = ()) -> TraceEvaluationRequest:
        """The request to the service."""
        return TraceEvaluationRequest(
            judges=tuple(_judge(one) for one in self.judges),
            traces=traces,
            filter=None if self.filter is None else self.filter.wanted(),
            thresholds=tuple(Threshold(one.pass_rate, one.judge) for one in self.thresholds),
            **self.running(),
        )


class TraceEvaluationWork(JudgingBody):
    """Judges on traces: each of the judges on each of the traces, which are named, or found by a filter."""

    traces: list[_Id] = Field(default_factory=list, max_length=MAX_VERDICTS, description="Ids, ours or the sender's.")
    webhook: str | None = Field(None, description="A URL that is told of the end.")
    wait: float | None = Field(None, ge=0, le=3600, description="Seconds to wait for the end.")

    def asked(self) -> TraceEvaluationRequest:
        """The request to the service."""
        return self.request(tuple(self.traces))


class PairwiseWork(RunningBody):
    """A judge on pairs: of traces, or of two evaluations' answers to the same rows."""

    judge: _Id | JudgeRefBody = Field(description="Id or name.")
    traces: list[Annotated[list[_Id], Field(min_length=2, max_length=2)]] = Field(
        default_factory=list, max_length=MAX_PAIRS, description="Pairs of ids, ours or the sender's: `[[a, b], …]`."
    )
    evaluations: Annotated[list[_Id], Field(min_length=2, max_length=2)] | None = Field(
        None, description="The ids of two evaluations of one benchmark, `[a, b]`, in place of traces."
    )
    webhook: str | None = Field(None, description="A URL that is told of the end.")
    wait: float | None = Field(None, ge=0, le=3600, description="Seconds to wait for the end.")

    def asked(self) -> PairwiseRequest:
        """The request to the service."""
        return PairwiseRequest(
            judge=_judge(self.judge),
            traces=tuple((a, b) for a, b in self.traces),
            evaluations=None if self.evaluations is None else (self.evaluations[0], self.evaluations[1]),
            **self.running(),
        )


def _judge(named: str | JudgeRefBody) -> JudgeRef:
    return JudgeRef(named) if isinstance(named, str) else JudgeRef(named.judge, named.version)


def moment(text: str | None, field: str) -> int | None:
    """A time in milliseconds since 1970. Raises `Invalid`."""
    if text is None:
        return None
    try:
        return parse_iso(text)
    except (ValueError, OverflowError):
        detail = f"{text!r} is no time; write one like 2026-11-22T06:00:00Z."
        raise Invalid("time_invalid", f"{field}: {detail}", errors=(FieldError(field, detail),)) from None
