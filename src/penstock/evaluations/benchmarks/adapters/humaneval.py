"""HumanEval: Python functions to be completed, with tests (Chen et al., arXiv 2107.03374)."""

from __future__ import annotations

from penstock.evaluations.benchmarks.adapters.base import Adapter, rest, text_at
from penstock.evaluations.benchmarks.model import Details
from penstock.types import JsonObject


def _row(row: JsonObject, stem: str) -> JsonObject:
    prompt = text_at(row, "prompt")
    return {
        "id": row.get("task_id", row.get("id")),
        "input": prompt,
        "truth": row.get("canonical_solution"),
        "metadata": {
            **rest(row, "task_id", "id", "canonical_solution"),
            "prompt": prompt,
            "test": text_at(row, "test"),
            "entry_point": text_at(row, "entry_point"),
        },
    }


ADAPTER = Adapter(
    name="humaneval",
    layout='rows {"task_id", "prompt", "canonical_solution", "test", "entry_point"}.',
    formats=frozenset({"json", "jsonl", "parquet"}),
    row_of=_row,
    needs_truth=False,
    details=Details(
        name="HumanEval",
        description="Python functions to be completed; they pass when their tests do. Chen et al., 2021.",
        scorers=({"type": "code_tests"},),
        prompt="Complete this Python function. Answer with the whole function in one code block.\n\n{{ input }}",
        categories=("code",),
        languages=("English", "Python"),
    ),
)
