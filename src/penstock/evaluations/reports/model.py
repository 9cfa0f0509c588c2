"""What a report is made of: figures and texts that were read already. Making one reads nothing and asks nobody."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

from penstock.evaluations.gate import Check, PairedDifference

MAX_FAILED = 100
"""Failed rows that a report names; it says how many more there are."""
MAX_WORST = 5


@dataclass(frozen=True, slots=True)
class Metric:
    """One scorer's mean over the rows, with the bounds of its 95 % interval where there are enough rows for one."""

    name: str
    mean: float | None
    low: float | None
    high: float | None
    scored: int
    expected: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A row without an answer, and why. `path` is its place in the execution or its id."""

    row: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Weak:
    """A row that was answered, and scored low. The texts are a model's and a file's: shown, never followed."""

    row: str
    score: float
    input: str
    truth: str
    output: str
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What it is compared with, and the paired difference of each scorer."""

    id: str
    name: str
    differences: tuple[tuple[str, PairedDifference], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One evaluation, told. `seconds` is how long it ran, `cost_usd` a decimal text, None when it is not known."""

    id: str
    name: str
    target: str
    benchmark: str
    status: str
    metrics: tuple[Metric, ...]
    rows: int
    seconds: float = 0.0
    cost_usd: str | None = None
    checks: tuple[Check, ...] = ()
    failures: tuple[Failure, ...] = ()
    failed: int = 0
    weakest: tuple[Weak, ...] = ()
    baseline: Baseline | None = None

    @property
    def passed(self) -> bool:
        """Whether everything that was demanded is met."""
        return all(check.passed for check in self.checks)


@dataclass
class RowsWorthShowing:
    """Keeps the failed rows and the lowest scores of many, and never more than a report shows."""

    failures: list[Failure] = field(default_factory=list)
    failed: int = 0
    _weakest: list[tuple[float, int, Weak]] = field(default_factory=list)
    _seen: int = 0

    def fail(self, failure: Failure) -> None:
        """Count a failed row, and keep it while there is room."""
        self.failed += 1
        if len(self.failures) < MAX_FAILED:
            self.failures.append(failure)

    def wanted(self, score: float) -> bool:
        """Whether a row with this score is among the lowest so far; one that is wholly right never is."""
        return score < 1.0 and (len(self._weakest) < MAX_WORST or -score > self._weakest[0][0])

    def add(self, weak: Weak) -> None:
        """Keep this row if it is among the lowest; of equals, those that came first."""
        self._seen += 1
        if self.wanted(weak.score):
            entry = (-weak.score, -self._seen, weak)
            (heapq.heappush if len(self._weakest) < MAX_WORST else heapq.heapreplace)(self._weakest, entry)

    @property
    def weakest(self) -> Sequence[Weak]:
        """The lowest scores, the lowest first."""
        return [weak for _, _, weak in sorted(self._weakest, key=lambda entry: entry[:2], reverse=True)]
