"""Evaluations, experiments and leaderboards as the server answers with them. See `penstock.client.objects`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from penstock.client.annotation_objects import AgreementStanding
from penstock.client.objects import ErrorObject, Execution, Record, Usage

RowStatus = Literal["pending", "running", "succeeded", "failed", "skipped", "cancelled"]
RowOutcome = Literal["correct", "incorrect", "unscorable", "error"]


class BenchmarkRef(Record, frozen=True, kw_only=True):
    """The benchmark that was run, in one version. `content_hash` is that of its rows."""

    id: str
    key: str = ""
    name: str = ""
    version: int = 0
    content_hash: str = ""


class Score(Record, frozen=True, kw_only=True):
    """One scorer's mean over rows, with its interval at `level`; None where there is no ground for one.

    `n` of `expected` rows have a value, and `coverage` is the share of answers, each epoch's, that do (both are told of
    the whole, not of a subset); `unscorable` and `errors` count answers that got none, `reasons` say why.
    """

    mean: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str = ""
    n: int = 0
    expected: int | None = None
    coverage: float | None = None
    unscorable: int = 0
    errors: int = 0
    clusters: int | None = None
    note: str | None = None
    reasons: tuple[Mapping[str, Any], ...] = ()


class Latency(Record, frozen=True, kw_only=True):
    """How long answers took, in milliseconds; waiting in a queue or for a rate limit is no part of it."""

    n: int = 0
    mean_ms: float | None = None
    p50_ms: float | None = msgspec.field(default=None, name="p50Ms")
    p95_ms: float | None = msgspec.field(default=None, name="p95Ms")
    p99_ms: float | None = msgspec.field(default=None, name="p99Ms")


class Evaluation(Record, frozen=True, kw_only=True):
    """A model or a flow on a benchmark, and what its rows add up to so far.

    `metrics` are by scorer; the first of `scorers` is the main one, and its mean the `accuracy`. `definition`,
    `subsets`, `progress`, and `agreement` with people for each scorer that is a judge, come with a single evaluation
    only.
    """

    id: str
    name: str
    status: str
    execution_id: str
    benchmark: BenchmarkRef
    variant: str = ""
    experiment: Mapping[str, Any] | None = None
    source: Mapping[str, Any] | None = None
    model: str | None = None
    flow: Mapping[str, Any] | None = None
    scorers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    definition_hash: str = ""
    rows: int = 0
    epochs: int = 1
    answered_rows: int = 0
    failed_rows: int = 0
    metrics: Mapping[str, Score] = {}
    latency: Latency = Latency()
    usage: Usage = Usage()
    error: ErrorObject | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    definition: Mapping[str, Any] | None = None
    subsets: Mapping[str, Mapping[str, Score]] = {}
    agreement: Mapping[str, AgreementStanding | None] = {}
    progress: Execution | None = None

    @property
    def target(self) -> str:
        """The model's name, or the flow's."""
        return self.model or str((self.flow or {}).get("name") or "")

    @property
    def score(self) -> Score:
        """The first scorer's score."""
        return self.metrics.get(self.scorers[0], Score()) if self.scorers else Score()

    @property
    def accuracy(self) -> float | None:
        """The first scorer's mean; None while no row has a score."""
        return self.score.mean


class EvaluationStart(Record, frozen=True, kw_only=True):
    """Evaluations that were accepted, and the execution that runs them."""

    evaluation_id: str
    execution_id: str
    status: str = "pending"
    evaluation_ids: tuple[str, ...] = ()


class RowScore(Record, frozen=True, kw_only=True):
    """What a scorer made of one answer: a `value` (`scored`), or why there is none (`unscorable`, `error`)."""

    status: Literal["scored", "unscorable", "error"]
    value: float | None = None
    answer: str | None = None
    explanation: str | None = None
    reason: str | None = None


class EvaluationRow(Record, frozen=True, kw_only=True):
    """One row in one epoch. What is not known yet is None: all but its number, while it waits."""

    number: int
    row_id: str | None = None
    epoch: int = 0
    subset: str | None = None
    cluster: str | None = None
    status: RowStatus = "pending"
    input: Any = None
    truth: Any = None
    metadata: Mapping[str, Any] | None = None
    output: Any = None
    finish_reason: str | None = None
    cached: bool = False
    latency_ms: float | None = None
    first_token_ms: float | None = None
    scores: Mapping[str, RowScore] = {}
    usage: Usage = Usage()
    error: ErrorObject | None = None


