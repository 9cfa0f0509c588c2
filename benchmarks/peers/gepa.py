"""GEPA by itself, resumed from its own folder when it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks import planted
from benchmarks.peers.evaluator import PROGRAMS
from benchmarks.planted import Case
from benchmarks.workspace import Unavailable

ABOUT = f"GEPA {version('gepa')}"
_SECONDS = 300


@dataclass(frozen=True)
class Outcome:
    """The instruction that it found, the metric calls that it says it made, and how often it was killed."""

    instruction: str
    counted: int
    kills: int


def optimize(
    folder: Path, url: str, parts: tuple[Sequence[Case], Sequence[Case]], budget: int, *, seed: int, kill: bool
) -> Outcome:
    """Optimize against cases for training and for validation. Raises `Unavailable` when it fails."""
    folder.mkdir()
    train, validation = ([_example(case) for case in part] for part in parts)
    task = {
        "url": url,
        "judge": planted.JUDGE_MODEL,
        "reflection": planted.REFLECTION_MODEL,
        "seed": planted.SEED,
        "train": train,
        "validation": validation,
        "budget": budget,
        "random": seed,
        "kill": kill,
    }
    path = folder / "task.json"
    path.write_text(json.dumps(task))
    kills = 0
    while True:
        command: list[str | Path] = [sys.executable, PROGRAMS / "gepa_plain.py", path]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode != -signal.SIGKILL:
            break
        kills += 1
    if done.returncode:
        raise Unavailable(f"it failed: {done.stderr.strip()[-500:]}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Outcome(said["instruction"], said["metricCalls"], kills)


def _example(case: Case) -> dict[str, str]:
    return {"text": f"{case.asked}\n{case.said}", "label": "yes" if case.passed else "no", "why": case.why}
