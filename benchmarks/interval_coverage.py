"""How often the intervals that are shown hold the true value: at a nominal 95 %, 94 to 96 % is what is wanted.

Data sets are drawn whose true mean is known, and each is given to `estimate`, `paired` or `unpaired` as it is, so what
is measured is the method together with its choice. Where all data sets can be counted (0/1 scores without clusters)
the coverage is exact. `python -m benchmarks interval_coverage` also writes the tables of docs/statistics.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.coverage_cells import Cell, Promise, cells
from benchmarks.report import Report, at_least, at_most
from benchmarks.workspace import ROOT

PAGE = ROOT / "docs" / "statistics.md"
BEGIN, END = "<!-- made by `python -m benchmarks interval_coverage` -->", "<!-- end of what is made -->"
SEED = 20_261_122
DRAWS: dict[Promise, int] = {"holds": 10_000, "wide": 2_500, "weak": 2_500}
QUICK_DRAWS = 400


@dataclass(frozen=True)
class Measured:
    """A cell's coverage, in percent."""

    cell: Cell
    percent: float


def measure(report: Report, *, quick: bool) -> None:
    """Every cell; the lowest and the highest coverage of each interval where it is said to hold."""
    found = [covered(cell, number, quick=quick) for number, cell in enumerate(cells())]
    for interval in dict.fromkeys(one.cell.interval for one in found):
        _add(report, interval, [one for one in found if one.cell.interval == interval])
    report.note(
        "a simulated figure has a standard error of 0.2 where the interval is said to hold, of 0.4 elsewhere; that of "
        "0/1 scores without clusters is exact, and a mean over a band of p (or of the share of wins)"
    )
    report.note(
        "wide: few or uneven clusters, few discordant rows, rare failures; weak: few rows that lean to one side, "
        "differences in few clusters"
    )
    if not quick:
        write_page(found)


def covered(cell: Cell, number: int, *, quick: bool) -> Measured:
    """One cell, from a seed of its own."""
    if cell.exact is not None:
        return Measured(cell, 100 * cell.exact())
    rng = np.random.default_rng([SEED, number])
    draws = QUICK_DRAWS if quick else DRAWS[cell.promise]
    if cell.draw is None:
        raise ValueError(f"nothing is drawn for {cell.interval}, {cell.rows}, {cell.data}")
    return Measured(cell, 100 * sum(cell.draw(rng) for _ in range(draws)) / draws)


def write_page(found: Sequence[Measured]) -> None:
    """Put the tables between their marks in the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{_tables(found)}\n{END}{after}")


def _add(report: Report, interval: str, found: Sequence[Measured]) -> None:
    by_promise = {promise: [one.percent for one in found if one.cell.promise == promise] for promise in DRAWS}
    held = by_promise["holds"]
    report.add(f"{interval}: lowest", min(held), "%", target=at_least(94))
    report.add(f"{interval}: highest", max(held), "%", target=at_most(96))
    if by_promise["wide"]:
        report.add(f"{interval}, wide: lowest", min(by_promise["wide"]), "%", target=at_least(94))
    if by_promise["weak"]:
        report.add(f"{interval}, weak: lowest", min(by_promise["weak"]), "%")


def _tables(found: Sequence[Measured]) -> str:
    intervals = dict.fromkeys(one.cell.interval for one in found)
    return "\n".join(
        _table(interval, [one for one in found if one.cell.interval == interval]) for interval in intervals
    )


def _table(interval: str, found: Sequence[Measured]) -> str:
    """Data down, numbers of rows across; what is not said to hold stands in brackets or with a mark."""
    across = list(dict.fromkeys(one.cell.rows for one in found))
    lines = [f"| `{interval.replace(', ', '`, `')}` | {' | '.join(across)} |", f"| --- |{' ---: |' * len(across)}"]
    for data in dict.fromkeys(one.cell.data for one in found):
        by_rows = {one.cell.rows: one for one in found if one.cell.data == data}
        lines.append(f"| {data} | {' | '.join(_cell(by_rows.get(rows)) for rows in across)} |")
    return "".join(f"{line}\n" for line in lines)


def _cell(one: Measured | None) -> str:
    if one is None:
        return ""
    shown = f"{one.percent:.1f}"
    return {"holds": f"**{shown}**", "wide": shown, "weak": f"_{shown}_"}[one.cell.promise]


def promised(found: Iterable[Measured], *, slack: float) -> list[Measured]:
    """Those that break what the documentation says of them by more than `slack` percentage points."""
    return [
        one
        for one in found
        if (one.cell.promise != "weak" and one.percent < 94 - slack)
        or (one.cell.promise == "holds" and one.percent > 96 + slack)
    ]
