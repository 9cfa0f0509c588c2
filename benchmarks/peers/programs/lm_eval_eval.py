"""lm-evaluation-harness: a task over a JSON Lines file, `exact_match`, its `local-chat-completions` model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import turn
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager


def task(rows: Path) -> dict[str, Any]:
    return {
        "task": rows.stem,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows)}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{input}}",
        "doc_to_target": "{{truth}}",
        "generation_kwargs": {"until": ["</s>"], "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }


def evaluate(rows: Path, base_url: str, concurrency: int) -> int:
    found = simple_evaluate(
        model="local-chat-completions",
        model_args={
            "model": turn.MODEL,
            "base_url": f"{base_url}/chat/completions",
            "num_concurrent": concurrency,
            "tokenizer_backend": None,
        },
        tasks=[task(rows)],
        apply_chat_template=True,
        # Its own tasks, thousands of files, would be read each time.
        task_manager=TaskManager(include_defaults=False),
    )
    if found is None:
        raise RuntimeError("there are no results")
    samples = found["samples"][rows.stem]
    return round(sum(sample["exact_match"] for sample in samples))


if __name__ == "__main__":
    turn.main(evaluate)
