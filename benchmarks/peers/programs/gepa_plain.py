"""GEPA by itself: its own `optimize` with its own limit of metric calls and its own folder to resume from.

Called with a JSON file that says what to do; prints what came of it as JSON. Where it is to be killed, it kills itself
in each iteration once, right after the model has reflected, and is started again by whoever called it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gepa
from gepa.core.adapter import EvaluationBatch

COMPONENT = "instruction"


class Judging:
    """Asks the judge's model about each example, one after the other."""

    propose_new_texts = None

    def __init__(self, task: Mapping[str, Any]) -> None:
        self._task = task

    def evaluate(
        self, batch: list[dict[str, Any]], candidate: dict[str, str], capture_traces: bool = False
    ) -> EvaluationBatch[Any, Any]:
        outputs = [self._judged(candidate[COMPONENT], example) for example in batch]
        scores = [float(said == example["label"]) for said, example in zip(outputs, batch, strict=True)]
        seen = [{"example": example, "said": said} for said, example in zip(outputs, batch, strict=True)]
        return EvaluationBatch(outputs, scores, seen if capture_traces else None)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: EvaluationBatch[Any, Any], components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        records = [
            {
                "Inputs": seen["example"]["text"],
                "Generated Outputs": seen["said"],
                "Feedback": f"People say {seen['example']['label']}: {seen['example']['why']}",
            }
            for seen in eval_batch.trajectories or []
        ]
        return dict.fromkeys(components_to_update, records)

    def _judged(self, instruction: str, example: Mapping[str, Any]) -> str:
        answer = ask(self._task, self._task["judge"], f"{instruction}\n\n{example['text']}")
        return str(json.loads(answer)["answer"])


def ask(task: Mapping[str, Any], model: str, text: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(f"{task['url']}/v1/chat/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(json.loads(response.read())["choices"][0]["message"]["content"])


class Killer:
    """Knows the iteration that is under way, and kills the process the first time that it comes by."""

    def __init__(self, notes: Path | None) -> None:
        self._notes = notes
        self._iteration = 0

    def on_iteration_start(self, event: Mapping[str, Any]) -> None:
        self._iteration = event["iteration"]

    def reflected(self) -> None:
        if self._notes is None:
            return
        known = self._notes.read_text().split() if self._notes.exists() else []
        if str(self._iteration) not in known:
            self._notes.write_text(" ".join([*known, str(self._iteration)]))
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    path = Path(sys.argv[1])
    task = json.loads(path.read_text())
    killer = Killer(path.with_name("killed.txt") if task["kill"] else None)

    def reflect(prompt: str) -> str:
        answer = ask(task, task["reflection"], prompt)
        killer.reflected()
        return answer

    result = gepa.optimize(
        {COMPONENT: task["seed"]},
        trainset=task["train"],
        valset=task["validation"],
        adapter=Judging(task),
        reflection_lm=reflect,
        max_metric_calls=task["budget"],
        run_dir=str(path.parent / "run"),
        seed=task["random"],
        callbacks=[killer],
        display_progress_bar=False,
    )
    best = result.best_candidate
    print(json.dumps({"instruction": best[COMPONENT], "metricCalls": result.total_metric_calls}))


if __name__ == "__main__":
    main()
