"""Inspect AI, through its Python API."""

from __future__ import annotations

from benchmarks.peers.evaluator import PROGRAMS, Evaluator
from benchmarks.workspace import installed_version, python_with


def inspect_ai() -> Evaluator:
    """Raises `Unavailable` when it cannot be installed."""
    python = python_with("inspect-ai", ["inspect-ai", "openai"])
    return Evaluator(
        (python, PROGRAMS / "inspect_ai_eval.py"),
        f"Inspect AI {installed_version(python, 'inspect-ai')}",
        environment={"SCRIPTED_API_KEY": "unused"},
    )
