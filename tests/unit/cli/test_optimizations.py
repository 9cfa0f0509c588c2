"""`penstock optimizations` on a data folder of its own: from labels to a better judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from penstock.cli.optimization_output import diff, difference, kappa
from penstock.client.optimization_objects import Kappa, PairedDifference
from penstock.testing.model_server import ModelServer

GOAL = "Is the answer any good?"
BETTER = f"{GOAL} Only a refund is."
YES, NO = ({"reasoning": "so", "answer": answer} for answer in ("yes", "no"))
SCRIPT: list[dict[str, Any]] = [
    {"model": "judge", "regex": "(?s)Only a refund is.*A refund of", "json": YES},
    {"model": "judge", "contains": "Only a refund is", "json": NO},
    {"model": "judge", "json": YES},
    {"model": "reflect", "contains": "Wait until", "text": f"```\n{BETTER}\n```"},
    {"model": "reflect", "text": "\x1b[31mno idea"},
]
WORK = ("--budget", "100", "--reflection-model", "scripted/reflect")


@pytest.fixture
def here(tmp_path: Path, penstock: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """A data folder with a judge `good` and forty labelled traces."""
    place = "--data", tmp_path / "data"
    said = [f"A refund of {n}." if n % 2 else f"Wait until {n}." for n in range(40)]
    with ModelServer.start(rules=SCRIPT) as server:
        monkeypatch.setenv("PENSTOCK_SCRIPTED_URL", server.url)
        traces, labels = tmp_path / "traces.jsonl", tmp_path / "labels.jsonl"
        traces.write_text("\n".join(json.dumps({"input": "?", "output": text}) for text in said))
        ids = json.loads(penstock("traces", "import", traces, *place, "--json").stdout)["ids"]
        assert penstock("judges", "create", "good", "--goal", GOAL, "--model", "scripted/judge", *place).exit_code == 0
        lines = [{"trace": one, "judge": "good", "label": n % 2 == 1, "author": "a"} for n, one in enumerate(ids)]
        labels.write_text("\n".join(map(json.dumps, lines)))
        done = penstock("annotations", "import", labels, *place)
        assert done.exit_code == 0, done.output
        yield place


def test_a_judge_is_optimized_looked_at_and_applied(penstock: Any, here: Any, tmp_path: Path) -> None:
    group = "optimizations"
    assert "No optimizations yet" in penstock(group, "list", *here).stderr
    estimate = penstock(group, "estimate", "good", *WORK, *here)
    assert estimate.exit_code == 0, estimate.output
    assert "metric calls  100;" in estimate.stdout
    done = penstock(group, "run", "good", *WORK, *here)
    assert done.exit_code == 0, done.output
    assert "good (judge, version 1): completed" in done.stdout
    assert "the new instruction is better" in done.stdout
    (row,) = [line for line in done.stdout.splitlines() if "kappa" in line]
    assert "0.000" in row
    assert "1.000 [" in row
    assert f"  {GOAL}\n+ Only a refund is.\n" in done.stdout
    assert "of 100 metric calls" in done.stderr
    (found,) = json.loads(penstock(group, "list", *here, "--json").stdout)
    assert found["report"]["optimized"] == BETTER
    picture = tmp_path / "kappa.svg"
    assert penstock(group, "show", found["id"], "--plot", picture, *here).exit_code == 0
    assert "version 1, before and after" in picture.read_text()
    tried = penstock(group, "candidates", found["id"], *here).stdout
    assert "accepted" in tried
    assert "\x1b" not in tried
    assert penstock(group, "apply", found["id"], *here).stdout == "good is at version 2 with it\n"
    assert penstock(group, "apply", found["id"], *here).stdout == "good is already at version 2 with it\n"
    assert "Only a refund is." in penstock("judges", "show", "good", *here).stdout
    assert "applied as version 2" in penstock(group, "show", found["id"], *here).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "a judge, or a prompt"),
        (("good", "--prompt", "p", "--benchmark", "b"), "a judge, or a prompt"),
        (("--prompt", "p"), "against what"),
        (("good", "--budget", "huge"), "no number"),
        (("good", "--async"), "needs a server"),
    ],
)
def test_wrong_usage_says_what_to_give(penstock: Any, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = penstock("optimizations", "run", *words, "--data", tmp_path / "data")
    assert done.exit_code == 2
    assert said in done.output


def test_numbers_stand_with_their_intervals() -> None:
    assert kappa(Kappa(value=0.4123, low=0.1, high=0.7)) == "0.412 [0.100, 0.700]"
    assert kappa(Kappa(note="both gave one and the same answer throughout")).startswith("both gave")
    assert kappa(None) == "none"
    found = PairedDifference(difference=0.35, low=0.1, high=0.6, p_value=0.0078, n=20, text="better")
    assert difference(found) == "+0.350 [+0.100, +0.600], p = 0.0078, n = 20: better"


def test_a_diff_goes_by_sentences_and_is_harmless() -> None:
    lines = [
        click.unstyle(line) for line in diff("One. Two is\x1b[2J so.\nThree", "One. Two is not so.\nThree\n\nFour")
    ]
    assert lines == ["  One.", "- Two is[2J so.", "+ Two is not so.", "  Three", "+ ", "+ Four"]
