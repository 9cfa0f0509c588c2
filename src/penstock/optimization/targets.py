"""What the core asks of whatever is optimized: a judge, a saved prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from penstock.executions.item import Attempt
from penstock.judges.agreement import Weights
from penstock.models.wire import ModelRequest
from penstock.optimization.model import Example, Result
from penstock.storage.store import Transaction
from penstock.types import JsonObject, Tenant

_GROWTH = 2
_LEAST_MOST_CHARS = 4_000


def most_chars(instruction: str, limit: int) -> int:
    """How long a new instruction may become: so many times as long as the old one, or as long as this, and never
    longer than the limit."""
    return min(limit, max(_LEAST_MOST_CHARS, _GROWTH * len(instruction)))


def check_length(proposal: str, most: int) -> None:
    """Raises ValueError for a proposal of more characters."""
    if len(proposal) > most:
        raise ValueError(f"the proposal has {len(proposal):,} characters; {most:,} are the most here")


@dataclass(frozen=True, slots=True)
class Classes:
    """The answers that people and the target give, in the order of the scale where it is one; `weights` as kappa has
    them."""

    labels: tuple[str, ...]
    weights: Weights = "none"


@dataclass(frozen=True, slots=True)
class Pinned:
    """A subject as it is when its optimization starts. `snapshot` is all that `TargetKind.open` needs later.

    `left_out` counts labels that are not used, by why; `notes` are sentences about what they will not bear.
    `annotations` counts the labels that are.
    """

    subject_id: str
    subject_name: str
    subject_version: int
    snapshot: JsonObject
    examples: Sequence[Example]
    annotations: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Target(Protocol):
    """One subject while it is optimized: everything about it but its instruction stands still."""

    @property
    def instruction(self) -> str:
        """The instruction that there is."""
        ...

    @property
    def task(self) -> str:
        """What the instruction is for, for whoever proposes another: a few sentences."""
        ...

    @property
    def version(self) -> str:
        """Stands for everything that decides a score beside instruction and example. Part of what calls are recorded
        under: a result is found again for the same version only."""
        ...

    @property
    def classes(self) -> Classes | None:
        """None where answers are too many to count: then the score alone is reported."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """How long one metric call may take."""
        ...

    @property
    def most_chars(self) -> int:
        """How long an instruction may become; see `most_chars`."""
        ...

    def check(self, instruction: str) -> str:
        """A proposal as it would be used. Raises ValueError saying why it cannot be."""
        ...

    async def score(self, instruction: str, example: Example, attempt: Attempt) -> Result:
        """One metric call: ask with this instruction. Its model calls go through `attempt.meter`. Raises `StepError`
        for what may pass or is nobody's answer; an answer that cannot be read is a result with its `problem`."""
        ...

    def feedback(self, example: Example, result: Result) -> str:
        """What a reflecting model is told of a result: what people said and why, and in which direction it errs."""
        ...

    async def request(self, instruction: str, example: Example) -> tuple[ModelRequest, int]:
        """What one metric call asks a model at most, with an instruction that has grown as long as it may, and of how
        many such requests it is made; for estimates."""
        ...


class TargetKind(Protocol):
    """One kind of subject."""

    @property
    def name(self) -> str:
        """`judge`, `prompt`."""
        ...

    async def pin(self, tenant: Tenant, subject: Any) -> Pinned:
        """The subject and its examples as they are now. Raises `NotFound`, `Forbidden`, and `Invalid` naming the
        field; what the examples must fulfil whatever the subject is, the core checks."""
        ...

    def open(self, tenant: Tenant, snapshot: JsonObject) -> Target:
        """The target of a snapshot."""
        ...

    async def apply(
        self, tenant: Tenant, snapshot: JsonObject, instruction: str, *, force: bool, by: str | None
    ) -> Transaction[int]:
        """The transaction that makes a new version with the instruction, and whose value is its number.

        Checks first, and raises `NotFound`, `Forbidden`, or `Conflict` (`subject_changed`) when the subject is not
        what it was; `force` overrides the last. The transaction raises the same for what happens in between.
        """
        ...
