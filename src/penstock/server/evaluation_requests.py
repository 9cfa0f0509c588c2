"""Requests for evaluations as they come over HTTP, parsed once into what the service takes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from penstock.evaluations.benchmarks.model import RowChoice
from penstock.evaluations.model import MAX_EPOCHS, MAX_VARIANTS
from penstock.evaluations.requests import MAX_TAGS, EvaluationRequest, Variant
from penstock.executions.model import MaxFailed
from penstock.flows.budget import BudgetSettings
from penstock.flows.definition import MaxFailedPolicy
from penstock.flows.prompts import PromptMessage

MAX_TEMPLATE_CHARS = 200_000
MAX_NAME_LENGTH = 200
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""One line: lists, reports and terminals show it."""

_Id = Annotated[str, Field(min_length=1, max_length=300)]
_Template = Annotated[str, Field(min_length=1, max_length=MAX_TEMPLATE_CHARS)]
ScorerSpec = str | dict[str, Any]


class Body(BaseModel):
    """Base of request bodies: camelCase, no unknown members."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class VariantBody(Body):
    """What is evaluated, and what it is told. What is left out is the benchmark's own."""

    model: _Id | None = Field(None, description="`provider/name`, or a saved model.")
    flow: _Id | None = Field(None, description="Id or name of a flow, in the place of a model.")
    flow_version: int | None = Field(None, ge=1, le=2**31 - 1, description="The deployed one by default.")
    system: _Template | None = Field(None, description="A template over the row's members.")
    prompt: _Template | None = Field(None, description="A template: `{{ input }}`, `{{ metadata.topic }}`.")
    messages: Annotated[list[PromptMessage], Field(min_length=1, max_length=200)] | None = Field(
        None, description="A conversation of templates, in the place of `prompt`."
    )
    prompt_id: _Id | None = Field(None, description="A saved prompt, in their place.")
    prompt_version: int | None = Field(None, ge=1, le=2**31 - 1)
    params: dict[str, Any] = Field(default_factory=dict, description="`temperature`, `maxTokens`, …")
    inputs: dict[str, str] | None = Field(
        None, description="For a flow: which member of the row each input field is, such as `metadata.topic`."
    )

    def variant(self, name: str | None = None) -> Variant:
        """The same as the service takes it."""
        said = None if self.messages is None else tuple({"role": m.role, "content": m.content} for m in self.messages)
        return Variant(
            name=name,
            model=self.model,
            flow=self.flow,
            flow_version=self.flow_version,
            system=self.system,
            prompt=self.prompt,
            messages=said,
            prompt_id=self.prompt_id,
            prompt_version=self.prompt_version,
            params=self.params,
            inputs=self.inputs,
        )


class NamedVariant(VariantBody):
    """One of several variants."""

    name: str | None = Field(None, min_length=1, max_length=MAX_NAME_LENGTH, pattern=PRINTABLE)


class ChoiceBody(Body):
    """Which rows: those of some subsets; of these the first `count`, or with a `seed` so many at random."""

    subsets: list[str] = Field(default_factory=list, max_length=1_000)
    count: int | None = Field(None, ge=1)
    seed: int | None = Field(None, ge=0, le=2**53)
    ids: list[str] = Field(default_factory=list, max_length=10_000)

    def choice(self) -> RowChoice:
        return RowChoice(tuple(self.subsets), self.count, self.seed, tuple(self.ids))


class WorkBody(Body):
    """What every request for evaluations may say."""

    benchmark: _Id = Field(description="Id or key.")
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="The latest by default.")
    choice: ChoiceBody | None = Field(None, description="All rows by default.")
    scorers: list[ScorerSpec] = Field(
        default_factory=list,
        max_length=50,
        description="Types, saved scorers, or settings; by default the benchmark's.",
    )
    epochs: int = Field(1, ge=1, le=MAX_EPOCHS, description="How often each row is asked.")
    reducer: str = Field("mean", max_length=40, description="`mean`, `at_least_2`, `pass@2`, `pass^2`.")
    name: str | None = Field(None, min_length=1, max_length=MAX_NAME_LENGTH, pattern=PRINTABLE)
    cache: bool = Field(False, description="Answer from earlier answers to the same request.")
    concurrency: int | None = Field(None, ge=1)
    deadline_seconds: float | None = Field(None, gt=0)
    on_item_error: Literal["continue", "failFast"] | MaxFailedPolicy | None = None
    budget: BudgetSettings | None = None
    metadata: dict[str, Any] | None = None
    tags: list[Annotated[str, Field(min_length=1, max_length=64, pattern=PRINTABLE)]] = Field(
        default_factory=list, max_length=MAX_TAGS
    )
    webhook: str | None = Field(None, description="A URL that is told of the end.")
    wait: float | None = Field(None, ge=0, le=3600, description="Seconds to wait for the end.")

    def request(self, variants: tuple[Variant, ...], experiment: dict[str, Any] | None = None) -> EvaluationRequest:
        """The request to the service."""
        policy = self.on_item_error
        return EvaluationRequest(
            benchmark=self.benchmark,
            variants=variants,
            version=self.version,
            choice=RowChoice() if self.choice is None else self.choice.choice(),
            scorers=tuple(self.scorers),
            epochs=self.epochs,
            reducer=self.reducer,
            name=self.name,
            experiment=experiment,
            cache=self.cache,
            concurrency=self.concurrency,
            deadline_seconds=self.deadline_seconds,
            on_item_error=MaxFailed(policy.max_failed) if isinstance(policy, MaxFailedPolicy) else policy,
            budget=None if self.budget is None else self.budget.budget(),
            metadata=self.metadata,
            tags=tuple(self.tags),
        )


class EvaluationWork(WorkBody, VariantBody):
    """A model or a flow on a benchmark; or several `variants` of them, side by side."""

    variants: list[NamedVariant] = Field(default_factory=list, max_length=MAX_VARIANTS)

    def asked(self) -> EvaluationRequest:
        """The request to the service."""
        several = tuple(variant.variant(variant.name) for variant in self.variants)
        return self.request(several or (self.variant(),))
