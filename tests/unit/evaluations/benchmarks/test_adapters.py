"""Files of well-known benchmarks, in the layouts they are published in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from penstock.datasets.formats import Format
from penstock.datasets.model import BadLine, SourceRow
from penstock.errors import Invalid
from penstock.evaluations.benchmarks.adapters import ADAPTERS, adapter
from penstock.evaluations.benchmarks.checking import CheckedRows
from penstock.evaluations.scorers import registry

GSM8K = Path(__file__).parents[5] / "shared/data/gsm8k/test.jsonl"

MMLU_CSV = 'What is 1 + 1?,1,2,3,4,B\n"Which, of these?",w,x,y,z,D\n'
ARC = {
    "id": "arc_1",
    "question": {"stem": "Which?", "choices": [{"text": "ice", "label": "1"}, {"text": "fire", "label": "2"}]},
    "answerKey": "2",
}
ARC_FLAT = {"question": "Which?", "choices": {"text": ["ice", "fire"], "label": ["A", "B"]}, "answerKey": "A"}
IFEVAL = {
    "key": 1000,
    "prompt": "Write.",
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
    "kwargs": [{}, {"relation": "at least", "num_words": 300, "num_bullets": None}],
}
HUMANEVAL = {
    "task_id": "T/0",
    "prompt": "def f():\n",
    "canonical_solution": "    return 1\n",
    "test": "def check(f):\n    assert f() == 1\n",
    "entry_point": "f",
}
LETTERED = {"A": "ice", "B": "fire"}
CASES: dict[str, tuple[str, str, str, list[dict[str, Any]]]] = {
    "gsm8k": (
        "gsm8k",
        "test.jsonl",
        json.dumps({"question": "How many?", "answer": "It is <<1000+80=1080>>.\n#### 1,080"}),
        [{"id": "1", "input": "How many?", "truth": "1080", "metadata": {"solution": "It is <<1000+80=1080>>."}}],
    ),
    "bbh": (
        "bbh",
        "boolean_expressions.json",
        json.dumps({"canary": "x", "examples": [{"input": "not True is", "target": "False"}]}),
        [{"id": "1", "input": "not True is", "truth": "False", "subset": "boolean_expressions"}],
    ),
    "mmlu as it is": (
        "mmlu",
        "abstract_algebra_test.csv",
        MMLU_CSV,
        [
            {
                "id": "1",
                "input": "What is 1 + 1?\n\nA. 1\nB. 2\nC. 3\nD. 4",
                "truth": "B",
                "subset": "abstract_algebra",
                "metadata": {"choices": {"A": "1", "B": "2", "C": "3", "D": "4"}},
            },
            {
                "id": "2",
                "input": "Which, of these?\n\nA. w\nB. x\nC. y\nD. z",
                "truth": "D",
                "subset": "abstract_algebra",
                "metadata": {"choices": {"A": "w", "B": "x", "C": "y", "D": "z"}},
            },
        ],
    ),
    "mmlu as rows": (
        "mmlu",
        "test.jsonl",
        json.dumps({"question": "Which?", "choices": ["ice", "fire"], "answer": 1, "subject": "physics"}),
        [
            {
                "id": "1",
                "input": "Which?\n\nA. ice\nB. fire",
                "truth": "B",
                "subset": "physics",
                "metadata": {"choices": LETTERED},
            }
        ],
    ),
    "arc": (
        "arc",
        "a.jsonl",
        json.dumps(ARC),
        [{"id": "arc_1", "input": "Which?\n\nA. ice\nB. fire", "truth": "B", "metadata": {"choices": LETTERED}}],
    ),
    "arc flat": (
        "arc",
        "a.jsonl",
        json.dumps(ARC_FLAT),
        [{"id": "1", "input": "Which?\n\nA. ice\nB. fire", "truth": "A", "metadata": {"choices": LETTERED}}],
    ),
    "ifeval": (
        "ifeval",
        "a.jsonl",
        json.dumps(IFEVAL),
        [
            {
                "id": "1000",
                "input": "Write.",
                "metadata": {
                    "instructions": [
                        {"id": "punctuation:no_comma", "kwargs": {}},
                        {
                            "id": "length_constraints:number_words",
                            "kwargs": {"relation": "at least", "num_words": 300},
                        },
                    ]
                },
            }
        ],
    ),
    "humaneval": (
        "humaneval",
        "a.jsonl",
        json.dumps(HUMANEVAL),
        [
            {
                "id": "T/0",
                "input": "def f():\n",
                "truth": "    return 1\n",
                "metadata": {
                    "prompt": "def f():\n",
                    "test": "def check(f):\n    assert f() == 1\n",
                    "entry_point": "f",
                },
            }
        ],
    ),
}


def read(name: str, path: Path, file_name: str = "") -> list[SourceRow | BadLine]:
    file_format = cast(Format, path.suffix[1:])
    chosen = adapter(name)
    source = chosen.rows(path, file_format, file_name or path.name)
    return list(CheckedRows(source, lambda row: row, require_truth=chosen.needs_truth).rows())


@pytest.mark.parametrize(("name", "file", "text", "rows"), CASES.values(), ids=CASES)
def test_layouts(tmp_path: Path, name: str, file: str, text: str, rows: list[dict[str, Any]]) -> None:
    (tmp_path / file).write_text(text)
    found = read(name, tmp_path / file)
    assert [row.data for row in found if isinstance(row, SourceRow)] == rows
    assert len(found) == len(rows)


@pytest.mark.parametrize("name", ADAPTERS)
def test_another_layout_is_refused_saying_what_is_expected(tmp_path: Path, name: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "something else"}\n')
    with pytest.raises(Invalid) as refused:
        read(name, file)
    assert refused.value.code == "adapter_unfit"
    assert ADAPTERS[name].layout in refused.value.detail
    assert "line 1" in refused.value.detail


def test_a_later_row_that_does_not_fit_is_a_bad_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    good = {"question": "How many?", "answer": "#### 1"}
    rows = [good, {"question": "How many?", "answer": "no idea"}, good, {"answer": "#### 1"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [row for row in read("gsm8k", file) if isinstance(row, BadLine)] == [
        BadLine(2, "its answer does not end in `#### ` and a number"),
        BadLine(4, "it has no text 'question'"),
    ]


def test_a_format_it_does_not_come_in(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="it is csv"):
        read("arc", tmp_path / "a.csv")


def test_every_adapter_names_scorers_that_there_are() -> None:
    for one in ADAPTERS.values():
        for spec in one.details.scorers:
            assert cast(Any, spec)["type"] in registry()


@pytest.mark.skipif(not GSM8K.exists(), reason="the recorded data is not on this machine")
def test_the_real_file_of_gsm8k() -> None:
    found = read("gsm8k", GSM8K)
    truths = [str(row.data["truth"]) for row in found if isinstance(row, SourceRow)]
    assert len(truths) == len(found) == 1_319
    assert all(truth.removeprefix("-").isdecimal() for truth in truths)
