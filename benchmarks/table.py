"""docs/benchmarks.md, made from the results: figures beside targets and beside whoever ran in the same run."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

from benchmarks.report import FOLDER, NAMES, PENSTOCK, Figure, Report, amount
from benchmarks.workspace import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"

_HEAD = """\
# Benchmarks

<!-- Made by `python -m benchmarks table` from benchmarks/results/*.json; do not edit. -->

Each section is one command, `make bench NAME=…`, which prints these figures, their targets and the conditions, and
writes `benchmarks/results/NAME.json`. Others are measured in the same run on the same machine, from their own packages
in environments of their own. Missed targets and lost comparisons stand here like the rest. Machines differ, so trust
ratios and CPU time more than absolute figures.
"""


def write_table() -> Path:
    """Write the page and return where it is. A benchmark without results is named as such."""
    sections = [_section(name) for name in NAMES]
    PAGE.write_text("\n".join([_HEAD, *sections]))
    return PAGE


def _section(name: str) -> str:
    title = f"## {name}\n\n{_about(name)}\n"
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return f"{title}\nNot measured yet.\n"
    report = Report.load(path)
    notes = "".join(f"- {note}\n" for note in report.notes)
    measured = "; ".join(f"{name} {value}" for name, value in report.conditions.items())
    return f"{title}\n{_table(report.figures)}\n{notes}\nConditions: {measured}.\n"


def _about(name: str) -> str:
    module = importlib.import_module(f"benchmarks.{name}")
    return inspect.cleandoc(module.__doc__ or "").replace("\n", " ").replace("  ", "\n\n")


def _table(figures: list[Figure]) -> str:
    others = list(dict.fromkeys(figure.system for figure in figures if figure.system != PENSTOCK))
    head = ["", "target", PENSTOCK, *others]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name in dict.fromkeys(figure.name for figure in figures):
        found = {figure.system: figure for figure in figures if figure.name == name}
        lines.append([name, _target(found.get(PENSTOCK)), *(_cell(found.get(system)) for system in head[2:])])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _target(figure: Figure | None) -> str:
    if figure is None or figure.target is None:
        return ""
    sign = "≤" if figure.target.direction == "<=" else "≥"
    return f"{sign} {amount(figure.target.value, figure.unit)}"


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    text = amount(figure.value, figure.unit)
    return f"**{text}** (missed)" if figure.met is False else text
