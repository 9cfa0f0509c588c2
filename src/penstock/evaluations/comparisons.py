"""Comparisons of stored evaluations: differences with their certainty, and the rows behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from penstock.errors import FieldError, Invalid
from penstock.evaluations import results
from penstock.evaluations.comparability import check_comparable
from penstock.evaluations.comparison import OUTCOMES, Comparison, RowOutcome, Side, compare, judged_together
from penstock.evaluations.model import Evaluation
from penstock.evaluations.pairs import RowScores
from penstock.evaluations.results import ResultRow, RowFilter
from penstock.evaluations.scores import Scores, read_scores
from penstock.evaluations.service import EvaluationService
from penstock.evaluations.statistics.estimates import Estimate, estimate
from penstock.storage.store import Store
from penstock.types import Tenant

MAX_SIDES = 20
MAX_PAIRS = 100
EPOCHS_SHOWN = 5
LOOKED_AT_ONCE = 100
MOST_LOOKED_AT = 2_000
MOST_AT_ONCE = 500
"""Items are looked up by so many paths at once."""
_MOST_KEPT = 16


@dataclass(frozen=True, slots=True)
class Pair:
    """Two evaluations, one of them to be held against the other."""

    reference: str
    comparison: str


@dataclass(frozen=True, slots=True)
class Held:
    """An evaluation held against another by a scorer."""

    reference: Evaluation
    comparison: Evaluation
    scorer: str
    found: Comparison


@dataclass(frozen=True, slots=True)
class Many:
    """Several evaluations by one scorer: each one's own mean, and all but the first held against the first, judged
    together."""

    scorer: str
    level: float
    sides: tuple[tuple[Evaluation, Estimate], ...]
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class RowWanted:
    """Which rows of a comparison. `text` is looked for in input, truth and both answers."""

    outcome: RowOutcome | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class PageWanted:
    """So many rows from a place among those that both sides have."""

    begin: int
    limit: int


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One row as both sides answered it, each epoch of the first few. `outcome` is of the epochs as one score."""

    number: int
    outcome: RowOutcome
    reference: tuple[ResultRow, ...]
    comparison: tuple[ResultRow, ...]


