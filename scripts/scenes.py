"""Three scenes for the documentation, played for real: a run killed and resumed, a cancel, a retry.

    python scripts/capture.py --title "kill -9" docs/images/killed.svg -- python scripts/scenes.py killed

Each starts a server and a scripted model server of its own, types commands as a user would, and shows what they print.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import API_KEY, PenstockProcess

FLOW = """
name: summaries
input: {review: {type: string, required: true}}
settings: {concurrency: 20}
nodes:
  topic: {type: prompt, model: stand-in, prompt: "The topic of: {{ review }}", inputs: {review: input.review}}
  summary:
    type: prompt
    model: stand-in
    prompt: "About {{ topic }}: {{ review }}"
    inputs: {topic: topic.out, review: input.review}
    retry: {maxAttempts: 1}
"""


class Stage:
    """A server, a model, and somebody at the keyboard."""

    def __init__(self, folder: Path, model: ModelServer, penstock: PenstockProcess) -> None:
        self.folder = folder
        self.model = model
        self.penstock = penstock
        self.environment = {**os.environ, "PENSTOCK_URL": penstock.url, "PENSTOCK_API_KEY": API_KEY}

    def say(self, text: str) -> None:
        """A remark of the narrator."""
        print(f"\x1b[2m# {text}\x1b[0m", flush=True)

    def shows(self, *words: str) -> None:
        """What is typed."""
        print(f"\x1b[1;32m$\x1b[0m {' '.join(words)}", flush=True)

    def types(self, *words: str, results_to: str | None = None) -> None:
        """Type a command, and let it print to the terminal; the results perhaps to a file."""
        self.shows("penstock", *words, *(("> " + results_to,) if results_to else ()))
        command = [Path(sys.executable).with_name("penstock"), *words]
        results = (self.folder / results_to).open("w") if results_to else None
        try:
            subprocess.run(command, env=self.environment, cwd=self.folder, stdout=results, check=False)  # noqa: S603
        finally:
            if results is not None:
                results.close()

    def begins(self, rows: int) -> str:
        """A run in the background; its id."""
        reviews = [{"review": f"review {n} of a lamp"} for n in range(rows)]
        (self.folder / "reviews.json").write_text(json.dumps(reviews))
        (self.folder / "summaries.yaml").write_text(FLOW)
        self.types("run", "summaries.yaml", "--input-file", "reviews.json", "--async")
        newest: dict[str, Any] = self.penstock.client.get("/executions?limit=1").json()["data"][0]
        return str(newest["executionId"])

    def waits_for_calls(self, wanted: int) -> None:
        """Until the model has been asked so often."""
        while self.model.stats()["calls"] < wanted:
            time.sleep(0.01)


def killed(stage: Stage) -> None:
    execution = stage.begins(400)
    stage.waits_for_calls(300)
    stage.types("executions", "show", execution)
    stage.shows("kill -9", "$(pgrep -f 'penstock up')")
    stage.penstock.kill()
    stage.shows("penstock up &")
    stage.penstock.start()
    stage.types("executions", "watch", execution, results_to="results.txt")
    calls = stage.model.stats()["calls"]
    stage.say(f"800 steps, {calls} calls of the model: {calls - 800} were in flight at the kill, and were made again.")


def cancelled(stage: Stage) -> None:
    stage.model.script([], delay_ms=400)
    execution = stage.begins(2000)
    stage.waits_for_calls(150)
    stage.types("executions", "cancel", execution)
    calls = stage.model.stats()["calls"]
    time.sleep(2)
    stage.say(f"The model was asked {calls} times until then, and {stage.model.stats()['calls'] - calls} times since.")


def retried(stage: Stage) -> None:
    stage.model.script([{"regex": r"About .*review \d?7 ", "status": 503, "error": "overloaded"}])
    execution = stage.begins(40)
    stage.types("executions", "watch", execution, results_to="results.txt")
    stage.model.script([])
    before = stage.model.stats()["calls"]
    stage.types("executions", "retry", execution, "--code", "model_error", results_to="results.txt")
    stage.say(f"{stage.model.stats()['calls'] - before} calls: the failed step of each failed item, and nothing else.")


SCENES: dict[str, Callable[[Stage], None]] = {"killed": killed, "cancelled": cancelled, "retried": retried}


def main() -> None:
    """Play the scene that is named on the command line."""
    with tempfile.TemporaryDirectory() as name, ModelServer.start(delay_ms=50) as model:
        folder = Path(name)
        with PenstockProcess(folder / "data") as penstock:
            pricing = {"inputPerMillionUsd": "2.5", "outputPerMillionUsd": "10"}
            saved = {"name": "stand-in", "provider": "openai", "baseUrl": f"{model.url}/v1", "modelName": "stand-in"}
            penstock.post("/models", {**saved, "apiKey": "k", "pricing": pricing}).raise_for_status()
            SCENES[sys.argv[1]](Stage(folder, model, penstock))


if __name__ == "__main__":
    main()
