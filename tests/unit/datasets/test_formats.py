"""File formats: what comes out of a file, which lines are bad and why, and that writing gives it back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from penstock.datasets.formats import Format, format_of, read_rows, writer_for
from penstock.datasets.formats.lines import UnreadableFile
from penstock.datasets.model import MAX_ROW_BYTES, BadLine, Column, SourceRow
from penstock.errors import Invalid
from penstock.types import JsonObject


def read(path: Path, file_format: Format, content: bytes | str, **types: Any) -> list[SourceRow | BadLine]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_rows(path, file_format, types))


def data_of(rows: Sequence[SourceRow | BadLine]) -> list[JsonObject]:
    return [row.data for row in rows if isinstance(row, SourceRow)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


class TestCsv:
    def test_cells_have_the_types_of_their_columns(self, path: Path) -> None:
        rows = read(path, "csv", 'n,x,ok,tags,name,none\n1,2.5,true,"[""a""]",007,\n2,3,false,[],b,\n')
        assert data_of(rows) == [
            {"n": 1, "x": 2.5, "ok": True, "tags": ["a"], "name": "007", "none": ""},
            {"n": 2, "x": 3, "ok": False, "tags": [], "name": "b", "none": ""},
        ]

    def test_a_value_late_in_the_file_decides_the_type_of_its_column(self, path: Path) -> None:
        rows = read(path, "csv", "a\n" + "1\n" * 5000 + "n/a\n")
        assert data_of(rows)[0] == {"a": "1"}
        assert not any(isinstance(row, BadLine) for row in rows)

    def test_types_can_be_overridden_and_a_value_that_does_not_fit_is_a_bad_line(self, path: Path) -> None:
        rows = read(path, "csv", "a,b\n1,2\n3,x\n", a="string", b="integer")
        assert rows == [SourceRow(2, {"a": "1", "b": 2}), BadLine(3, "column 'b': 'x' is not an integer")]

    @pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
    @pytest.mark.parametrize("ending", ["\n", "\r\n"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_marks_endings_and_delimiters_are_recognised(
        self, path: Path, start: bytes, ending: str, delimiter: str
    ) -> None:
        text = ending.join([f"a{delimiter}ü", f"1{delimiter}é", ""])
        assert read(path, "csv", start + text.encode()) == [SourceRow(2, {"a": 1, "ü": "é"})]

    def test_a_ragged_row_says_what_was_expected_and_the_next_is_read(self, path: Path) -> None:
        rows = read(path, "csv", "a,b\n1,2\n3\n\n4,5,6\n7,8\n")
        assert [row for row in rows if isinstance(row, BadLine)] == [
            BadLine(3, "expected 2 cells, got 1"),
            BadLine(5, "expected 2 cells, got 3"),
        ]
        assert data_of(rows) == [{"a": 1, "b": 2}, {"a": 7, "b": 8}]

    def test_a_cell_may_span_lines_and_the_lines_behind_it_keep_their_numbers(self, path: Path) -> None:
        rows = read(path, "csv", 'a,b\n"one\ntwo",1\n3\n')
        assert rows == [SourceRow(2, {"a": "one\ntwo", "b": 1}), BadLine(4, "expected 2 cells, got 1")]

    def test_a_byte_that_is_not_utf_8_names_its_line(self, path: Path) -> None:
        rows = read(path, "csv", b'a\nfine\n"two\nlines \xe9"\nalso fine\n')
        assert data_of(rows) == [{"a": "fine"}, {"a": "also fine"}]
        assert [row for row in rows if isinstance(row, BadLine)] == [
            BadLine(4, "byte 7 of the line (0xE9) is not UTF-8")
        ]

    def test_a_quote_that_is_never_closed_is_a_bad_line_where_it_opens(self, path: Path) -> None:
        rows = read(path, "csv", 'a,b\n1,2\n3,"open\n5,6\n')
        assert data_of(rows) == [{"a": 1, "b": 2}]
        assert isinstance(rows[1], BadLine)
        assert rows[1].line == 3

    def test_a_line_without_end_is_bad_and_not_held(self, path: Path) -> None:
        rows = read(path, "csv", "a\nx\n" + "y" * (3 * MAX_ROW_BYTES) + "\nz\n")
        assert data_of(rows) == [{"a": "x"}, {"a": "z"}]
        assert [row.line for row in rows if isinstance(row, BadLine)] == [3]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "empty"),
            (b"a,b,a\n1,2,3\n", "'a' more than once"),
            (b"a,,c\n1,2,3\n", "Column 2 of the header has no name"),
            (b"a,\xe9\n", "0xE9"),
            ("a,b\n".encode("utf-16"), "UTF-16"),
        ],
    )
    def test_a_header_that_is_none_makes_the_file_unreadable(self, path: Path, content: bytes, words: str) -> None:
        with pytest.raises(UnreadableFile, match=words):
            read(path, "csv", content)

    def test_a_header_alone_is_a_file_without_rows(self, path: Path) -> None:
        assert read(path, "csv", "a,b\n") == []


class TestJsonLines:
    def test_each_line_is_an_object_or_bad(self, path: Path) -> None:
        rows = read(path, "jsonl", b'\xef\xbb\xbf{"a": 1}\n\n[1]\n{"a": \n{"b": "\xe9"}\n"x"\nnull\n{"a": {"b": [2]}}')
        assert data_of(rows) == [{"a": 1}, {"a": {"b": [2]}}]
        bad = {row.line: row.reason for row in rows if isinstance(row, BadLine)}
        assert bad[3] == "expected an object, got a list"
        assert bad[4].startswith("it is no JSON")
        assert bad[5] == "byte 8 of the line (0xE9) is not UTF-8"
        assert bad[6] == "expected an object, got a string"
        assert bad[7] == "expected an object, got null"

    @pytest.mark.parametrize("line", ['{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}', "[" * 100_000, "{" * 100_000])
    def test_what_json_does_not_hold_is_a_bad_line(self, path: Path, line: str) -> None:
        (row,) = read(path, "jsonl", line)
        assert isinstance(row, BadLine)

    def test_a_column_can_be_converted(self, path: Path) -> None:
        rows = read(path, "jsonl", '{"a": 1}\n{"a": "2"}\n{"b": 3}\n', a="string")
        assert data_of(rows) == [{"a": "1"}, {"a": "2"}, {"b": 3}]


class TestJsonArray:
    def test_elements_have_the_line_they_begin_on(self, path: Path) -> None:
        rows = read(path, "json", '\n[\n  {"a": 1},\n  {"a":\n 2}, 3,\n {"a": [4]}\n]\n')
        assert rows == [
            SourceRow(3, {"a": 1}),
            SourceRow(4, {"a": 2}),
            BadLine(5, "expected an object, got a number"),
            SourceRow(6, {"a": [4]}),
        ]

    def test_an_array_longer_than_any_window_is_read_whole(self, path: Path) -> None:
        elements = [{"n": number, "text": "ä€😀" * (number % 97)} for number in range(20_000)]
        rows = read(path, "json", "\ufeff" + json.dumps(elements, ensure_ascii=False, indent=1))
        assert data_of(rows) == elements

    def test_an_element_larger_than_a_window_is_read(self, path: Path) -> None:
        big = {"text": "x" * 1_500_000}
        assert data_of(read(path, "json", json.dumps([big, {"a": 1}]))) == [big, {"a": 1}]

    def test_numbers_at_the_edge_of_a_window_stay_whole(self, path: Path) -> None:
        numbers = [123456789] * 100_000
        rows = read(path, "json", json.dumps(numbers))
        assert len(rows) == len(numbers)

    @pytest.mark.parametrize("content", ["[]", " [ ] \n"])
    def test_an_empty_array_has_no_rows(self, path: Path, content: str) -> None:
        assert read(path, "json", content) == []

    @pytest.mark.parametrize(
        ("content", "line", "words"),
        [
            (b"", 1, "begins with"),
            (b'{"a": 1}', 1, "begins with"),
            (b'[{"a": 1}', 1, "ends inside"),
            (b'[\n{"a": 1},\n{"a": }\n]', 3, "no JSON"),
            (b'[\n{"a": 1}\n{"a": 2}]', 3, "Expected , or ]"),
            (b'[{"a": 1}]\n]', 2, "after the end"),
            (b'[{"a": 1},]', 1, "no JSON"),
            (b'[\n{"a": NaN}]', 2, "NaN"),
            (b'[\n\n{"a": "\xe9"}]', 3, "0xE9"),
            (b"[" * 200_000, 1, "nested too deeply"),
            (b'["' + b"x" * (2 * MAX_ROW_BYTES + 1_000_000), 1, "larger than"),
        ],
    )
    def test_broken_text_makes_the_file_unreadable_at_its_line(
        self, path: Path, content: bytes, line: int, words: str
    ) -> None:
        with pytest.raises(UnreadableFile, match=words) as refused:
            read(path, "json", content)
        assert refused.value.errors[0].line == line


class TestParquet:
    def test_what_json_has_not_becomes_text(self, path: Path) -> None:
        import datetime
        from decimal import Decimal

        import pyarrow
        from pyarrow import parquet

        values = {
            "at": [datetime.datetime(2026, 11, 21, 20, 0, tzinfo=datetime.UTC)],
            "day": [datetime.date(2026, 11, 21)],
            "price": [Decimal("1.10")],
            "raw": [b"\x00\x01"],
            "tags": [["a", None]],
            "deep": [{"x": 1}],
            "gone": [float("nan")],
        }
        parquet.write_table(pyarrow.table(values), path)
        (row,) = read_rows(path, "parquet", {})
        assert row == SourceRow(
            1,
            {
                "at": "2026-11-21T20:00:00+00:00",
                "day": "2026-11-21",
                "price": "1.10",
                "raw": "AAE=",
                "tags": ["a", None],
                "deep": {"x": 1},
                "gone": None,
            },
        )

    @pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing of the kind"])
    def test_a_damaged_file_is_unreadable(self, path: Path, content: bytes) -> None:
        with pytest.raises(UnreadableFile, match="Parquet"):
            read(path, "parquet", content)

    def test_rows_are_numbered_over_batches(self, path: Path) -> None:
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"n": list(range(1200))}), path, row_group_size=700)
        rows = list(read_rows(path, "parquet", {}))
        assert [row.line for row in rows] == list(range(1, 1201))


ROWS: list[JsonObject] = [
    {"s": 'quote " and, comma\nline', "i": 1, "n": 1.5, "b": True, "l": [1, "a"], "o": {"x": None}, "m": "text"},
    {"s": "ü", "i": None, "n": None, "b": None, "l": None, "o": None, "m": 5},
    {"s": "=1+1", "i": -(2**63), "n": 2.0, "b": False, "l": [], "o": {}, "m": None},
]
COLUMNS = (
    Column("s", "string"),
    Column("i", "integer"),
    Column("n", "number"),
    Column("b", "boolean"),
    Column("l", "array"),
    Column("o", "object"),
    Column("m", "any"),
)


@pytest.mark.parametrize("file_format", ["json", "jsonl", "parquet", "csv"])
def test_what_is_written_is_read_back(path: Path, file_format: Format) -> None:
    writer = writer_for(file_format, COLUMNS)
    pieces = [writer.write(ROWS[:1]), writer.write([]), writer.write(ROWS[1:]), writer.close()]
    # A CSV cell has no type of its own: a column of several types comes back as texts.
    expected = (
        [{**row, "m": {5: "5", None: ""}.get(row["m"], row["m"])} for row in ROWS] if file_format == "csv" else ROWS
    )
    assert data_of(read(path, file_format, b"".join(pieces))) == expected


@pytest.mark.parametrize("file_format", ["json", "jsonl", "parquet", "csv"])
def test_no_rows_are_a_whole_file_too(path: Path, file_format: Format) -> None:
    writer = writer_for(file_format, COLUMNS)
    assert read(path, file_format, writer.write([]) + writer.close()) == []


def test_a_file_name_tells_the_format() -> None:
    assert [format_of(name) for name in ("a.CSV", "b.tsv", "c.json", "d.ndjson", "e.jsonl", "f.parquet")] == [
        "csv",
        "csv",
        "json",
        "jsonl",
        "jsonl",
        "parquet",
    ]
    with pytest.raises(Invalid, match=r"'a\.xlsx'"):
        format_of("a.xlsx")
