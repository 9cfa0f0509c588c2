"""Which items are results, in which order, and what stands for those that have none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from penstock.executions import paths
from penstock.executions.results import _cells, _csv_lines, _Reader

DONE = "succeeded"


def read(labels: tuple[str | None, ...], *rows: tuple[str, str, str | None]) -> list[str]:
    reader = _Reader(labels)
    found: list[bytes] = []
    pages: Sequence[Sequence[bytes]] = [
        reader.next({"path": paths.stored(path), "status": status, "output": output}) for path, status, output in rows
    ]
    for page in (*pages, reader.end()):
        found.extend(page)
    return [text.decode() for text in found]


def test_rows_without_a_split() -> None:
    rows = [("0", DONE, "1"), ("1", "failed", None), ("2", "cancelled", None), ("3", DONE, "null"), ("4", DONE, None)]
    assert read((), *rows) == ["1", "null", "null", "null", "null"]


def test_elements_of_a_closed_split_are_no_results() -> None:
    assert read((), ("0", DONE, "[1,2]"), ("0.0", DONE, "1"), ("0.1", DONE, "2")) == ["[1,2]"]


def test_elements_of_an_open_split_are_the_results() -> None:
    rows = [("0", DONE, None), ("0.0", DONE, "1"), ("0.1", "failed", None), ("1", DONE, None), ("1.0", DONE, "3")]
    assert read((None,), *rows) == ["1", "null", "3"]


def test_an_item_that_failed_before_its_split_stands_for_itself() -> None:
    rows = [("0", "failed", None), ("1", DONE, None), ("1.0", DONE, "1"), ("2", "failed", None)]
    assert read((None,), *rows) == ["null", "1", "null"]


def test_an_item_that_failed_with_all_its_elements_is_counted_by_them() -> None:
    rows = [("0", "failed", None), ("0.0", "failed", None), ("0.1", "failed", None)]
    assert read((None,), *rows) == ["null", "null"]


def test_elements_of_another_split_are_no_results() -> None:
    rows = [("0", DONE, None), ("0.0", DONE, "1"), ("0.side:0", DONE, "2"), ("0.0.0", DONE, "3")]
    assert read((None,), *rows) == ["1"]
    assert read(("side",), *rows) == ["2"]
    assert read((None, None), *rows) == ["3"]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        (b"null", {}),
        (b'"x"', {"result": "x"}),
        (b"[1]", {"result": "[1]"}),
        (b'{"a":true,"b":null,"c":1.5,"d":{"e":1}}', {"a": "true", "b": "", "c": 1.5, "d": '{"e":1}'}),
    ],
)
def test_a_result_as_a_row_of_a_table(text: bytes, cells: dict[str, object]) -> None:
    assert _cells(text) == cells


def test_what_is_special_in_csv_is_quoted() -> None:
    assert _csv_lines([['a"b', "c,d", "e\nf"]]) == b'"a""b","c,d","e\nf"\r\n'