class Comparisons:
    """Compares evaluations of one project. Methods raise `NotFound` for an unknown evaluation, `Conflict` for two that
    did not measure the same or are not over (see `check_comparable`), `Invalid` for a wrong number of them."""

    def __init__(self, store: Store, evaluations: EvaluationService) -> None:
        self._store = store
        self._evaluations = evaluations
        self._kept: dict[Hashable, Many] = {}

    async def compare(self, tenant: Tenant, ids: Sequence[str], scorer: str | None = None, level: float = 0.95) -> Many:
        """The first of some evaluations with each of the others. `scorer` is the first one's first unless named."""
        _check_number(ids)
        found = [await self._evaluations.get(tenant, one) for one in ids]
        chosen = _scorer(found[0], scorer)
        for other in found[1:]:
            check_comparable(found[0], other, chosen)
        # Of evaluations that are over: what is kept stays true until one of them is run again.
        key = tenant.project_id, tuple((one.id, one.generation) for one in found), chosen, level
        if key not in self._kept:
            made = await self._compared(found, chosen, level)
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = made
        return self._kept[key]

    async def rows(
        self, tenant: Tenant, pair: Pair, scorer: str | None, wanted: RowWanted, page: PageWanted
    ) -> tuple[Many, list[ComparedRow], int | None]:
        """The comparison, some rows that both have a value of, and where the next page begins; None at the end.

        A page behind a text may be short, or empty, and still have one after it.
        """
        many = await self.compare(tenant, (pair.reference, pair.comparison), scorer)
        (held,) = many.held
        places = _places(held.found, wanted.outcome, page.begin)
        rows: list[ComparedRow] = []
        looked_at = 0
        while looked_at < MOST_LOOKED_AT:
            at_once = page.limit - len(rows) + 1 if wanted.text is None else LOOKED_AT_ONCE
            some = list(islice(places, at_once))
            if not some:
                return many, rows, None
            looked_at += len(some)
            for row, place in zip(await self._read(held, some), some, strict=True):
                if len(rows) == page.limit:
                    return many, rows, place
                if wanted.text is None or _has_text(row, wanted.text):
                    rows.append(row)
        return many, rows, some[-1] + 1

    async def suite(
        self, tenant: Tenant, pairs: Sequence[Pair], scorer: str | None = None, level: float = 0.95
    ) -> list[Held]:
        """Several pairs judged together, of one benchmark or of many: the more there are, the more one would differ by
        chance (Holm). `scorer` is each reference's first unless named."""
        if not 1 <= len(pairs) <= MAX_PAIRS:
            raise _invalid("pairs", f"{len(pairs)} pairs were given; give 1 to {MAX_PAIRS}")
        held: list[Held] = []
        for pair in pairs:
            held += (await self.compare(tenant, (pair.reference, pair.comparison), scorer, level)).held
        return _together(held)

    async def _compared(self, found: Sequence[Evaluation], scorer: str, level: float) -> Many:
        """One side's scores are in memory beside the reference's at a time."""
        reference = await self._side(found[0], scorer)
        sides = [(found[0], await asyncio.to_thread(_estimate, reference, level))]
        held: list[Held] = []
        for other in found[1:]:
            side = await self._side(other, scorer)
            sides.append((other, await asyncio.to_thread(_estimate, side, level)))
            held.append(Held(found[0], other, scorer, await asyncio.to_thread(compare, reference, side, level)))
        return Many(scorer, level, tuple(sides), tuple(_together(held)))

    async def _side(self, evaluation: Evaluation, scorer: str) -> Side:
        scores = await read_scores(self._store, evaluation)
        return await asyncio.to_thread(_side_of, evaluation, scores, scorer)

    async def _read(self, held: Held, places: Sequence[int]) -> list[ComparedRow]:
        shown = min(held.reference.shape.epochs, EPOCHS_SHOWN)
        numbers = [held.found.row_numbers[place] for place in places]
        both = [await self._answers(evaluation, numbers, shown) for evaluation in (held.reference, held.comparison)]
        codes = held.found.row_outcomes
        return [
            ComparedRow(number, OUTCOMES[codes[place]], *(tuple(side[at * shown : (at + 1) * shown]) for side in both))
            for at, (number, place) in enumerate(zip(numbers, places, strict=True))
        ]

    async def _answers(self, evaluation: Evaluation, numbers: Sequence[int], shown: int) -> list[ResultRow]:
        epochs = evaluation.shape.epochs
        asked = [number * epochs + epoch for number in numbers for epoch in range(shown)]
        found: list[ResultRow] = []
        for begin in range(0, len(asked), MOST_AT_ONCE):
            found += await results.with_numbers(self._store, evaluation, asked[begin : begin + MOST_AT_ONCE])
        return found


def _side_of(evaluation: Evaluation, scores: Scores, scorer: str) -> Side:
    return Side(
        RowScores.of(evaluation, scores, scorer),
        dict(zip(scores.ids, scores.numbers, strict=True)),
        dict(zip(scores.ids, scores.subsets, strict=True)),
    )


def _estimate(side: Side, level: float) -> Estimate:
    scores = side.scores
    clusters = [scores.clusters[row] for row in scores.values]
    clustered = any(cluster is not None for cluster in clusters)
    return estimate([*scores.values.values()], clusters=clusters if clustered else None, level=level)


def _together(held: Sequence[Held]) -> list[Held]:
    judged = judged_together({place: one.found.whole for place, one in enumerate(held)})
    return [replace(one, found=replace(one.found, whole=judged[place])) for place, one in enumerate(held)]


def _places(found: Comparison, outcome: RowOutcome | None, begin: int) -> Iterator[int]:
    """From `begin` on, the places of rows with an outcome."""
    codes = found.row_outcomes
    if outcome is None:
        yield from range(begin, len(codes))
        return
    code = OUTCOMES.index(outcome)
    place = codes.find(code, begin)
    while place >= 0:
        yield place
        place = codes.find(code, place + 1)


def _has_text(row: ComparedRow, text: str) -> bool:
    return any(RowFilter(text=text).takes(one, "") for one in (*row.reference, *row.comparison))


def _scorer(evaluation: Evaluation, named: str | None) -> str:
    if named is None:
        return evaluation.scorers[0]
    if named not in evaluation.scorers:
        raise _invalid("scorer", f"{named!r} is none of the evaluation's scorers: {', '.join(evaluation.scorers)}")
    return named


def _check_number(ids: Sequence[str]) -> None:
    if not 2 <= len(ids) <= MAX_SIDES:
        raise _invalid("evaluations", f"{len(ids)} evaluations were given; give 2 to {MAX_SIDES}")
    if len(set(ids)) < len(ids):
        raise _invalid("evaluations", "an evaluation is given twice; leave one of them out")


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("comparison_invalid", f"{field}: {message}", errors=(FieldError(field, message),))
