"""Rows as they may and may not be."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest

from penstock.datasets.model import BadLine, SourceRow
from penstock.errors import Invalid, TooLarge
from penstock.evaluations.benchmarks import checking
from penstock.evaluations.benchmarks.checking import CheckedRows, checked
from penstock.evaluations.benchmarks.mapping import FieldMapping


def source(rows: Iterable[dict[str, Any]]) -> Any:
    return (SourceRow(line, row) for line, row in enumerate(rows, 1))


def through(rows: Iterable[dict[str, Any]], **options: Any) -> tuple[CheckedRows, list[SourceRow | BadLine]]:
    made = CheckedRows(source(rows), lambda row: row, **options)
    return made, list(made.rows())


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"input": "q"}, "truth is empty"),
        ({"input": "q", "truth": " \n"}, "truth is empty"),
        ({"truth": "a"}, "input is missing or empty"),
        ({"input": " ", "truth": "a"}, "input is missing or empty"),
        ({"input": [], "truth": "a"}, "input is missing or empty"),
        ({"input": [{"role": "user"}], "truth": "a"}, "message 1"),
        ({"input": [{"role": "user", "content": "x"}, "y"], "truth": "a"}, "message 2"),
        ({"input": [{"role": "boss", "content": "x"}], "truth": "a"}, "'boss'"),
        ({"id": 1.5, "input": "q", "truth": "a"}, "id is neither"),
        ({"id": True, "input": "q", "truth": "a"}, "id is neither"),
        ({"id": "x" * 201, "input": "q", "truth": "a"}, "longer than 200"),
        ({"input": "q", "truth": "a", "subset": ["s"]}, "subset is neither"),
        ({"input": "q", "truth": "a", "cluster": "c" * 201}, "longer than 200"),
        ({"input": "q", "truth": "a", "metadata": [1]}, "metadata is no object"),
    ],
)
def test_a_row_that_is_refused(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        checked(row, "1")


def test_what_a_row_may_be() -> None:
    assert checked({"input": [3, 1, 2], "truth": 0, "subset": 4}, "9").subset == "4"
    assert checked({"input": {"a": 1}, "truth": False, "context": ""}, "9").context is None
    assert checked({"input": "q", "truth": ""}, "9", require_truth=False).truth is None
    assert (checked({"input": "q", "truth": []}, "9").truth, checked({"input": "q", "truth": "a"}, "9").id) == ([], "9")


def test_ids_are_unique_and_missing_ones_are_row_numbers() -> None:
    rows = [{"id": 2}, {"id": "x"}, {}, {"id": "2"}, {"id": 3}, {"id": ""}]
    made, found = through([{**row, "input": "q", "truth": "a"} for row in rows])
    assert [row.data["id"] for row in found if isinstance(row, SourceRow)] == ["2", "x", "3", "6"]
    assert [row for row in found if isinstance(row, BadLine)] == [
        BadLine(4, "the id '2' is that of line 1 already"),
        BadLine(5, "the id '3' is that of line 3 already"),
    ]
    assert made.count == 4


def test_what_is_learnt_of_the_whole() -> None:
    rows: list[dict[str, Any]] = [{"subset": "b"}, {"subset": "a", "cluster": 1}, {}, {"subset": "b"}]
    made, found = through([{**row, "input": "q", "truth": "a"} for row in rows])
    assert (made.subsets, made.has_clusters, made.count) == (("b", "a"), True, 4)
    assert found[2] == SourceRow(3, {"id": "3", "input": "q", "truth": "a"})


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"input": "q", "truth": "a", "subset": n} for n in range(5)]
    monkeypatch.setattr(checking, "MAX_SUBSETS", 4)
    with pytest.raises(Invalid, match="more than 4 subsets"):
        through(rows)
    monkeypatch.setattr(checking, "MAX_ROWS", 3)
    with pytest.raises(TooLarge, match="at most 3 rows"):
        through(rows)


def test_a_field_that_is_missing_far_down() -> None:
    rows = ({"question": "q", "answer": "a"} if n < 40_000 else {"question": "q"} for n in range(1, 40_002))
    made = CheckedRows(source(rows), FieldMapping({}))
    assert [row for row in made.rows() if isinstance(row, BadLine)] == [
        BadLine(line, "it has no field 'answer', which is to be its truth") for line in (40_000, 40_001)
    ]


def test_a_large_file_takes_no_more_memory_than_a_small_one() -> None:
    peaks = []
    for count in (500, 5_000):
        rows = ({"id": f"{n:x}" * 8, "input": "x" * 1_000, "truth": "y"} for n in range(count))
        made = CheckedRows(source(rows), FieldMapping({}))
        tracemalloc.start()
        for _ in made.rows():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert made.count == count
    assert peaks[1] < 1.3 * peaks[0]
