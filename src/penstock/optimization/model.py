"""What an optimization is: what is asked for, what it works on, what it tries, and what comes of it.

An instruction (a judge's, a saved prompt's) is improved against labelled examples. Everything beside the instruction
stays as it is. An optimization is an execution of kind `optimization` with one item; its id is the execution's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from penstock.executions.model import Budget, Execution, Submitted
from penstock.models.most import Most
from penstock.models.usage import Amounts
from penstock.types import Json, JsonObject, Tenant

KIND = "optimization"
"""The kind of its executions."""

BudgetName = Literal["light", "medium", "heavy"]
BUDGETS: Mapping[BudgetName, int] = {"light": 300, "medium": 750, "heavy": 2_000}
"""How many metric calls each is: the old and the new instruction on the test part included."""
MAX_METRIC_CALLS = 20_000
MIN_EXAMPLES = 10
"""Labelled things that an optimization needs."""
MAX_EXAMPLES = 2_000
"""The newest so many are used."""


@dataclass(frozen=True, slots=True)
class JudgeSubject:
    """A judge (id or name) in a version, the latest for None, against what people said of the traces it is asked
    about."""

    judge: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class PromptSubject:
    """A saved prompt (id or name) in a version, the latest for None, against rows with a truth: those of a benchmark,
    or of a data set with `truth` naming the column that holds it. `scorer` says what an answer is worth.

    `part` is the text that is optimized (`system`, `prompt`, `messages[0].content`); None: the system text where there
    is one, else the first message. `model` None: the prompt's own, else the default model.
    """

    prompt: str
    version: int | None = None
    benchmark: str | None = None
    dataset: str | None = None
    truth: str | None = None
    scorer: Json = "exact"
    part: str | None = None
    model: str | None = None


Subject = JudgeSubject | PromptSubject
"""What is optimized. Each kind of subject has a `targets.TargetKind` of its own."""


@dataclass(frozen=True, slots=True)
class OptimizationRequest:
    """One request. `budget` is a name, or a number of metric calls; `money` limits the execution beside it.

    `reflection_model` proposes new instructions; None: the project's choice, else the default model. The same `seed`
    with the same examples splits and samples alike.
    """

    subject: Subject
    budget: BudgetName | int = "medium"
    reflection_model: str | None = None
    seed: int = 0
    money: Budget | None = None
    concurrency: int | None = None
    deadline_seconds: float | None = None
    metadata: JsonObject | None = None
    webhook_url: str | None = None
    idempotency_key: str | None = None
    request_hash: str = ""
    created_by: str | None = None


class Said(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What one person said of an example."""

    author: str
    answer: str | int | float
    rationale: str | None = None
    weight: float = 1.0


