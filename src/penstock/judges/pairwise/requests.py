"""What is asked for when a judge is to compare pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

from penstock.executions.model import Budget, ErrorPolicy
from penstock.judges.requests import JudgeRef, Sampling
from penstock.types import JsonObject

KIND = "pairwise_evaluation"
"""The kind of executions that compare pairs: their items are preferences."""
MAX_PAIRS = 20_000
"""In one execution."""


@dataclass(frozen=True, slots=True)
class PairwiseRequest:
    """One request: which of two traces, for each of some pairs (ids, ours or the senders'), or of two evaluations'
    answers to the same rows, is better.

    `sampling` chooses among the pairs; its seed decides the order in which the two of each are shown, too.
    """

    judge: JudgeRef
    traces: tuple[tuple[str, str], ...] = ()
    evaluations: tuple[str, str] | None = None
    sampling: Sampling = field(default_factory=Sampling)
    concurrency: int | None = None
    deadline_seconds: float | None = None
    on_item_error: ErrorPolicy | None = None
    budget: Budget | None = None
    metadata: JsonObject | None = None
    webhook_url: str | None = None
    idempotency_key: str | None = None
    request_hash: str = ""
    created_by: str | None = None
