"""The program of the worker processes of packages' scorers: it runs `grade` on the samples it is given.

It is run as a file, in a process of its own: see `isolated`.
"""

from __future__ import annotations

import importlib
import json
import select
import sys
from functools import lru_cache, reduce
from typing import Any

IDLE_SECONDS = 300
"""After which a worker ends."""


def main() -> None:
    """Answer the tasks of standard input, a line of JSON each, until it ends or nothing comes for a while."""
    answers, sys.stdout = sys.stdout, sys.stderr  # A function may print.
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0] and (line := sys.stdin.readline()):
        task = json.loads(line)
        sys.path[:] = task["path"]
        json.dump(graded(task), answers)
        answers.write("\n")
        answers.flush()


def graded(task: dict[str, Any]) -> dict[str, Any]:
    """The outcome as JSON has it."""
    import msgspec

    from penstock.evaluations.scorers.base import Sample
    from penstock.evaluations.scorers.running import broke, checked

    try:
        scorer = _scorer(task["module"], task["class"], json.dumps(task["settings"]))
        outcome = checked(scorer.grade(Sample(**task["sample"])))
    except Exception as error:  # noqa: BLE001 - the function is anybody's; what it raises is its outcome
        outcome = broke(error)
    built: dict[str, Any] = msgspec.to_builtins(outcome)
    return built


@lru_cache(100)
def _scorer(module: str, name: str, settings: str) -> Any:
    made: Any = reduce(getattr, name.split("."), importlib.import_module(module))
    return made(made.settings_type.model_validate_json(settings))


if __name__ == "__main__":
    main()
