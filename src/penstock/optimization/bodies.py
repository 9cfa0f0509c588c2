"""What is asked for as JSON, parsed once into what the service takes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, JsonValue

from penstock.errors import FieldError, Invalid
from penstock.flows.budget import BudgetSettings
from penstock.judges.bodies import Body
from penstock.optimization.model import (
    MAX_METRIC_CALLS,
    BudgetName,
    JudgeSubject,
    OptimizationRequest,
    PromptSubject,
    Subject,
)

_Id = Annotated[str, Field(min_length=1, max_length=300)]
_Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
_OF_PROMPTS = ("prompt_version", "benchmark", "dataset", "truth", "scorer", "part", "model")


class OptimizationWork(Body):
    """A judge against the labels of its traces, or a saved prompt against rows with a truth."""

    judge: _Id | None = Field(None, description="Id or name.")
    judge_version: _Version | None = Field(None, description="The latest by default.")
    prompt: _Id | None = Field(None, description="Id or name of a saved prompt, in place of a judge.")
    prompt_version: _Version | None = Field(None, description="The latest by default.")
    benchmark: _Id | None = Field(None, description="For a prompt: rows with a truth.")
    dataset: _Id | None = Field(None, description="For a prompt: a data set, in place of a benchmark.")
    truth: str | None = Field(None, min_length=1, max_length=300, description="The column of the data set with it.")
    scorer: str | dict[str, JsonValue] | None = Field(
        None, description="For a prompt: what an answer is worth, as for evaluations; `exact` by default."
    )
    part: str | None = Field(None, min_length=1, max_length=100, description="For a prompt: which of its texts.")
    model: _Id | None = Field(None, description="For a prompt: who answers; its own model by default.")
    budget: BudgetName | Annotated[int, Field(ge=1, le=MAX_METRIC_CALLS)] = Field(
        "medium", description="`light` (300), `medium` (750), `heavy` (2,000), or a number of metric calls."
    )
    reflection_model: _Id | None = Field(
        None, description="Who proposes instructions; the project's choice, else the default model."
    )
    seed: int = Field(0, ge=0, le=2**53, description="The same seed splits and samples the same labels alike.")
    limits: BudgetSettings | None = Field(None, description="Money, tokens or units that all calls may take.")
    concurrency: int | None = Field(None, ge=1)
    deadline_seconds: float | None = Field(None, gt=0)
    metadata: dict[str, Any] | None = None
    webhook: str | None = Field(None, description="A URL that is told of the end.")
    wait: float | None = Field(None, ge=0, le=3600, description="Seconds to wait for the end.")

    def asked(self) -> OptimizationRequest:
        """The request to the service. Raises `Invalid` unless it names one subject, with members that belong to it."""
        return OptimizationRequest(
            subject=self._subject(),
            budget=self.budget,
            reflection_model=self.reflection_model,
            seed=self.seed,
            money=None if self.limits is None else self.limits.budget(),
            concurrency=self.concurrency,
            deadline_seconds=self.deadline_seconds,
            metadata=self.metadata,
        )

    def _subject(self) -> Subject:
        if (self.judge is None) == (self.prompt is None):
            raise _invalid("judge", "name a judge or a prompt, one of them")
        if self.judge is not None:
            strange = [name for name in _OF_PROMPTS if getattr(self, name) is not None]
            if strange:
                alias = type(self).model_fields[strange[0]].alias or strange[0]
                raise _invalid(alias, "belongs to prompts, and this is a judge")
            return JudgeSubject(self.judge, self.judge_version)
        if self.judge_version is not None:
            raise _invalid("judgeVersion", "belongs to judges, and this is a prompt")
        return PromptSubject(
            prompt=self.prompt or "",
            version=self.prompt_version,
            benchmark=self.benchmark,
            dataset=self.dataset,
            truth=self.truth,
            scorer="exact" if self.scorer is None else self.scorer,
            part=self.part,
            model=self.model,
        )


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("optimization_invalid", f"{field}: {message}.", errors=(FieldError(field, message),))
