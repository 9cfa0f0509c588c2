"""What is asked for when traces are to be judged."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.executions.model import Budget, ErrorPolicy
from penstock.storage.trace_pages import TraceFilter
from penstock.types import JsonObject

MAX_JUDGES = 20
"""In one execution."""
MAX_VERDICTS = 20_000
"""In one execution: traces times judges."""
MAX_LOOKED_AT = 200_000
"""Traces that a filter may lead to, of which a sample is taken."""


@dataclass(frozen=True, slots=True)
class JudgeRef:
    """A judge by its id or name, in a version, the latest for None."""

    judge: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least share of verdicts that are to pass, from 0 to 1; of one judge, or of each for None."""

    pass_rate: float
    judge: str | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many of the traces: at most `count`, a share `rate` of them, or both.

    Which ones depends on `seed` and the traces' ids alone: the same request takes the same ones.
    """

    count: int | None = None
    rate: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TraceEvaluationRequest:
    """One request: each of the judges on each of the traces, which are named, or found by a filter."""

    judges: tuple[JudgeRef, ...]
    traces: tuple[str, ...] = ()
    filter: TraceFilter | None = None
    sampling: Sampling = Sampling()
    thresholds: tuple[Threshold, ...] = ()
    concurrency: int | None = None
    deadline_seconds: float | None = None
    on_item_error: ErrorPolicy | None = None
    budget: Budget | None = None
    metadata: JsonObject | None = None
    webhook_url: str | None = None
    idempotency_key: str | None = None
    request_hash: str = ""
    created_by: str | None = None