class EvaluationEstimate(Record, frozen=True, kw_only=True):
    """What an evaluation would take: `worst_case` has the most tokens and dollars, None where flows are called.

    `minimum_detectable` is the smallest difference between two such evaluations that so many rows can show.
    """

    rows: int
    items: int = 0
    model_calls: int | None = None
    scorer_calls: int = 0
    worst_case: Mapping[str, Any] | None = None
    minimum_detectable: Mapping[str, Any] = {}


class ExperimentStart(Record, frozen=True, kw_only=True):
    """An experiment that was accepted. Its id is its execution's."""

    experiment_id: str
    execution_id: str
    status: str = "pending"
    evaluation_ids: tuple[str, ...] = ()


class VariantDifference(Record, frozen=True, kw_only=True):
    """A variant's mean minus the baseline's, over the rows that both have.

    `decision` is `better`, `worse` or `unclear`, by `adjusted_p`, which takes into account how many variants were held
    against the baseline; `text` says it, and `more_rows` about how many could tell.
    """

    difference: float | None = None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    p_value: float | None = None
    adjusted_p: float | None = msgspec.field(default=None, name="adjustedP")
    test: str = ""
    n: int = 0
    decision: str = "unclear"
    text: str = ""
    more_rows: int | None = None
    minimum_detectable: float | None = None


class ExperimentVariant(Record, frozen=True, kw_only=True):
    """One variant and its evaluation. `differences` are by scorer: none for the baseline, or while it is not over."""

    name: str
    evaluation_id: str
    baseline: bool = False
    model: str | None = None
    flow: Mapping[str, Any] | None = None
    answered_rows: int = 0
    failed_rows: int = 0
    metrics: Mapping[str, Score] = {}
    latency: Latency = Latency()
    usage: Usage = Usage()
    differences: Mapping[str, VariantDifference] = {}


class Experiment(Record, frozen=True, kw_only=True):
    """Variants on the same rows, held against the one that is named `baseline`."""

    id: str
    name: str
    status: str
    execution_id: str
    baseline: str
    benchmark: BenchmarkRef
    scorers: tuple[str, ...] = ()
    rows: int = 0
    epochs: int = 1
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    variants: tuple[ExperimentVariant, ...] = ()


class ExperimentSummary(Record, frozen=True, kw_only=True):
    """An experiment in a list."""

    id: str
    name: str
    status: str
    baseline: str = ""
    variants: tuple[str, ...] = ()
    benchmark: str = ""
    created_at: datetime | None = None
    finished_at: datetime | None = None


class Leaderboard(Record, frozen=True, kw_only=True):
    """Which models and benchmarks are ranked. `owner` is the organization that made it; `own`: it may be changed."""

    id: str
    name: str
    slug: str
    description: str = ""
    owner: str = ""
    own: bool = False
    visibility: str = "private"
    filters: Mapping[str, Mapping[str, tuple[str, ...]]] = {}
    weight: int = 0
    featured: bool = False
    image_path: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class LeaderboardEntry(Record, frozen=True, kw_only=True):
    """One model's newest evaluation. `same_as_above`: its rows do not tell it from the entry above."""

    rank: int
    model: str
    evaluation_id: str
    mean: float
    low: float | None = None
    high: float | None = None
    n: int = 0
    expected: int = 0
    same_as_above: bool = False
    finished_at: datetime | None = None


class LeaderboardTable(Record, frozen=True, kw_only=True):
    """The ranking on one benchmark by one scorer, of evaluations on the same rows, the best first."""

    benchmark: BenchmarkRef
    scorer: str
    rows: int = 0
    epochs: int = 1
    entries: tuple[LeaderboardEntry, ...] = ()


class LeaderboardTables(Record, frozen=True, kw_only=True):
    """Every ranking of a leaderboard."""

    tables: tuple[LeaderboardTable, ...] = ()
