"""Comparisons as the server answers with them. See `penstock.client.objects`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from penstock.client.evaluation_objects import BenchmarkRef
from penstock.client.objects import Record

ComparedOutcome = Literal["both_succeed", "both_fail", "reference_fails", "comparison_fails"]
Picture = Literal["accuracy", "difference", "outcomes"]


class Outcomes(Record, frozen=True, kw_only=True):
    """Rows by how both sides did. A score above 0.5 is a success."""

    both_succeed: int = 0
    both_fail: int = 0
    reference_fails: int = 0
    comparison_fails: int = 0


class Compared(Record, frozen=True, kw_only=True):
    """Comparison − reference on the `n` rows that both have a value of; None where there is no ground for a number.

    `adjusted_p` takes into account with how many others it was tested (Holm), and `decision` goes by it. `more_rows`
    are about how many more rows could tell, where these cannot. `losses` and `wins` are rows of 0/1 scores that only
    the reference, and only the comparison, got right.
    """

    difference: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    p_value: float | None = None
    adjusted_p: float | None = None
    test: str = ""
    n: int = 0
    losses: int | None = None
    wins: int | None = None
    correlation: float | None = None
    minimum_detectable: float | None = None
    clusters: int | None = None
    note: str | None = None
    decision: Literal["better", "worse", "unclear"] = "unclear"
    text: str = ""
    more_rows: int | None = None
    outcomes: Outcomes = Outcomes()


class UnpairedRows(Record, frozen=True, kw_only=True):
    """Rows of which only one side has a value; `effect` is what they would change of the difference."""

    reference_only: int = 0
    comparison_only: int = 0
    effect: float | None = None


class ComparedPair(Record, frozen=True, kw_only=True):
    """One evaluation held against another by a scorer. `subsets` were judged together."""

    reference: str
    comparison: str
    scorer: str
    benchmark: BenchmarkRef
    whole: Compared
    unpaired: UnpairedRows = UnpairedRows()
    subsets: Mapping[str, Compared] = {}


class ComparisonSide(Record, frozen=True, kw_only=True):
    """One evaluation of a comparison, with its own mean over all rows that it has a value of."""

    evaluation_id: str
    name: str = ""
    model: str | None = None
    flow: str | None = None
    mean: float | None = None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str = ""
    n: int = 0
    clusters: int | None = None
    note: str | None = None


class Comparison(Record, frozen=True, kw_only=True):
    """Evaluations by one scorer: all but the first held against the first, and judged together."""

    scorer: str
    level: float
    reference: str
    sides: tuple[ComparisonSide, ...]
    pairs: tuple[ComparedPair, ...]


class Suite(Record, frozen=True, kw_only=True):
    """Pairs that were judged together."""

    level: float
    pairs: tuple[ComparedPair, ...]


class ComparedAnswer(Record, frozen=True, kw_only=True):
    """One side's answer to a row in one epoch; `score` is the outcome of the scorer that is compared."""

    epoch: int = 0
    status: str = ""
    output: Any = None
    score: Mapping[str, Any] | None = None
    latency_ms: float | None = None
    error: Mapping[str, Any] | None = None


class ComparedRow(Record, frozen=True, kw_only=True):
    """A row with both sides' answers, of the first few epochs. `outcome` is of all epochs as one score."""

    number: int
    outcome: ComparedOutcome
    row_id: str | None = None
    subset: str | None = None
    input: Any = None
    truth: Any = None
    reference: tuple[ComparedAnswer, ...] = ()
    comparison: tuple[ComparedAnswer, ...] = ()


class Detectable(Record, frozen=True, kw_only=True):
    """What `n` rows show with the chance `power`; `rows_needed` is for the `difference` that was asked for."""

    n: int
    deviation: float
    minimum_detectable: float
    power: float
    alpha: float
    difference: float | None = None
    rows_needed: int | None = None
