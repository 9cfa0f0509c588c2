"""What a difference means, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from penstock.evaluations.statistics.differences import Difference
from penstock.evaluations.statistics.power import rows_needed

Decision = Literal["better", "worse", "unclear"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the second side is. `more_rows` are about how many it would take to show the difference that was seen (with
    a chance of 80 %), if it is the true one; None where the matter is decided, or where no number can be given."""

    decision: Decision
    text: str
    more_rows: int | None = None


def verdict(found: Difference, *, p_value: float | None = None) -> Verdict:
    """Judge a difference by its p-value, or by the adjusted one where it is one of several."""
    p = found.p_value if p_value is None else p_value
    if found.difference is None or p is None:
        return Verdict("unclear", f"Cannot tell: {found.note or 'there is no test.'}")
    if p <= 1 - found.level:
        better = found.difference > 0
        return Verdict("better", "The second is better.") if better else Verdict("worse", "The second is worse.")
    more = _more_rows(found)
    if more is None and found.difference and not found.standard_error:
        return Verdict("unclear", "Cannot tell yet: these are too few rows.")
    if more is None:
        return Verdict("unclear", "Cannot tell yet; if there is a difference, it is too small for a number of rows.")
    return Verdict("unclear", f"Cannot tell yet; about {more:,} more rows could.", more)


def _more_rows(found: Difference) -> int | None:
    if not found.difference or not found.standard_error or found.n_pairs is None:
        return None
    deviation = found.standard_error * found.n_pairs**0.5
    needed = rows_needed(found.difference, deviation, alpha=1 - found.level)
    return None if needed is None else max(1, needed - found.n_pairs)
