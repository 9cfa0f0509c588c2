"""`penstock benchmarks`, on the engine of this process."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def here(penstock, tmp_path, monkeypatch):
    """Run a command on a data folder of this test."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: penstock("benchmarks", *words, "--data", tmp_path / "data")


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "sums.jsonl"
    file.write_text('{"q": "1 + 1", "a": "2"}\n{"q": "1 + 2", "a": ""}\n{"q": "1 + 3", "a": "4"}\n')
    return file


def test_a_file_is_imported_once_and_read(here, file):
    mapped = ("--map", "input:q", "--map", "truth:a")
    refused = here("import", file, *mapped)
    assert refused.exit_code == 1
    assert "line 2: its truth is empty" in refused.stderr
    done = here("import", file, *mapped, "--skip-bad")
    assert done.exit_code == 0, done.stderr
    assert "2 rows loaded as version 1" in done.stdout
    assert "the same 2 rows" in here("import", file, *mapped, "--skip-bad").stdout
    assert "3 rows loaded as version 2" in here("import", file, *mapped, "--no-truth").stdout
    rows = json.loads(here("rows", "sums", "--search", "+ 3", "--json").stdout)
    assert [(row["id"], row["input"], row["truth"]) for row in rows] == [("3", "1 + 3", "4")]
    assert "sums (" in here("show", "sums").stdout
    assert here("delete", "sums").exit_code == 0
    assert here("show", "sums").exit_code == 1


def test_generated_and_public_ones_are_listed(here):
    done = here("generate", "sorting", "--seed", "7", "--difficulty", "easy", "--rows", "5", "--key", "mine")
    assert done.exit_code == 0, done.stderr
    listed = json.loads(here("list", "--kind", "builtin", "--json").stdout)
    assert {one["key"]: one["public"] for one in listed} == {
        "mine": False,
        **dict.fromkeys(("arithmetic", "boolean_logic", "dates", "instructions", "sorting", "string_edits"), True),
    }


def test_a_draft_is_reviewed(here, tmp_path):
    document = tmp_path / "facts.txt"
    document.write_text("Oslo is in Norway.")
    answer = {"questions": [{"question": f"Q{n}?", "answer": "A", "quote": ""} for n in range(3)]}
    done = here("draft", document, "--key", "facts", "--model", f"scripted/fixed:{json.dumps(answer)}")
    assert done.exit_code == 0, done.stderr
    assert "draft" in done.stdout
    assert "penstock benchmarks review facts" in done.stderr
    assert here("review", "facts", "--reject", "9").exit_code == 2
    reviewed = json.loads(here("review", "facts", "--reject", "2", "--json").stdout)
    assert (reviewed["latest"]["state"], reviewed["latest"]["rowCount"]) == ("ready", 2)


@pytest.mark.parametrize("words", [("--map", "q"), ()])
def test_wrong_usage(here, tmp_path, words):
    file = tmp_path / ("a.jsonl" if words else "a.xls")
    file.write_text("{}")
    assert here("import", file, *words).exit_code == 2
