"""What Penstock answers about judges and trace evaluations, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from penstock.client.annotation_objects import AgreementStanding
from penstock.client.objects import Record, Status

Outcome = Literal["pass", "fail", "unscorable", "error"]


class JudgeVersion(Record, frozen=True, kw_only=True):
    """One version of a judge; those that come with Penstock have no time. `output` is what it may answer."""

    version: int
    name: str
    evaluation_goal: str
    rubric: str | None = None
    model: str | None = None
    output: Mapping[str, Any] = msgspec.field(default_factory=dict)
    threshold: float = 0.5
    turns: int = 1
    params: Mapping[str, Any] = msgspec.field(default_factory=dict)
    created_at: datetime | None = None
    created_by: str | None = None


class Judge(JudgeVersion, frozen=True, kw_only=True):
    """A judge in its latest version. `run_count`: for how many verdicts it was asked. `agreement` with people
    comes with a single one only; None where nobody has labelled anything for it."""

    id: str
    ready_made: bool = False
    title: str | None = None
    description: str | None = None
    run_count: int = 0
    updated_at: datetime | None = None
    agreement: AgreementStanding | None = None


class ToolUse(Record, frozen=True, kw_only=True):
    """One use of a tool by a judge."""

    tool: str
    args: Mapping[str, Any] = msgspec.field(default_factory=dict)
    result: str = ""


class Verdict(Record, frozen=True, kw_only=True):
    """What a judge said, and what it took. `cost_usd` is None where a price is not known."""

    score: float
    passed: bool
    reasoning: str
    answer: Any
    model: str
    turns: int = 1
    steps: tuple[ToolUse, ...] = ()
    latency_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: str | None = None


class TraceEvaluation(Record, frozen=True, kw_only=True):
    """One judge on one trace. `reasoning` says why the score is what it is, or why there is none; `judge` is the judge
    as it was. `verdict` comes with a single one only."""

    id: str
    execution_id: str
    trace_id: str
    trace_name: str = ""
    judge: Mapping[str, Any] = msgspec.field(default_factory=dict)
    status: Literal["pending", "cancelled", "scored", "unscorable", "failed"]
    score: float | None = None
    passed: bool | None = None
    reasoning: str | None = None
    created_at: datetime | None = None
    judged_at: datetime | None = None
    verdict: Verdict | None = None


class Rate(Record, frozen=True, kw_only=True):
    """A mean with its interval at `level`; None where there is no ground for one."""

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str = ""
    n: int = 0
    note: str | None = None


class JudgeSummary(Record, frozen=True, kw_only=True):
    """What the verdicts of a judge's version amount to: `scored` of `expected`, a share of `coverage`; and
    its agreement with people, None where there are no labels."""

    judge: Mapping[str, Any]
    expected: int
    scored: int
    unscorable: int
    failed: int
    pending: int
    coverage: float
    pass_rate: Rate
    score: Rate
    agreement: AgreementStanding | None = None


class Summaries(Record, frozen=True, kw_only=True):
    """One for each judge and version."""

    judges: tuple[JudgeSummary, ...] = ()


class TraceEvaluationStart(Record, frozen=True, kw_only=True):
    """Judging that was accepted. `evaluation_ids` are the first thousand, by trace, then judge."""

    execution_id: str
    evaluation_ids: tuple[str, ...] = ()


class TraceEvaluationEstimate(Record, frozen=True, kw_only=True):
    """The most that judging would take, in all and by judge."""

    traces: int
    verdicts: int
    model_calls: int
    worst_case: Mapping[str, Any] = msgspec.field(default_factory=dict)
    judges: tuple[Mapping[str, Any], ...] = ()


class PairwiseEvaluation(Record, frozen=True, kw_only=True):
    """What a judge's preferences amount to. `win_rate` is how often A is better, a tie counting half; `first_rate` how
    often the one shown first is, ties left out: about a half for a judge that does not mind places."""

    execution_id: str
    status: Status
    judge: Mapping[str, Any]
    evaluations: tuple[str, ...] | None = None
    seed: int = 0
    expected: int
    scored: int
    unscorable: int
    failed: int
    pending: int
    coverage: float
    wins: Mapping[str, int]
    win_rate: Rate
    shown_first: Mapping[str, int]
    chosen: Mapping[str, int]
    first_rate: Rate


class PairwiseStart(Record, frozen=True, kw_only=True):
    """Comparing that was accepted."""

    execution_id: str


class PairwiseEstimate(Record, frozen=True, kw_only=True):
    """The most that comparing would take."""

    pairs: int
    model_calls: int
    worst_case: Mapping[str, Any] = msgspec.field(default_factory=dict)
    judges: tuple[Mapping[str, Any], ...] = ()


class Compared(Record, frozen=True, kw_only=True):
    """One pair: ids of traces, or numbers of rows, which side was shown first, and which is better; `better` is None
    where the judge gave no verdict, and `reasoning` then says why."""

    pair: str
    a: str | int
    b: str | int
    shown_first: Literal["a", "b"]
    better: Literal["a", "b", "tie"] | None = None
    reasoning: str = ""
