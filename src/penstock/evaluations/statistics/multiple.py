"""Many comparisons at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given: rejecting where one is at most α errs at all in at most α of all suites,
    whatever the comparisons have to do with each other (Holm, Scand. J. Stat. 6, 1979).

    Raises ValueError when one is not between 0 and 1.
    """
    for p in p_values:
        if not 0 <= p <= 1:
            raise ValueError(f"{p!r} is no p-value; it has to lie between 0 and 1")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = highest
    return adjusted
