"""DeepEval, through its Python API, with OpenAI's client for the answers."""

from __future__ import annotations

from benchmarks.peers.evaluator import PROGRAMS, Evaluator
from benchmarks.workspace import installed_version, python_with


def deepeval() -> Evaluator:
    """Raises `Unavailable` when it cannot be installed."""
    python = python_with("deepeval", ["deepeval", "openai"])
    return Evaluator(
        (python, PROGRAMS / "deepeval_eval.py"),
        f"DeepEval {installed_version(python, 'deepeval')}",
        environment={"DEEPEVAL_TELEMETRY_OPT_OUT": "YES"},
    )
