"""Whoever evaluates the same rows with the same model server, as a program that measures one turn of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.workspace import Unavailable

PROGRAMS = Path(__file__).parent / "programs"
_TURN_SECONDS = 1_200


@dataclass(frozen=True)
class Turn:
    """One evaluation of all rows: wall seconds, CPU milliseconds, the highest RSS in MB, and how many were right."""

    seconds: float
    cpu_ms: float
    peak_rss_mb: float
    right: int


@dataclass(frozen=True)
class Evaluator:
    """A program of `programs/` under its own interpreter; `about` is its name and version."""

    command: tuple[str | Path, ...]
    about: str
    arguments: tuple[str | Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def turn(self, folder: Path, base_url: str, concurrency: int) -> Turn:
        """Evaluate `rows.jsonl` of `folder` (and before it `few.jsonl`). Raises `Unavailable` when it fails."""
        # Whatever it keeps at home is kept in the folder, and gone with it.
        own = {**os.environ, "HOME": str(folder), "OPENAI_API_KEY": "unused", **self.environment}
        command = [*self.command, base_url, str(concurrency), *self.arguments]
        try:
            done = subprocess.run(
                command, cwd=folder, env=own, capture_output=True, text=True, timeout=_TURN_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"it was not done after {error.timeout:.0f} s") from error
        if done.returncode:
            raise Unavailable(f"it failed: {done.stderr.strip()[-500:]}")
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return Turn(**measured)
