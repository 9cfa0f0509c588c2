"""What a judge is, and what it says.

A judge is a goal in words, a model, and a menu of answers. Every change makes a version; whatever a judge has said
keeps a snapshot of the version that said it, so it stays readable when the judge changes or goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from penstock.types import JsonObject, Tenant


@dataclass(frozen=True, slots=True)
class JudgeVersion:
    """One version. `output` is a menu (see `evaluations.scorers.menus`): binary, a scale, or labels with values.

    `threshold`: a score at or above it passes. `model` None: the project's default judge, chosen when a run starts.
    `turns` is how many turns it may take with tools over a trace; 1 gives it everything at once.
    """

    version: int
    name: str
    goal: str
    rubric: str | None
    model: str | None
    output: JsonObject
    threshold: float
    turns: int
    params: JsonObject
    created_at: int
    created_by: str | None


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge with its latest version. `ready_made` ones are part of Penstock: everybody reads them, nobody changes
    them."""

    id: str
    tenant: Tenant
    latest: JudgeVersion
    ready_made: bool
    run_count: int
    created_at: int
    updated_at: int


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """One use of a tool by a judge."""

    tool: str
    args: dict[str, Any]
    result: str


class Verdict(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a judge said: a score from 0 to 1, whether that passes, and why. `answer` is its pick from the menu."""

    score: float
    passed: bool
    reasoning: str
    answer: Any
    model: str
    turns: int
    steps: list[Step] = []
    latency_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: str | None = None


class Unscorable(msgspec.Struct, frozen=True, rename="camel"):
    """The judge gave no verdict that is on its menu, also after it was asked again."""

    reason: str


KIND = "trace_evaluation"
"""The kind of executions that judge traces: their items are verdicts."""

VerdictStatus = Literal["pending", "scored", "unscorable", "failed"]
VerdictOutcome = Literal["pass", "fail", "unscorable", "error"]


@dataclass(frozen=True, slots=True)
class TraceEvaluation:
    """One judge on one trace. Times in milliseconds since 1970.

    `snapshot` is the judge as it was. `reasoning` is why the score is what it is, or why there is none; `verdict` is
    read only with one of them. `execution_status` says whether a pending one may still come.
    """

    id: str
    tenant: Tenant
    execution_id: str
    execution_status: str
    ordinal: int
    trace_id: str
    trace_name: str
    place: int
    snapshot: JsonObject
    status: VerdictStatus
    score: float | None
    passed: bool | None
    reasoning: str | None
    verdict: Verdict | None
    created_at: int
    started_at: int | None
    judged_at: int | None

    @property
    def judge(self) -> JudgeVersion:
        """The version that judges."""
        return version_of(self.snapshot)

    @property
    def judge_id(self) -> str:
        return str(self.snapshot["id"])


@dataclass(frozen=True, slots=True)
class TraceEvaluationFilter:
    """Which ones. `judge` is an id, or a name at the time; `judge_version` goes with it. Times in milliseconds since
    1970, `until` exclusive. `text` is looked for in the reasoning and in the names of traces and judges."""

    judge: str | None = None
    judge_version: int | None = None
    trace_id: str | None = None
    execution_id: str | None = None
    outcome: VerdictOutcome | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None


def snapshot(judge_id: str, version: JudgeVersion) -> JsonObject:
    """A version as JSON, with whose it is: what is kept wherever a judge has spoken."""
    kept: JsonObject = {"id": judge_id, **msgspec.to_builtins(version)}
    return kept


def version_of(kept: JsonObject) -> JudgeVersion:
    """The version of a snapshot."""
    values: dict[str, Any] = {name: kept[name] for name in JudgeVersion.__slots__}
    return JudgeVersion(**values)
