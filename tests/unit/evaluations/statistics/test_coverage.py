"""A short run of `python -m benchmarks interval_coverage`: a few cells of each interval."""

from __future__ import annotations

import pytest
from benchmarks.coverage_cells import Cell, cells
from benchmarks.interval_coverage import covered, promised

SLACK = 3.5
"""Percentage points: three standard errors of so short a run."""


def some() -> list[tuple[int, Cell]]:
    """Of each interval, about three cells that can be had in a moment."""
    by_interval: dict[str, list[tuple[int, Cell]]] = {}
    for number, cell in enumerate(cells()):
        rows = int(cell.rows.split()[0])
        if cell.promise == "holds" and rows <= 100 and cell.interval != "fisher_exact":
            by_interval.setdefault(cell.interval, []).append((number, cell))
    return [one for found in by_interval.values() for one in found[:: max(1, len(found) // 3)][:3]]


@pytest.mark.parametrize(
    ("number", "cell"), [pytest.param(*one, id=f"{one[1].interval}-{one[1].rows}-{one[1].data}") for one in some()]
)
def test_intervals_hold_what_they_promise(number: int, cell: Cell) -> None:
    found = covered(cell, number, quick=True)
    assert not promised([found], slack=0.05 if cell.exact else SLACK), f"{found.percent:.1f} %"
