"""`/comparisons`: evaluations held against each other. `/statistics`: what a number of rows can show."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.errors import FieldError, Invalid
from penstock.evaluations.comparison import RowOutcome
from penstock.evaluations.comparisons import MAX_PAIRS, MAX_SIDES, PageWanted, Pair, RowWanted
from penstock.evaluations.plots.pictures import (
    accuracy_picture,
    difference_picture,
    evaluation_picture,
    outcomes_picture,
)
from penstock.evaluations.statistics.power import difference_deviation, minimum_detectable, rows_needed
from penstock.server.answers import answer, page
from penstock.server.auth import Call, needs
from penstock.server.comparison_answers import SCHEMAS as ANSWERS
from penstock.server.comparison_answers import (
    ComparedPair,
    ComparedRowObject,
    ComparisonObject,
    comparison_body,
    pair_body,
    row_body,
)
from penstock.server.describe import TEXT, Cursor, content, doc, page_of, path_id, ref

router = APIRouter(tags=["comparisons"])
Reads = Annotated[Call, needs("evaluations:read")]

MOST_ROWS = 200
SVG = "image/svg+xml"
PICTURE = {200: {"description": "A picture", **content({SVG: TEXT})}}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
Ids = Annotated[
    str,
    Query(min_length=1, max_length=40 * MAX_SIDES, description="Ids, separated by commas; the first is the reference."),
]
Scorer = Annotated[str | None, Query(max_length=64, description="By its name; the reference's first by default.")]
Level = Annotated[float, Query(gt=0.5, lt=1, description="Of the intervals, and 1 − α of the tests.")]


class SuitePair(BaseModel):
    """An evaluation, and the one to be held against it."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    reference: str = Field(min_length=1, max_length=100)
    comparison: str = Field(min_length=1, max_length=100)


class SuiteBody(BaseModel):
    """Either `pairs`, or a `baseline` with its `candidates`. All are judged together."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    pairs: list[SuitePair] = Field(default_factory=list, max_length=MAX_PAIRS)
    baseline: str | None = Field(None, min_length=1, max_length=100)
    candidates: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(
        default_factory=list, max_length=MAX_PAIRS
    )
    scorer: str | None = Field(None, min_length=1, max_length=64, description="Each reference's first by default.")
    level: float = Field(0.95, gt=0.5, lt=1)

    def asked(self) -> list[Pair]:
        """Raises `Invalid` unless it is exactly one of the two."""
        if bool(self.pairs) == (self.baseline is not None) or (self.baseline is None) == bool(self.candidates):
            detail = "Give either pairs, or a baseline with candidates."
            raise Invalid("comparison_invalid", detail, errors=(FieldError("pairs", detail),))
        if self.baseline is not None:
            return [Pair(self.baseline, candidate) for candidate in self.candidates]
        return [Pair(pair.reference, pair.comparison) for pair in self.pairs]


class Suite(msgspec.Struct, rename="camel"):
    """Pairs judged together: each `adjustedP` takes all of them into account (Holm)."""

    level: float
    pairs: list[ComparedPair]


class Detectable(msgspec.Struct, rename="camel"):
    """What `n` rows answered by two sides show with the chance `power`, by a test at `alpha`.

    `deviation` is the standard deviation of a row's difference that follows from what was given; `rowsNeeded` is for
    the `difference` that was asked for, null for more than ten million.
    """

    n: int
    deviation: float
    minimum_detectable: float
    power: float
    alpha: float
    difference: float | None
    rows_needed: int | None


SCHEMAS = (*ANSWERS, SuitePair, SuiteBody, Suite, Detectable)


@router.get(
    "/comparisons",
    **doc("Compare evaluations", returns=ref(ComparisonObject), problems=(400, 404, 409)),
)
async def compare_evaluations(call: Reads, evaluations: Ids, scorer: Scorer = None, level: Level = 0.95) -> Response:
    """On the rows that both have a value of. Evaluations of different tasks are refused, with what differs."""
    many = await call.engine.comparisons.compare(call.tenant, _ids(evaluations), scorer, level)
    return answer(comparison_body(call, many))


@router.get(
    "/comparisons/rows",
    **doc("List the rows of a comparison", returns=page_of(ComparedRowObject), problems=(400, 404, 409)),
)
async def list_compared_rows(
    call: Reads,
    evaluations: Ids,
    outcome: Annotated[RowOutcome | None, Query(description="A score above 0.5 is a success.")] = None,
    search: Annotated[str | None, Query(max_length=200, description="In input, truth and both answers.")] = None,
    scorer: Scorer = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 50,
) -> Response:
    """Of two evaluations: each row with both answers, in the benchmark's order.

    A page behind a search may be short, or empty, and still have a `nextCursor`.
    """
    ids = _ids(evaluations)
    if len(ids) != 2:
        raise _invalid("evaluations", f"rows are of two evaluations; {len(ids)} were given")
    wanted, begin = RowWanted(outcome, search or None), _number(cursor)
    many, rows, following = await call.engine.comparisons.rows(
        call.tenant, Pair(*ids), scorer, wanted, PageWanted(begin, limit)
    )
    return page([row_body(many.scorer, row) for row in rows], None if following is None else str(following))


@router.get(
    "/comparisons/plot.svg",
    **doc("Draw a comparison", responses=PICTURE, problems=(400, 404, 409)),
)
async def plot_comparison(
    call: Reads,
    evaluations: Ids,
    show: Annotated[Literal["accuracy", "difference", "outcomes"], Query(description="What is drawn.")] = "difference",
    scorer: Scorer = None,
    level: Level = 0.95,
) -> Response:
    """As SVG: each one's mean; differences from the reference; or, of two, on how many rows which side succeeds."""
    many = await call.engine.comparisons.compare(call.tenant, _ids(evaluations), scorer, level)
    if show == "outcomes" and len(many.held) > 1:
        raise _invalid("show", "outcomes are drawn of two evaluations; give two, or show the difference")
    if show == "outcomes":
        return svg(outcomes_picture(many.held[0]))
    return svg(await asyncio.to_thread(accuracy_picture if show == "accuracy" else difference_picture, many))


