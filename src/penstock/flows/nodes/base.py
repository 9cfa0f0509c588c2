"""What a node type is.

A node type is one file in this folder: a settings model, and a class with `run`. Putting the class into the registry
with `@node` is all there is to adding one; the document's schema, its validation and the editor's forms follow from
the settings model. A package of its own adds one through the entry-point group `penstock.nodes`.

    class EchoSettings(NodeSettings):
        type: Literal["echo"] = "echo"
        times: int = Field(1, ge=1, le=10, description="How often to repeat the text.")

    @node
    class Echo(Node[EchoSettings]):
        '''Repeats its input.'''

        name = "echo"
        title = "Echo"
        settings = EchoSettings

        async def run(self, ctx: NodeContext, settings: EchoSettings, inputs: JsonObject) -> Json:
            return str(inputs["text"]) * settings.times
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from penstock.models.meter import Meter
from penstock.models.usage import Usage
from penstock.types import Json, JsonObject, Tenant

if TYPE_CHECKING:
    from penstock.flows.services import Services


class DocumentModel(BaseModel):
    """Base of everything that appears in a flow document: camelCase outside, no unknown keys, immutable."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class RetrySettings(DocumentModel):
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Tries in all, the first one included."""
    initial_delay_seconds: Annotated[float, Field(ge=0, le=300)] = 0.5
    """Back-off before the second try at most; doubles each time, with full jitter."""
    max_delay_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0


class UntilSettings(DocumentModel):
    expression: str
    """Over `out` (this round's output) and the node's inputs; true ends the rounds."""
    max_times: Annotated[int, Field(ge=1, le=50)]


class ErrorValue(DocumentModel):
    value: Any
    """What the node's `out` is when it fails."""


class Connector(DocumentModel):
    """The graph editor's form of one input: `{node: crawl, from: out.url, to: urlVar}` is `urlVar: crawl.out.url`."""

    node: str
    from_: Annotated[str, Field(alias="from")]
    to: str


class NodeSettings(DocumentModel):
    """What every node may carry, whatever its type."""

    type: str
    title: str | None = None
    """A name for people."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """Input name → reference: `input.review`, `classify.out`, `crawl.out.urls[0]`. A list of connectors is read too."""
    after: list[str] = Field(default_factory=list)
    """Nodes (or condition branches, `check.true`) that must have run before, without passing data."""
    when: str | None = None
    """An expression over the inputs; when it is false the node is skipped."""
    join: Literal["all", "any"] = "all"
    """Which of the nodes it depends on must have run: `all`, or `any` to meet again after a condition."""
    until: UntilSettings | None = None
    on_error: Literal["fail", "skip"] | ErrorValue = "fail"
    retry: RetrySettings | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=86400)] | None = None

    @field_validator("inputs", mode="before")
    @classmethod
    def _from_connectors(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        connectors = [Connector.model_validate(entry) for entry in value]
        return {connector.to: f"{connector.node}.{connector.from_}" for connector in connectors}


S = TypeVar("S", bound=NodeSettings)


@dataclass(slots=True)
class NodeContext:
    """What one run of one node may know and use.

    `meter` counts what model calls consume, also those of attempts that failed; `detail` takes facts for the log
    (model, finish reason, status code).
    """

    tenant: Tenant
    execution_id: str
    item_path: str
    flow_id: str
    flow_version: int
    node: str
    round: int
    attempt: int
    services: Services
    meter: Meter = field(default_factory=Meter)
    detail: dict[str, Json] = field(default_factory=dict)

    @property
    def usage(self) -> Usage:
        return self.meter.usage

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt and every repeat after a crash, different for everything else."""
        return f"{self.execution_id}:{self.item_path}:{self.node}:{self.round}"


class Node(ABC, Generic[S]):
    """One node type: stateless, made once.

    `effectful` nodes reach outside (a model, a network, a sink, a sandbox): their result is on disk before anything
    that depends on it starts. Pure ones are recorded with the next flush, since running them again costs nothing and
    gives the same.

    `role` tells the walker which nodes steer it: `split` returns a list and opens an item for each element, `flatten`
    closes the innermost split, `condition` returns `{"branch": name}`, `source` yields the items of the execution,
    `flow` runs another flow in its place.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[type[NodeSettings]]
    role: ClassVar[Literal["plain", "split", "flatten", "condition", "source", "flow"]] = "plain"
    effectful: ClassVar[bool] = False
    default_timeout_seconds: ClassVar[float] = 300.0

    @abstractmethod
    async def run(self, ctx: NodeContext, settings: S, inputs: JsonObject) -> Json:
        """One attempt. Raises `StepError`, which says whether another attempt can help."""

    def check(self, settings: S) -> Iterable[tuple[str, str]]:
        """Faults of the settings that their types cannot express: (path inside the node, message).

        Called when a flow is saved: compile expressions, templates, selectors and schemas here.
        """
        return ()

    def required_inputs(self, settings: S) -> frozenset[str]:
        """Input names without which the node cannot run (a prompt's variables, a scraper's `url`)."""
        return frozenset()

    def output_schema(self, settings: S) -> JsonObject | None:
        """JSON Schema of `out` where it is known: references into unknown fields are then refused when saved."""
        return None


REGISTRY: dict[str, Node[Any]] = {}

N = TypeVar("N", bound=type[Node[Any]])


def node(cls: N) -> N:
    """Put a node type into the registry. Raises ValueError when its name is taken."""
    if cls.name in REGISTRY:
        raise ValueError(f"there are two node types named {cls.name!r}")
    REGISTRY[cls.name] = cls()
    return cls
