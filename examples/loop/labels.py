"""What people said of the agent's answers, for the traces that it has just made.

    python examples/loop/agent.py examples/loop/cases.jsonl > traces.jsonl
    python examples/loop/labels.py traces.jsonl > labels.jsonl

A team labels the traces themselves; here people have labelled the answers once and for all, by case.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LABELS = Path(__file__).resolve().parent / "labels.jsonl"


def labels_of(traces: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The lines of a file that `penstock annotations import` takes; `traces` are ids by case."""
    for line in LABELS.read_text(encoding="utf-8").splitlines():
        label = json.loads(line)
        case = label.pop("case")
        if case in traces:
            yield {"trace": traces[case], **label}


def main() -> None:
    """Write the labels for the traces that a file names."""
    lines = map(json.loads, Path(sys.argv[1]).read_text(encoding="utf-8").splitlines())
    for label in labels_of({line["case"]: line["trace"] for line in lines}):
        print(json.dumps(label))


if __name__ == "__main__":
    main()