class Example(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One labelled thing. `id` is its source item's: the parts of a split share none.

    `truth` is what people say together, in the words of the target's classes. `data` is what the target needs beside.
    """

    id: str
    truth: str
    said: tuple[Said, ...] = ()
    data: Any = None


class Result(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What one metric call brought: the score from 0 to 1, and what tells a reflecting model why.

    `predicted` is the answer in the words of the target's classes; None when there was none. `saw` and `said` are
    excerpts of what was given and what came back; `problem` says why there is no answer that could be read,
    `explanation` what whoever scored it says of it.
    """

    score: float
    predicted: str | None = None
    saw: str = ""
    said: str = ""
    problem: str | None = None
    explanation: str | None = None


class Parts(msgspec.Struct, frozen=True, rename="camel"):
    """How many examples each part of the split has."""

    train: int
    validation: int
    test: int


class Kappa(msgspec.Struct, frozen=True, rename="camel"):
    """Agreement beyond chance on the test part, with its interval; see `judges.agreement`."""

    value: float | None
    low: float | None
    high: float | None
    note: str | None = None


class Measured(msgspec.Struct, frozen=True, rename="camel"):
    """One instruction on the untouched test part.

    `agreement` is the share of examples that got the very answer of people; None where answers have no classes, and so
    is `kappa`. `recalls` is that share by what people said. `unscorable` counts what could not be read; it counts as
    wrong.
    """

    n: int
    score: float
    agreement: float | None
    kappa: Kappa | None
    recalls: Mapping[str, float]
    unscorable: int


class Paired(msgspec.Struct, frozen=True, rename="camel"):
    """The new instruction − the old one, over the same test examples."""

    difference: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    test: str
    n: int
    text: str


Outcome = Literal["better", "higher", "kept"]
"""`better`: surely, on the test part. `higher`: higher there, and too few examples to be sure. `kept`: the old one
stays, because nothing was found that is higher there."""


class Report(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What came of an optimization. `best` is the number of the best candidate on the validation part, 0 for the old
    instruction; `after` and `paired` are None for that one."""

    outcome: Outcome
    summary: str
    original: str
    optimized: str
    best: int
    candidates: int
    accepted: int
    before: Measured
    after: Measured | None
    paired: Paired | None
    metric_calls: int
    metric_calls_allowed: int
    reflection_calls: int
    parts: Parts
    left_out: Mapping[str, int] = {}
    notes: tuple[str, ...] = ()


class Plan(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What was decided when it started: the spec of its execution.

    `snapshot` is the subject as its kind keeps it, `instruction` the one that there was, `annotations` the number of
    labels that are used, and `estimated` the most that all model calls may take.
    """

    target_kind: str
    subject_id: str
    subject_name: str
    subject_version: int
    snapshot: dict[str, Any]
    instruction: str
    budget: BudgetName | None
    metric_calls: int
    reflection_model: str
    seed: int
    annotations: int
    parts: Parts
    estimated: Amounts
    left_out: Mapping[str, int] = {}
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Optimization:
    """One of them, with its execution and the plan it follows. `applied_version` is the version that `apply` has made.
    `report` is None until it is over. Times in milliseconds since 1970."""

    execution: Execution
    plan: Plan
    report: Report | None
    applied_version: int | None
    applied_at: int | None
    created_by: str | None

    @property
    def id(self) -> str:
        return self.execution.id

    @property
    def tenant(self) -> Tenant:
        return self.execution.tenant


CandidateStatus = Literal["seed", "accepted", "rejected"]


class Candidate(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An instruction that was tried; number 0 is the one that there was.

    A proposal made from `parent` is first scored beside it on a few training examples (`minibatch_before`,
    `minibatch_after`: sums of scores); accepted when it does better, and only then scored on the validation part
    (`validation_score`, a mean). `frontier` are the numbers of the candidates that are best at something after that.
    `reason` says why it was rejected. `instruction` is None when no instruction could be read from what was proposed.
    """

    number: int
    status: CandidateStatus
    instruction: str | None
    parent: int | None = None
    iteration: int = 0
    minibatch_before: float | None = None
    minibatch_after: float | None = None
    validation_score: float | None = None
    recalls: Mapping[str, float] = {}
    frontier: tuple[int, ...] = ()
    reason: str | None = None
    metric_calls: int = 0
    """Spent until then."""


@dataclass(frozen=True, slots=True)
class OptimizationFilter:
    """Which ones; None does not ask. `subject` is an id, or a name at the time."""

    target_kind: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class OptimizationEstimate:
    """What a request would take; `most` bounds all of its model calls."""

    budget: BudgetName | None
    metric_calls: int
    needed_calls: int
    """One pass: the least budget that is accepted."""
    reflection_calls: int
    annotations: int
    parts: Parts
    most: Most
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """An accepted request."""

    submitted: Submitted

    @property
    def id(self) -> str:
        return self.submitted.execution.id


@dataclass(frozen=True, slots=True)
class Applied:
    """`again`: it had been applied before, and this is what was made then. For a prompt `subject_id` is the
    prompt's."""

    subject_id: str
    new_version: int
    again: bool = False

    @property
    def judge_id(self) -> str:
        """The same, by the name it has for a judge."""
        return self.subject_id
