"""What an evaluation is: one variant of a target, on the rows of a benchmark, scored.

An execution of kind `evaluation` runs one evaluation, or several side by side: the variants of an experiment. Its items
are rows × variants × epochs, in that order, so that all variants get as far as each other whatever happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from penstock.types import JsonObject, Tenant

KIND = "evaluation"
MAX_VARIANTS = 50
MAX_EPOCHS = 1_000

Reducer = str
"""How several epochs of a row become one score: `mean`, `at_least_k`, `pass@k`, `pass^k` (with a number for k)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the items of an execution are numbered: by row, then variant, then epoch."""

    rows: int
    variants: int
    epochs: int

    @property
    def items(self) -> int:
        return self.rows * self.variants * self.epochs

    def ordinal(self, row: int, variant: int, epoch: int) -> int:
        return (row * self.variants + variant) * self.epochs + epoch

    def place(self, ordinal: int) -> tuple[int, int, int]:
        """(row, variant, epoch) of an item."""
        rest, epoch = divmod(ordinal, self.epochs)
        row, variant = divmod(rest, self.variants)
        return row, variant, epoch


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation as it is stored. Times in milliseconds since 1970.

    `variant` says which one of its execution's it is, `definition` what was measured, exactly (see `definition.py`).
    `metrics` are None until they were added up for the execution's present generation.
    """

    id: str
    tenant: Tenant
    execution_id: str
    execution_no: int
    variant: int
    name: str
    target_kind: Literal["model", "flow"]
    target: str
    benchmark_id: str
    benchmark_key: str
    benchmark_version: int
    definition_hash: str
    tags: tuple[str, ...]
    spec: JsonObject
    status: str
    generation: int
    created_at: int
    started_at: int | None
    finished_at: int | None
    error: JsonObject | None
    metrics: JsonObject | None
    primary_mean: float | None
    latency_mean_ms: float | None

    @property
    def shape(self) -> Shape:
        spec: Any = self.spec
        return Shape(spec["rows"], len(spec["variants"]), spec["epochs"])

    @property
    def scorers(self) -> tuple[str, ...]:
        """The names of its scorers; the first one's mean is its accuracy."""
        spec: Any = self.spec
        return tuple(snapshot["name"] for snapshot in spec["scorers"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """What its variant is: target, messages, parameters."""
        spec: Any = self.spec
        variant: Mapping[str, Any] = spec["variants"][self.variant]
        return variant


Order = Literal["created", "accuracy", "duration"]


@dataclass(frozen=True, slots=True)
class EvaluationFilter:
    """Which evaluations. `latest_only` keeps the newest of each target on each benchmark."""

    benchmarks: tuple[str, ...] = ()
    """Ids or keys."""
    targets: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    execution_id: str | None = None
    tag: str | None = None
    text: str | None = None
    latest_only: bool = False
    order: Order = "created"
    descending: bool = True


class Answer(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What came of asking a target once: the output of an item's `generate` step."""

    output: Any
    latency_ms: float | None = None
    first_token_ms: float | None = None
    finish_reason: str | None = None
    cached: bool = False


class ItemOutput(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An item's output: its scores, and what is needed to add them up without reading anything else."""

    row: str
    scores: dict[str, Any]
    """By scorer: an `Outcome` as JSON."""
    epoch: int = 0
    subset: str | None = None
    cluster: str | None = None
    latency_ms: float | None = None
