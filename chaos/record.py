"""Results that are kept: a file for each long run, and the table that docs/reliability.md has of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.conditions import conditions

from chaos.run import Result

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "chaos" / "results"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- results: made by python -m chaos --table -->\n", "<!-- end of results -->"


@dataclass
class Record:
    """A series of runs under the same conditions. It is written after each run, so that a series may be cut short."""

    conditions: dict[str, str] = field(default_factory=conditions)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    runs: list[dict[str, Any]] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Keep a run."""
        self.runs.append(asdict(result))
        FOLDER.mkdir(exist_ok=True)
        minutes = round((datetime.now(UTC) - self.began).total_seconds() / 60, 1)
        kept = {"minutes": minutes, "conditions": self.conditions, "runs": self.runs}
        path = FOLDER / f"{self.began:%Y%m%d-%H%M%S}.json"
        path.write_text(json.dumps(kept, indent=1) + "\n")


_COLUMNS = (
    ("kills", "kills"),
    ("of them in work", "hits"),
    ("executions", "executions"),
    ("items", "items"),
    ("steps", "steps"),
    ("calls", "calls"),
    ("repeated, in flight", "declared_repeats"),
)


def write_table() -> Path:
    """Put the table of all kept results into the page, between its marks. Raises ValueError where they are missing."""
    text = PAGE.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} has lost the marks that its table stands between")
    PAGE.write_text(f"{before}{begin}{_table()}{end}{after}", encoding="utf-8")
    return PAGE


def _table() -> str:
    head = ["when, what", "runs", "minutes", *(title for title, _ in _COLUMNS), "slowest resume", "broken promises"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for path in sorted(FOLDER.glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        runs, where = kept["runs"], kept["conditions"]
        seeds = f"seeds {runs[0]['seed']} to {runs[-1]['seed']}"
        what = f"{where['date']}, {where['commit']}, {where['cpu']} × {where['cores']}, {seeds}"
        sums = [f"{sum(run[key] for run in runs):,}" for _, key in _COLUMNS]
        slowest = f"{max(run['slowest_resume_s'] for run in runs):.2f} s"
        broken = sum(len(found) for run in runs for found in run["findings"].values())
        lines.append([what, str(len(runs)), f"{kept['minutes']:g}", *sums, slowest, str(broken)])
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"
