"""One side of a comparison held against another, row by row: what differs, how surely, and on which rows."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

from penstock.evaluations.pairs import RowScores, paired_difference, shared_rows
from penstock.evaluations.statistics.differences import Difference
from penstock.evaluations.statistics.epochs import SUCCESS
from penstock.evaluations.statistics.multiple import holm
from penstock.evaluations.statistics.verdicts import Verdict, verdict

RowOutcome = Literal["both_succeed", "both_fail", "reference_fails", "comparison_fails"]
"""How two sides did on a row. A score above 0.5 is a success."""

K = TypeVar("K")
OUTCOMES: tuple[RowOutcome, ...] = get_args(RowOutcome)
MAX_SUBSETS = 200

_BOTH, _NEITHER, _REFERENCE_FAILS, _COMPARISON_FAILS = range(4)


@dataclass(frozen=True, slots=True)
class Side:
    """One evaluation's scores by one scorer, epochs made one. `numbers` are the rows' places in the benchmark's order,
    `subsets` theirs by row."""

    scores: RowScores
    numbers: Mapping[str, int]
    subsets: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many of the rows that both sides have a value of came out how."""

    both_succeed: int = 0
    both_fail: int = 0
    reference_fails: int = 0
    comparison_fails: int = 0


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Rows of which only one side has a value. The paired difference leaves them out; `effect` is how much the plain
    difference of the two sides' means differs from it. None where a side has no value at all."""

    reference_only: int
    comparison_only: int
    effect: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Comparison − reference, on the rows that both have. `adjusted_p` takes into account with how many others it was
    tested (Holm), and the verdict goes by it; alone, it is the p-value."""

    difference: Difference
    adjusted_p: float | None
    verdict: Verdict
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class Comparison:
    """A whole comparison of two sides. Subsets were tested together with each other.

    `row_numbers` are the rows that both have, in the benchmark's order, and `row_outcomes` theirs, as places in
    `OUTCOMES`.
    """

    whole: Compared
    unpaired: Unpaired
    subsets: Mapping[str, Compared]
    row_numbers: array[int]
    row_outcomes: bytes


def compare(reference: Side, comparison: Side, level: float = 0.95) -> Comparison:
    """Hold one side against the other. Takes a while for many rows: not for the event loop."""
    rows = shared_rows(reference.scores, comparison.scores)
    codes = bytes(_code(reference.scores.values[row], comparison.scores.values[row]) for row in rows)
    by_subset: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        subset = reference.subsets[row]
        if subset is not None:
            by_subset.setdefault(subset, []).append(place)
    largest = sorted(by_subset, key=lambda subset: (-len(by_subset[subset]), subset))[:MAX_SUBSETS]

    def of(places: Sequence[int]) -> Compared:
        chosen = [rows[place] for place in places]
        found = paired_difference(reference.scores, comparison.scores, rows=chosen, level=level)
        return _alone(found, bytes(codes[place] for place in places))

    whole = paired_difference(reference.scores, comparison.scores, rows=rows, level=level)
    return Comparison(
        _alone(whole, codes),
        _unpaired(reference.scores, comparison.scores, len(rows), whole),
        judged_together({subset: of(by_subset[subset]) for subset in sorted(largest)}),
        array("l", (reference.numbers[row] for row in rows)),
        codes,
    )


def judged_together(found: Mapping[K, Compared]) -> dict[K, Compared]:
    """The same comparisons, each judged as one of all: the more there are, the more one would differ by chance."""
    tested = {name: one.difference.p_value for name, one in found.items() if one.difference.p_value is not None}
    adjusted = dict(zip(tested, holm([*tested.values()]), strict=True))
    return {
        name: replace(one, adjusted_p=p, verdict=verdict(one.difference, p_value=p))
        for name, one in found.items()
        for p in (adjusted.get(name),)
    }


def _alone(found: Difference, codes: bytes) -> Compared:
    return Compared(found, found.p_value, verdict(found), Outcomes(*(codes.count(code) for code in range(4))))


def _code(reference: float, comparison: float) -> int:
    if reference > SUCCESS:
        return _BOTH if comparison > SUCCESS else _COMPARISON_FAILS
    return _REFERENCE_FAILS if comparison > SUCCESS else _NEITHER


def _unpaired(reference: RowScores, comparison: RowScores, shared: int, paired: Difference) -> Unpaired:
    first, second = reference.values, comparison.values
    effect = None
    if first and second and paired.difference is not None:
        effect = sum(second.values()) / len(second) - sum(first.values()) / len(first) - paired.difference
        # Without such rows it is 0, not what rounding leaves.
        effect = 0.0 if len(first) == len(second) == shared else effect
    return Unpaired(len(first) - shared, len(second) - shared, effect)
