"""EleutherAI's lm-evaluation-harness, through its Python API, with its model for OpenAI-compatible servers."""

from __future__ import annotations

from benchmarks.peers.evaluator import PROGRAMS, Evaluator
from benchmarks.workspace import installed_version, python_with


def lm_eval() -> Evaluator:
    """Raises `Unavailable` when it cannot be installed."""
    python = python_with("lm-eval", ["lm-eval[api]"])
    return Evaluator(
        (python, PROGRAMS / "lm_eval_eval.py"),
        f"lm-eval {installed_version(python, 'lm-eval')}",
        environment={"HF_HUB_OFFLINE": "1"},
    )
