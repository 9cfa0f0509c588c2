"""What Penstock answers about optimizations, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from penstock.client.objects import ErrorObject, Record, Status

OptimizationBudget = Literal["light", "medium", "heavy"]


class OptimizationParts(Record, frozen=True, kw_only=True):
    """How many examples there are to learn from, to choose by, and to measure on."""

    train: int = 0
    validation: int = 0
    test: int = 0


class Kappa(Record, frozen=True, kw_only=True):
    """Agreement beyond chance with its 95 % interval; None where it is not defined, and `note` says why."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    note: str | None = None


class Measured(Record, frozen=True, kw_only=True):
    """One instruction on the test examples: mean score, and where answers have classes the share of them that is that
    of people (`agreement`), `kappa`, and that share by what people said (`recalls`)."""

    n: int
    score: float
    agreement: float | None = None
    kappa: Kappa | None = None
    recalls: Mapping[str, float] = msgspec.field(default_factory=dict)
    unscorable: int = 0


class PairedDifference(Record, frozen=True, kw_only=True):
    """The new instruction's mean score − the old one's, over the same test examples; `text` says what it means."""

    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    p_value: float | None = None
    test: str = ""
    n: int = 0
    text: str = ""


class OptimizationReport(Record, frozen=True, kw_only=True):
    """What came of it. `outcome`: `better` (surely), `higher` (too few examples to be sure), `kept` (the old one)."""

    outcome: Literal["better", "higher", "kept"]
    summary: str = ""
    original: str = ""
    optimized: str = ""
    best: int = 0
    candidates: int = 0
    accepted: int = 0
    before: Measured
    after: Measured | None = None
    paired: PairedDifference | None = None
    metric_calls: int = 0
    metric_calls_allowed: int = 0
    reflection_calls: int = 0
    parts: OptimizationParts = OptimizationParts()
    left_out: Mapping[str, int] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Candidate(Record, frozen=True, kw_only=True):
    """An instruction that was tried; number 0 is the one that there was. `frontier` are the numbers of those that were
    best at something after it; `metric_calls` is how many had been spent by then."""

    number: int
    status: Literal["seed", "accepted", "rejected"]
    instruction: str | None = None
    parent: int | None = None
    iteration: int = 0
    minibatch_before: float | None = None
    minibatch_after: float | None = None
    validation_score: float | None = None
    recalls: Mapping[str, float] = msgspec.field(default_factory=dict)
    frontier: tuple[int, ...] = ()
    reason: str | None = None
    metric_calls: int = 0


class Candidates(Record, frozen=True, kw_only=True):
    """What was tried so far, in order."""

    data: tuple[Candidate, ...] = ()


class OptimizationSubject(Record, frozen=True, kw_only=True):
    """What is optimized, as it was when it started."""

    kind: Literal["judge", "prompt"]
    id: str
    name: str
    version: int


class Optimization(Record, frozen=True, kw_only=True):
    """One optimization. `report` is None until it is over; `metric_calls` are those it may make. `annotations` counts
    the labels it uses, `left_out` those it does not, by why."""

    id: str
    execution_id: str
    status: Status
    subject: OptimizationSubject
    budget: OptimizationBudget | None = None
    metric_calls: int = 0
    reflection_model: str = ""
    seed: int = 0
    annotations: int = 0
    parts: OptimizationParts = OptimizationParts()
    left_out: Mapping[str, int] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    instruction: str = ""
    estimated_cost_usd: str = "0"
    report: OptimizationReport | None = None
    applied_version: int | None = None
    applied_at: datetime | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: ErrorObject | None = None


class OptimizationEstimate(Record, frozen=True, kw_only=True):
    """What an optimization would take at most. `needed_calls` is the least budget that is accepted: one pass."""

    budget: OptimizationBudget | None = None
    metric_calls: int
    needed_calls: int
    reflection_calls: int
    annotations: int
    parts: OptimizationParts = OptimizationParts()
    left_out: Mapping[str, int] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    worst_case: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Applied(Record, frozen=True, kw_only=True):
    """The version that was made. `again`: it had been made before, and nothing has changed now."""

    subject: OptimizationSubject
    new_version: int
    again: bool = False