@router.get(
    "/evaluations/{evaluation}/plot.svg",
    **doc("Draw an evaluation", responses=PICTURE, problems=(404,)),
)
async def plot_evaluation(call: Reads, evaluation: Annotated[str, path_id("evaluation")]) -> Response:
    """As SVG: each scorer's mean with its interval, and that of each subset."""
    found = await call.engine.evaluations.get(call.tenant, evaluation)
    metrics = await call.engine.evaluations.metrics(found)
    return svg(await asyncio.to_thread(evaluation_picture, found, metrics))


@router.post(
    "/comparisons/suite",
    **doc("Compare many pairs together", body=ref(SuiteBody), returns=ref(Suite), problems=(400, 404, 409)),
)
async def compare_suite(call: Reads) -> Response:
    """Several benchmarks, or several candidates against one baseline, with p-values adjusted for their number."""
    body = await call.body(SuiteBody)
    held = await call.engine.comparisons.suite(call.tenant, body.asked(), body.scorer, body.level)
    return answer(Suite(body.level, [pair_body(one) for one in held]))


@router.get(
    "/statistics/detectable",
    **doc("Say what a number of rows can show", returns=ref(Detectable), problems=(400,)),
)
async def detectable_difference(
    call: Reads,
    n: Annotated[int, Query(ge=1, le=10**9, description="Rows that both sides will answer.")],
    p: Annotated[float | None, Query(ge=0, le=1, description="Expected accuracy of 0/1 scores.")] = None,
    deviation: Annotated[float | None, Query(ge=0, le=1e9, description="Or: one side's standard deviation.")] = None,
    correlation: Annotated[float | None, Query(ge=-1, le=1, description="Of both sides' scores; 0 by default.")] = None,
    discordance: Annotated[float | None, Query(ge=0, le=1, description="Or: share of rows that will differ.")] = None,
    difference: Annotated[float | None, Query(ge=-1e9, le=1e9, description="To be shown: how many rows?")] = None,
    power: Annotated[float, Query(ge=0.01, le=0.999)] = 0.8,
    alpha: Annotated[float, Query(ge=1e-9, le=0.5)] = 0.05,
) -> Response:
    """Before a run. With nothing but `n`, two 0/1 sides that agree as little as chance at an accuracy of one half."""
    known = p if p is not None or deviation is not None or discordance is not None else 0.5
    try:
        spread = difference_deviation(
            p=known, standard_deviation=deviation, correlation=correlation, discordance=discordance
        )
    except ValueError as error:
        raise _invalid("p", str(error)) from error
    found = await asyncio.to_thread(minimum_detectable, n, spread, power=power, alpha=alpha)
    needed = rows_needed(difference, spread, power=power, alpha=alpha) if difference else None
    return answer(Detectable(n, spread, found, power, alpha, difference, needed))


def svg(picture: str) -> Response:
    """A picture that may load nothing and run nothing, wherever it is opened."""
    return Response(picture, headers={"Content-Security-Policy": _POLICY}, media_type=SVG)


def _ids(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal()) or len(cursor) > 12:
        raise _invalid("cursor", "this cursor was not made here; take nextCursor of the page before", "cursor_invalid")
    return int(cursor)


def _invalid(field: str, message: str, code: str = "comparison_invalid") -> Invalid:
    return Invalid(code, f"{field}: {message}", errors=(FieldError(field, message),))
