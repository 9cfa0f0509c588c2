"""What a benchmark found: figures beside their targets, as text for people and JSON for the table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).resolve().parent / "results"
NAMES = (
    "sync_overhead",
    "flow_throughput",
    "eval_throughput",
    "memory",
    "eval_memory",
    "ingest",
    "trace_batch",
    "fan_out",
    "eta_calibration",
    "agreement_coverage",
    "optimization",
    "fairness",
    "list_scale",
    "trace_scale",
    "large_execution",
    "cancel",
    "cold_start",
    "interval_coverage",
    "interface",
)
PENSTOCK = "Penstock"


@dataclass(frozen=True)
class Target:
    """`value` is the most (`<=`) or the least (`>=`) that a figure of Penstock may be."""

    direction: Literal["<=", ">="]
    value: float

    def met(self, value: float) -> bool:
        return value <= self.value if self.direction == "<=" else value >= self.value


@dataclass(frozen=True)
class Figure:
    """One number of one system."""

    name: str
    value: float
    unit: str
    system: str = PENSTOCK
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.target.met(self.value)


def at_most(value: float) -> Target:
    return Target("<=", value)


def at_least(value: float) -> Target:
    return Target(">=", value)


@dataclass
class Report:
    """The figures of one benchmark, in the order they were found. `notes` say what they mean and what is missing."""

    name: str
    conditions: dict[str, str]
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, *, system: str = PENSTOCK, target: Target | None = None) -> None:
        self.figures.append(Figure(name, value, unit, system, target))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def value(self, name: str, system: str = PENSTOCK) -> float:
        return next(figure.value for figure in self.figures if (figure.name, figure.system) == (name, system))

    def heading(self) -> str:
        lines = [f"{self.name}", *(f"  {name}: {value}" for name, value in self.conditions.items())]
        return "\n".join(lines)

    def text(self) -> str:
        rows = [_row(figure) for figure in self.figures]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join(["", *lines, *(f"- {note}" for note in self.notes)])

    def save(self) -> Path:
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        path.write_text(json.dumps(_as_json(self), indent=2) + "\n")
        return path

    @classmethod
    def load(cls, path: Path) -> Report:
        kept: dict[str, Any] = json.loads(path.read_text())
        figures = [_figure(entry) for entry in kept["figures"]]
        return cls(kept["benchmark"], kept["conditions"], figures, kept["notes"])


def shown(value: float) -> str:
    """Three digits that count, with separators in large numbers."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def amount(value: float, unit: str) -> str:
    """A value with its unit, where it has one."""
    return f"{shown(value)} {unit}".rstrip()


def _row(figure: Figure) -> tuple[str, str, str, str]:
    verdict = ""
    if figure.target is not None:
        verdict = f"target {figure.target.direction} {shown(figure.target.value)}: {'met' if figure.met else 'MISSED'}"
    return figure.name, figure.system, amount(figure.value, figure.unit), verdict


def _as_json(report: Report) -> dict[str, Any]:
    figures = [{**asdict(figure), "met": figure.met} for figure in report.figures]
    return {
        "benchmark": report.name,
        "conditions": report.conditions,
        "figures": figures,
        "notes": report.notes,
    }


def _figure(entry: dict[str, Any]) -> Figure:
    target = entry["target"]
    return Figure(
        entry["name"], entry["value"], entry["unit"], entry["system"], None if target is None else Target(**target)
    )
