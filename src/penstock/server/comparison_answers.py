"""Comparisons as callers see them."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.evaluations.comparison import Compared, Unpaired
from penstock.evaluations.comparisons import ComparedRow, Held, Many
from penstock.evaluations.model import Evaluation
from penstock.evaluations.results import ResultRow
from penstock.evaluations.statistics.estimates import Estimate
from penstock.server.auth import Call


class ComparisonSide(msgspec.Struct, rename="camel"):
    """One evaluation of a comparison, with its own mean over all rows that it has a value of."""

    evaluation_id: str
    name: str
    model: str | None
    flow: str | None
    mean: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    level: float
    method: str
    n: int
    clusters: int | None
    note: str | None


class ComparedDifference(msgspec.Struct, rename="camel"):
    """Comparison − reference on the rows that both have, with its interval and what it means.

    `adjustedP` takes into account with how many others it was tested (Holm), and `decision` (`better`, `worse`,
    `unclear`) goes by it; `moreRows` are about how many more rows could tell, where these cannot. `losses` and `wins`
    are rows of 0/1 scores that only the reference, and only the comparison, got right.
    """

    difference: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    level: float
    p_value: float | None
    adjusted_p: float | None
    test: str
    n: int
    losses: int | None
    wins: int | None
    correlation: float | None
    minimum_detectable: float | None
    clusters: int | None
    note: str | None
    decision: str
    text: str
    more_rows: int | None
    outcomes: dict[str, int]


class UnpairedRows(msgspec.Struct, rename="camel"):
    """Rows of which only one side has a value; `effect` is what they would change of the difference."""

    reference_only: int
    comparison_only: int
    effect: float | None


class ComparedPair(msgspec.Struct, rename="camel"):
    """One evaluation held against another by a scorer; the subsets of a pair are judged together."""

    reference: str
    comparison: str
    scorer: str
    benchmark: dict[str, Any]
    whole: ComparedDifference
    unpaired: UnpairedRows
    subsets: dict[str, ComparedDifference]


class ComparisonObject(msgspec.Struct, rename="camel"):
    """Evaluations by one scorer: the first is the reference, the others are held against it and judged together."""

    scorer: str
    level: float
    reference: str
    sides: list[ComparisonSide]
    pairs: list[ComparedPair]
    links: dict[str, str]


class ComparedAnswer(msgspec.Struct, rename="camel"):
    """One side's answer to a row in one epoch. `score` is the outcome of the scorer by which they are compared."""

    epoch: int
    status: str
    output: Any
    score: dict[str, Any] | None
    latency_ms: float | None
    error: dict[str, Any] | None


class ComparedRowObject(msgspec.Struct, rename="camel"):
    """A row with both sides' answers, of the first few epochs. `outcome` is of all epochs as one score."""

    number: int
    row_id: str | None
    subset: str | None
    outcome: str
    input: Any
    truth: Any
    reference: list[ComparedAnswer]
    comparison: list[ComparedAnswer]


SCHEMAS = (
    ComparisonSide,
    ComparedDifference,
    UnpairedRows,
    ComparedPair,
    ComparisonObject,
    ComparedAnswer,
    ComparedRowObject,
)


def comparison_body(call: Call, many: Many) -> ComparisonObject:
    reference, _ = many.sides[0]
    ids = ",".join(evaluation.id for evaluation, _ in many.sides)
    links = {name: call.path(f"/comparisons{part}?evaluations={ids}") for name, part in _PARTS.items()}
    if len(many.held) > 1:
        del links["rows"]
    return ComparisonObject(
        scorer=many.scorer,
        level=many.level,
        reference=reference.id,
        sides=[_side(evaluation, found) for evaluation, found in many.sides],
        pairs=[pair_body(held) for held in many.held],
        links=links,
    )


_PARTS = {"self": "", "rows": "/rows", "plot": "/plot.svg"}


def pair_body(held: Held) -> ComparedPair:
    spec: Any = held.reference.spec
    found = held.found
    return ComparedPair(
        reference=held.reference.id,
        comparison=held.comparison.id,
        scorer=held.scorer,
        benchmark=spec["benchmark"],
        whole=_difference(found.whole),
        unpaired=_unpaired(found.unpaired),
        subsets={subset: _difference(one) for subset, one in found.subsets.items()},
    )


def row_body(scorer: str, row: ComparedRow) -> ComparedRowObject:
    given = next((one.given.row for one in (*row.reference, *row.comparison) if one.given is not None), None)
    return ComparedRowObject(
        number=row.number,
        row_id=None if given is None else given.id,
        subset=None if given is None else given.subset,
        outcome=row.outcome,
        input=None if given is None else given.input,
        truth=None if given is None else given.truth,
        reference=[_answer(scorer, epoch, one) for epoch, one in enumerate(row.reference)],
        comparison=[_answer(scorer, epoch, one) for epoch, one in enumerate(row.comparison)],
    )


def _answer(scorer: str, epoch: int, row: ResultRow) -> ComparedAnswer:
    return ComparedAnswer(
        epoch=epoch,
        status=row.status,
        output=None if row.answer is None else row.answer.output,
        score=row.scores.get(scorer),
        latency_ms=None if row.answer is None else row.answer.latency_ms,
        error=None if row.error is None else dict(row.error),
    )


def _side(evaluation: Evaluation, found: Estimate) -> ComparisonSide:
    target = evaluation.settings["target"]
    return ComparisonSide(
        evaluation_id=evaluation.id,
        name=evaluation.name,
        model=target.get("model"),
        flow=target.get("name"),
        mean=found.mean,
        standard_error=found.standard_error,
        low=found.low,
        high=found.high,
        level=found.level,
        method=found.method,
        n=found.n,
        clusters=found.clusters,
        note=found.note,
    )


def _difference(compared: Compared) -> ComparedDifference:
    found, judged, outcomes = compared.difference, compared.verdict, compared.outcomes
    return ComparedDifference(
        difference=found.difference,
        standard_error=found.standard_error,
        low=found.low,
        high=found.high,
        level=found.level,
        p_value=found.p_value,
        adjusted_p=compared.adjusted_p,
        test=found.test,
        n=found.n_pairs or 0,
        losses=found.losses,
        wins=found.wins,
        correlation=found.correlation,
        minimum_detectable=found.minimum_detectable,
        clusters=found.clusters,
        note=found.note,
        decision=judged.decision,
        text=judged.text,
        more_rows=judged.more_rows,
        outcomes={
            "bothSucceed": outcomes.both_succeed,
            "bothFail": outcomes.both_fail,
            "referenceFails": outcomes.reference_fails,
            "comparisonFails": outcomes.comparison_fails,
        },
    )


def _unpaired(found: Unpaired) -> UnpairedRows:
    return UnpairedRows(found.reference_only, found.comparison_only, found.effect)
