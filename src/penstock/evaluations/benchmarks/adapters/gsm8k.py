"""GSM8K: grade school mathematics (Cobbe et al., arXiv 2110.14168)."""

from __future__ import annotations

import re

from penstock.evaluations.benchmarks.adapters.base import Adapter, Unfit, rest, text_at
from penstock.evaluations.benchmarks.model import Details
from penstock.types import JsonObject

_FINAL = re.compile(r"####\s*(-?[0-9][0-9,]*(?:\.[0-9]+)?)\s*$")


def _row(row: JsonObject, stem: str) -> JsonObject:
    solution = text_at(row, "answer")
    final = _FINAL.search(solution)
    if final is None:
        raise Unfit("its answer does not end in `#### ` and a number")
    return {
        "id": row.get("id"),
        "input": text_at(row, "question"),
        "truth": final[1].replace(",", ""),
        "metadata": {**rest(row, "id", "question", "answer"), "solution": solution[: final.start()].rstrip()},
    }


ADAPTER = Adapter(
    name="gsm8k",
    layout='rows {"question": …, "answer": "… #### 18"}.',
    formats=frozenset({"jsonl", "json", "csv", "parquet"}),
    row_of=_row,
    details=Details(
        name="GSM8K",
        description="Grade school word problems; the truth is the number behind `####`. Cobbe et al., 2021.",
        scorers=({"type": "numeric"},),
        prompt="{{ input }}\n\nWork it out step by step. End with the number alone on a line that begins with `####`.",
        categories=("mathematics", "reasoning"),
        languages=("English",),
    ),
)
