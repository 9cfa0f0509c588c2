"""An Inspect AI task: a JSON Lines data set, `generate`, the scorer `exact`, its generic OpenAI-compatible provider."""

from __future__ import annotations

from pathlib import Path

import turn
from inspect_ai import Task
from inspect_ai import eval as run
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import CORRECT, exact
from inspect_ai.solver import generate


def evaluate(rows: Path, base_url: str, concurrency: int) -> int:
    task = Task(
        dataset=json_dataset(str(rows), FieldSpec(input="input", target="truth", id="id")),
        solver=generate(),
        scorer=exact(),
    )
    (log,) = run(
        task,
        model=f"openai-api/scripted/{turn.MODEL}",
        model_base_url=base_url,
        max_connections=concurrency,
        max_samples=concurrency,
        display="none",
        log_dir="logs",
    )
    if log.status != "success":
        raise RuntimeError(f"the evaluation ended as {log.status}: {log.error}")
    return sum(sample.scores["exact"].value == CORRECT for sample in log.samples or [] if sample.scores)


if __name__ == "__main__":
    turn.main(evaluate)
