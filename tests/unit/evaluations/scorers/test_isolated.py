"""Scorers of packages: installed by their path, and unable to break anything but their own score."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.evaluations.scorers import isolated
from penstock.evaluations.scorers.base import REGISTRY, Outcome, Sample, Scored, ScoreError
from penstock.evaluations.scorers.library import build, run_scorer
from penstock.evaluations.scorers.specs import snapshot

PACKAGE = Path(__file__).resolve().parents[4] / "examples" / "scorer_package"
ODD = """
import os, time
from typing import Literal
from penstock.evaluations.scorers.base import ScorerSettings, Unscorable, scorer
from penstock.evaluations.scorers.isolated import FunctionScorer

class OddSettings(ScorerSettings):
    type: Literal["odd_function"] = "odd_function"
    does: str = ""

@scorer
class OddFunction(FunctionScorer[OddSettings]):
    kind, title, settings_type = "odd_function", "Odd", OddSettings
    grade_seconds = 2.0

    def grade(self, sample):
        return eval(self.settings.does)
"""
NOBODY: Any = None


@pytest.fixture(scope="module", autouse=True)
def _odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("package")
    (folder / "penstock_odd_function.py").write_text(ODD)
    sys.path.insert(0, str(folder))
    __import__("penstock_odd_function")
    yield
    sys.path.remove(str(folder))
    del REGISTRY["odd_function"], sys.modules["penstock_odd_function"]
    isolated.workers().close()


async def grade(does: str) -> Outcome:
    [made] = build([snapshot({"type": "odd_function", "does": does}, "")])
    return await run_scorer(made, Sample("1", {"q": [1]}, "Thank you", None, {"n": 3}), NOBODY)


@pytest.mark.parametrize(
    ("does", "value"),
    [
        ("True", 1.0),
        ("0.5", 0.5),
        ("sample.metadata['n'] / 6", 0.5),
        ("len(sample.text)", 9.0),
        ("print('x') or 1", 1.0),
    ],
)
async def test_a_function_of_the_sample_is_a_scorer(does: str, value: float) -> None:
    assert await grade(does) == Scored(value)


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("sample.metadata['subset']", "KeyError: 'subset'"),
        ("float('nan')", "returned nan"),
        ("'good'", "returned 'good'"),
        ("exit()", "died over it"),
        ("os._exit(0)", "died over it"),
        ("os.kill(os.getpid(), 9)", "died over it"),
        ("time.sleep(60)", "took longer than"),
    ],
)
async def test_one_that_breaks_costs_its_score_alone(monkeypatch: pytest.MonkeyPatch, does: str, says: str) -> None:
    assert await grade("1") == Scored(1.0)
    monkeypatch.setattr(isolated, "_START_SECONDS", 0.0)
    outcome = await grade(does)
    assert isinstance(outcome, ScoreError), outcome
    assert says in outcome.reason
    monkeypatch.undo()
    assert await grade("1") == Scored(1.0)


async def test_a_function_is_given_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert await grade("'OPENAI_API_KEY' in os.environ") == Scored(0.0)


PROGRAM = """
import asyncio, json, logging
from penstock.evaluations.scorers import registry
from penstock.evaluations.scorers.base import Sample
from penstock.evaluations.scorers.library import build, run_scorer
from penstock.evaluations.scorers.specs import snapshot

async def main():
    [made] = build([snapshot({"type": "polite", "words": ["merci"]}, "")])
    outcomes = [await run_scorer(made, Sample("1", "q", text), None) for text in ("Merci !", "No.", "")]
    print(json.dumps([repr(outcome) for outcome in outcomes]), "exact" in registry())

asyncio.run(main())
"""


def test_the_example_works_when_it_is_installed_beside_one_that_is_broken(tmp_path: Path) -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    groups = {**project["entry-points"]["penstock.scorers"], "broken": "no_such_module"}
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = "".join(f"{name} = {target}\n" for name, target in groups.items())
    (info / "entry_points.txt").write_text(f"[penstock.scorers]\n{lines}")
    path = os.pathsep.join([str(tmp_path), str(PACKAGE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outcomes, _, others = done.stdout.strip().rpartition(" ")
    assert json.loads(outcomes) == [
        "Scored(value=1.0, answer='merci', explanation=None)",
        "Scored(value=0.0, answer=None, explanation=None)",
        "Unscorable(reason='There is no answer.')",
    ]
    assert others == "True"
    assert "no_such_module" in done.stderr
