"""What a scorer is.

A scorer is one file in this folder: a settings model, and a class with `score`. Putting the class into the registry
with `@scorer` is all there is to adding one. A package of its own adds one through the entry-point group
`penstock.scorers`.

    class StartsWithSettings(ScorerSettings):
        type: Literal["starts_with"] = "starts_with"
        ignore_case: bool = False

    @scorer
    class StartsWith(Scorer[StartsWithSettings]):
        '''1 when the answer starts with the truth.'''

        kind = "starts_with"
        title = "Starts with"
        settings_type = StartsWithSettings

        async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
            return scored(float(sample.text.startswith(sample.truth_text)))

There are three outcomes, and no other: a value, `unscorable` (this sample cannot be scored: it lacks what the scorer
needs, or a judge's answer is off its menu), `error` (scoring itself went wrong; it may go right another time). A wrong
answer is a value, 0; so is an answer in which nothing could be found, and its explanation says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Generic, TypeAlias, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from penstock.flows.services import Services
from penstock.models.meter import Meter
from penstock.models.wire import ModelRequest
from penstock.types import Json, JsonObject, Tenant

MAX_EXPLANATION_CHARS = 4_000
MAX_VALUE = 1e15
"""In size. Sums of squares and cubes of millions of such values are still numbers."""


class Scored(msgspec.Struct, frozen=True, tag_field="status", tag="scored", omit_defaults=True):
    """A value: usually 0 to 1, at most `MAX_VALUE` in size. `answer` is what was taken for the answer."""

    value: float
    answer: str | None = None
    explanation: str | None = None


class Unscorable(msgspec.Struct, frozen=True, tag_field="status", tag="unscorable"):
    """There is no value for this sample, and asking again will not change that."""

    reason: str


class ScoreError(msgspec.Struct, frozen=True, tag_field="status", tag="error"):
    """Scoring went wrong; it may go right another time."""

    reason: str


Outcome: TypeAlias = Scored | Unscorable | ScoreError


def scored(value: float, answer: str | None = None, explanation: str | None = None) -> Outcome:
    """A value; one that is not finite, or larger than `MAX_VALUE`, is an error."""
    if not abs(value) <= MAX_VALUE:
        return ScoreError(f"The scorer returned {value}, which is no score.")
    return Scored(value, answer, None if explanation is None else explanation[:MAX_EXPLANATION_CHARS])


@dataclass(frozen=True, slots=True)
class Sample:
    """What is scored: one answer to one row. `truth` is what the benchmark expects; `context` is what a row may bring
    along for judges (documents, a conversation)."""

    id: str
    input: Json
    output: Json
    truth: Json = None
    metadata: JsonObject = field(default_factory=dict)
    context: Json = None

    @property
    def text(self) -> str:
        """The output as text; JSON where it is no text, nothing where it is null."""
        return as_text(self.output)

    @property
    def truth_text(self) -> str:
        """The truth as text."""
        return as_text(self.truth)


def as_text(value: Json) -> str:
    """A text as it is, null as nothing, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


@dataclass(frozen=True, slots=True)
class ScoringContext:
    """What a scorer may use of the outside world. Only a `recorded` one may call models or start processes."""

    tenant: Tenant
    services: Services
    meter: Meter = field(default_factory=Meter)
    detail: dict[str, Json] = field(default_factory=dict)
    """Facts for the execution's log."""


class ScorerSettings(BaseModel):
    """What every scorer may carry. camelCase outside, no unknown keys, immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    type: str
    name: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    """Under which its scores stand; by default its type. Names are unique within an evaluation."""


S = TypeVar("S", bound=ScorerSettings)


class Scorer(ABC, Generic[S]):
    """One kind of scorer with its settings. `score` is the whole of it.

    `recorded` scorers cost money or time (model calls, processes): each score is a step of the execution, tried again
    when it fails in a way that may pass, limited to `timeout_seconds`, and never done twice. All others are pure and
    quick (well under a millisecond): they are simply run again after a crash.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    settings_type: ClassVar[type[ScorerSettings]]
    recorded: ClassVar[bool] = False
    timeout_seconds: ClassVar[float] = 120.0
    version: ClassVar[int] = 1
    """Raised whenever the same settings would give another score; it is part of an evaluation's definition."""

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @property
    def name(self) -> str:
        return self.settings.name or self.kind

    @abstractmethod
    async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
        """Score one sample. May raise `StepError`, which becomes an `error` outcome once it is not tried again."""

    @classmethod
    def check(cls, settings: S) -> Iterable[tuple[str, str]]:
        """What is wrong with settings beyond their types, as (path, message)."""
        return ()

    def request(self, sample: Sample) -> ModelRequest | None:
        """What it asks a model about a sample, once; None when it asks none. Raises `StepError` when the sample lacks
        what is asked about."""
        return None

    @property
    def models(self) -> tuple[str, ...]:
        """The models it calls, for estimates and for checking that they exist."""
        return ()


REGISTRY: dict[str, type[Scorer[ScorerSettings]]] = {}
"""Every scorer this process knows, by type; built once by `penstock.evaluations.scorers`."""

C = TypeVar("C", bound=type[Scorer])  # type: ignore[type-arg]


def scorer(made: C) -> C:
    """Put a scorer into the registry. Raises ValueError when its kind is taken."""
    if made.kind in REGISTRY:
        raise ValueError(f"there is a scorer of the type {made.kind!r} already")
    REGISTRY[made.kind] = made
    return made
