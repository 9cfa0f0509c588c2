"""`/results/comparison`: two evaluations row by row. The first is the reference."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
from starlette.responses import Response

from penstock.errors import FieldError, Invalid
from penstock.evaluations.comparison import OUTCOMES, Comparison, RowOutcome
from penstock.evaluations.comparisons import ComparedRow, PageWanted, Pair, RowWanted
from penstock.evaluations.results import ResultRow
from penstock.evaluations.scorers.base import as_text
from penstock.server.stratix.envelopes import bare
from penstock.server.stratix.face import Routes, StratixCall
from penstock.server.stratix.params import PageOf
from penstock.server.stratix.results import value_of

READ_AT_ONCE = 200

routes = Routes()


class ComparedResult(msgspec.Struct):
    """A row as both answered it. The ids are numbers: its place in the benchmark."""

    prompt: str
    truth: str
    result_id_1: int
    result_id_2: int
    result1: str | None
    result2: str | None
    score1: float | None
    score2: float | None


class ComparedResults(msgspec.Struct):
    """Some rows. `total_count` counts those that pass the filter, the other counts are of all rows that both have a
    score of."""

    results: list[ComparedResult]
    total_count: int
    correct_count_1: int
    total_results_1: int
    correct_count_2: int
    total_results_2: int


@routes.get("/results/comparison", "evaluations:read")
async def compare_results(call: StratixCall) -> Response:
    """Rows on which one of them fails, both do, or none; with a text in them, if one is looked for."""
    query = call.query
    pair = Pair(_named(call, "evaluation_id_1"), _named(call, "evaluation_id_2"))
    outcome = query.word("outcome_filter", ("all", *OUTCOMES), "all")
    wanted = RowWanted(next((one for one in OUTCOMES if one == outcome), None), query.text("search"))
    many = await call.engine.comparisons.compare(call.tenant, (pair.reference, pair.comparison))
    (held,) = many.held
    rows, total = await _page(call, pair, held.found, wanted, query.page())
    outcomes = held.found.whole.outcomes
    compared = len(held.found.row_outcomes)
    return bare(
        ComparedResults(
            results=[_shown(row, many.scorer) for row in rows],
            total_count=total,
            correct_count_1=outcomes.both_succeed + outcomes.comparison_fails,
            total_results_1=compared,
            correct_count_2=outcomes.both_succeed + outcomes.reference_fails,
            total_results_2=compared,
        )
    )


async def _page(
    call: StratixCall, pair: Pair, found: Comparison, wanted: RowWanted, page: PageOf
) -> tuple[Sequence[ComparedRow], int]:
    """The rows of a page, and how many there are. Only a search has to read them all to know."""
    if wanted.text is None:
        places = _places(found, wanted.outcome)
        if page.offset >= len(places):
            return [], len(places)
        begin = PageWanted(places[page.offset], page.size)
        _, rows, _ = await call.engine.comparisons.rows(call.tenant, pair, None, wanted, begin)
        return rows, len(places)
    chosen: list[ComparedRow] = []
    total = 0
    async for row in _every(call, pair, wanted):
        if page.offset <= total < page.offset + page.size:
            chosen.append(row)
        total += 1
    return chosen, total


async def _every(call: StratixCall, pair: Pair, wanted: RowWanted) -> AsyncIterator[ComparedRow]:
    begin: int | None = 0
    while begin is not None:
        asked = PageWanted(begin, READ_AT_ONCE)
        _, rows, begin = await call.engine.comparisons.rows(call.tenant, pair, None, wanted, asked)
        for row in rows:
            yield row


def _places(found: Comparison, outcome: RowOutcome | None) -> Sequence[int]:
    """The places of rows with an outcome among those that both have."""
    codes = found.row_outcomes
    if outcome is None:
        return range(len(codes))
    code = OUTCOMES.index(outcome)
    return [place for place, one in enumerate(codes) if one == code]


def _named(call: StratixCall, name: str) -> str:
    given = call.query.text(name)
    if given is None:
        raise Invalid("parameters_invalid", f"Name both evaluations: {name} is missing.", errors=(_missing(name),))
    return given


def _missing(name: str) -> FieldError:
    return FieldError(name, "is required")


def _shown(row: ComparedRow, scorer: str) -> ComparedResult:
    """Of several epochs the first."""
    first, second = row.reference[0], row.comparison[0]
    given = first.given or second.given
    return ComparedResult(
        prompt="" if given is None else as_text(given.row.input),
        truth="" if given is None else as_text(given.row.truth),
        result_id_1=row.number,
        result_id_2=row.number,
        result1=_answer(first),
        result2=_answer(second),
        score1=value_of(first, scorer),
        score2=value_of(second, scorer),
    )


def _answer(row: ResultRow) -> str | None:
    return None if row.answer is None else as_text(row.answer.output)
