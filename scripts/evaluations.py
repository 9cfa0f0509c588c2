"""The evaluations of the local model that docs/evaluations.md shows: two prompts each, on two built-in benchmarks.

    python scripts/evaluations.py [ROWS]

It runs `penstock` as a user would, in a folder of its own, draws the plots into docs/images with it, and writes what it
printed between the marks of the page.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "evaluations.md"
IMAGES = ROOT / "docs" / "images"
EXPERIMENTS = {"lamps": "boolean_logic", "instructions": "instructions"}
ROWS = 100
BEGIN = "<!-- made by `python scripts/evaluations.py` -->"
END = "<!-- end -->"


def penstock(*words: str, data: str) -> str:
    """What the command prints; an error of it is ours."""
    command = [str(Path(sys.executable).with_name("penstock")), *words]
    environment = {**os.environ, "PENSTOCK_DATA": data, "COLUMNS": "100"}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603


def shown(name: str, benchmark: str, rows: int, data: str) -> str:
    """Run one experiment, draw it, and describe it in Markdown."""
    words = f"experiments run {name} examples/evaluations/{name}.json --benchmark {benchmark} --first {rows}"
    found: dict[str, Any] = json.loads(penstock(*words.split(), "--json", data=data))
    evaluations = [variant["evaluationId"] for variant in found["variants"]]
    table = penstock("experiments", "show", found["id"], data=data)
    pictures = []
    for what, alt in (("accuracy", "Means with 95 % intervals"), ("difference", "The paired difference")):
        picture = IMAGES / f"evaluation-{name}-{what}.svg"
        penstock("eval", "plot", *evaluations, "--show", what, "-o", str(picture), data=data)
        pictures.append(f"![{alt} of two prompts on {benchmark}](images/{picture.name})")
    return f"```console\n$ penstock {words}\n{table.rstrip()}\n```\n\n" + "\n\n".join(pictures)


def main() -> None:
    """Both experiments, one after the other."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as data:
        parts = [shown(name, benchmark, rows, data) for name, benchmark in EXPERIMENTS.items()]
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + "\n\n" + "\n\n".join(parts) + "\n\n" + END + after)


if __name__ == "__main__":
    main()
