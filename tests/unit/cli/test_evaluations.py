"""`penstock eval`, `experiments` and `leaderboards` without a server: the real engine, in this process."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

ECHO = "scripted/echo"


@pytest.fixture
def here(penstock, tmp_path, monkeypatch):
    """Run a command on a data folder of this test."""
    for name in ("PENSTOCK_URL", "PENSTOCK_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: penstock(*words, "--data", tmp_path / "data")


@pytest.fixture
def rows(tmp_path):
    """Five rows; an echo is right about four."""
    file = tmp_path / "echoes.jsonl"
    lines = [{"id": str(n), "input": f"word {n}", "truth": f"word {n if n < 4 else 'x'}"} for n in range(5)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def run(here, rows, *words):
    return here("eval", "run", "--model", ECHO, "--benchmark", rows, "--scorer", "exact", *words)


def newest(here):
    return json.loads(here("eval", "list", "--json").stdout)[0]["id"]


def test_a_file_becomes_a_benchmark_and_is_evaluated(here, rows, tmp_path):
    done = run(here, rows, "-o", tmp_path / "rows.csv")
    assert done.exit_code == 0, done.stderr
    assert "scripted/echo on echoes (version 1)" in done.stdout
    assert re.search(r"exact\s+│ 0\.8000 │ 0\.\d{4} to 0\.\d{4} │ 5 of 5", done.stdout)
    assert "benchmark 'echoes': 5 rows of" in done.stderr
    assert (tmp_path / "rows.csv").read_text().count("\n") == 6
    again = json.loads(run(here, rows, "--first", "3", "--json").stdout)
    assert (again["benchmark"]["version"], again["rows"]) == (1, 3), "the same rows are the same version"
    listed = here("eval", "list")
    assert listed.stdout.count("echoes") == 2
    shown = here("eval", "rows", again["id"], "--search", "word 1")
    assert "word 1" in shown.stdout
    assert "word 2" not in shown.stdout


def test_demands_decide_the_exit_code_and_are_reported(here, rows, tmp_path):
    junit, markdown = tmp_path / "reports" / "junit.xml", tmp_path / "reports" / "report.md"
    files = ("--junit", junit, "--markdown", markdown)
    met = run(here, rows, "--fail-under", "accuracy=0.8", "--fail-over", "cost_usd=0.1", *files)
    assert met.exit_code == 0, met.stderr
    assert "met      accuracy >= 0.8: accuracy is 0.8000 (5 of 5 scored)." in met.stderr
    assert ET.parse(junit).getroot().get("failures") == "0"
    assert "| `4` | 0 | `word 4` | `word x` | `word 4` |" in markdown.read_text()
    unmet = run(here, rows, "--fail-under", "exact=0.81", *files, "--json")
    assert unmet.exit_code == 4
    gate = json.loads(unmet.stdout)["gate"]
    assert (gate["passed"], gate["checks"][0]["value"]) == (False, 0.8)
    assert ET.parse(junit).getroot().get("failures") == "1"
    later = here("eval", "gate", newest(here), "--fail-under", "exact=0.9")
    assert later.exit_code == 4, "demands can be made of an evaluation that is over"


def test_a_regression_is_measured_row_by_row_and_another_task_is_refused(here, rows):
    assert run(here, rows).exit_code == 0
    baseline = newest(here)
    same = run(here, rows, "--baseline", baseline, "--max-regression", "0.02")
    assert same.exit_code == 0, same.stderr
    assert "unclear  accuracy not worse than the baseline by more than 0.02" in same.stderr, "five rows tell little"
    strict = here("eval", "gate", newest(here), "--baseline", baseline, "--max-regression", "0.02", "--strict")
    assert strict.exit_code == 4
    worse = ("--baseline", baseline, "--max-regression", "exact=0.02", "--prompt", "nothing like it")
    regressed = run(here, rows, *worse)
    assert regressed.exit_code == 4
    assert "changed by -0.8000" in regressed.stderr
    other = run(here, rows, "--first", "3", "--baseline", baseline, "--max-regression", "0.02")
    assert other.exit_code == 1
    assert "choice.count: None is now 3" in other.stderr


def test_rows_that_fail_are_named_and_end_with_3(here, rows):
    done = here("eval", "run", "--model", "scripted/fail:400", "--benchmark", rows, "--first", "2")
    assert done.exit_code in (1, 3), done.stderr
    assert "2 of 2 answers failed" in done.stderr
    assert f"penstock eval retry {newest(here)}" in done.stderr


def test_answers_are_scored_again_without_the_model(here, rows):
    assert run(here, rows).exit_code == 0
    done = here("eval", "rescore", newest(here), "--scorer", '{"type": "contains", "name": "has"}', "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["metrics"]["has"]["n"] == 5
    assert found["usage"]["modelCalls"] == 0
    assert here("eval", "delete", found["id"]).exit_code == 0
    assert here("eval", "show", found["id"]).exit_code == 1


def test_an_estimate_starts_nothing(here, rows):
    done = here("eval", "estimate", "--model", ECHO, "--benchmark", rows, "--epochs", "3")
    assert done.exit_code == 0, done.stderr
    assert re.search(r"answers\s+15\n", done.stdout)
    assert "No evaluations yet" in here("eval", "list").stderr


def test_an_experiment_and_a_leaderboard(here, rows, tmp_path):
    variants = tmp_path / "variants.yaml"
    variants.write_text(
        "- {name: plain, model: scripted/echo}\n- {name: fixed, model: 'scripted/fixed:word 1', params: {}}\n"
    )
    done = here("experiments", "run", "trial", variants, "--benchmark", rows, "--scorer", "exact")
    assert done.exit_code == 0, done.stderr
    assert "the baseline" in done.stdout
    assert re.search(r"fixed\s+│ 0\.2000 .* -0\.6000 \(-\d\.\d+ to [+-]\d\.\d+\)", done.stdout)
    assert "trial" in here("experiments", "list").stdout
    assert here("leaderboards", "create", "My models").stdout.startswith("my-models (")
    ranking = here("leaderboards", "show", "my-models")
    assert ranking.stdout.index("scripted/echo") < ranking.stdout.index("scripted/fixed:word 1")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "give either --model"),
        (("--model", ECHO, "--flow", "f"), "give either --model"),
        (("--model", ECHO, "--first", "1", "--random", "1"), "either --first or --random"),
        (("--model", ECHO, "--seed", "1"), "--seed goes with --random"),
        (("--model", ECHO, "--fail-under", "accuracy"), "is not METRIC=NUMBER"),
        (("--model", ECHO, "--max-regression", "0.1"), "needs a --baseline"),
        (("--model", ECHO, "--scorer", "{bad"), "is not JSON"),
        (("--model", ECHO, "--param", "x"), "must be NAME=VALUE"),
        (("--model", ECHO, "-o", "rows.txt"), "must end in one of"),
        (("--model", ECHO, "--async"), "needs a server"),
        (("--model", ECHO, "--prompt", "@nowhere.txt"), "cannot be read"),
    ],
)
def test_wrong_usage_is_told_before_anything_starts(here, words, told):
    done = here("eval", "run", "--benchmark", "arithmetic", *words)
    assert done.exit_code == 2
    assert told in done.stderr.replace("\n", " ")


def test_a_budget_that_is_used_up_ends_the_command(here, rows):
    done = run(here, rows, "--budget-tokens", "20")
    assert done.exit_code == 1
    assert "Paused:" in done.stderr
    assert "penstock executions resume exec_" in done.stderr


def test_a_metric_that_there_is_not_stops_the_evaluation(here, rows):
    done = run(here, rows, "--fail-under", "bleu=0.5")
    assert done.exit_code == 1
    assert "There is no metric 'bleu'" in done.stderr
