"""File formats of data sets: one file each, streamed in and out, never held whole.

Readers and writers block; they are meant to run in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from penstock.datasets.columns import convert
from penstock.datasets.formats import csv_text, json_array, json_lines, parquet
from penstock.datasets.model import BadLine, Column, ColumnType, SourceRow
from penstock.errors import Invalid
from penstock.types import JsonObject

Format = Literal["csv", "json", "jsonl", "parquet"]


class Writer(Protocol):
    """Turns rows into the bytes of a file, piece by piece."""

    def write(self, rows: Sequence[JsonObject]) -> bytes:
        """The bytes these rows add; may be none yet."""
        ...

    def close(self) -> bytes:
        """The bytes that end the file."""
        ...


_READERS: dict[Format, Callable[[Path], Generator[SourceRow | BadLine, None, None]]] = {
    "csv": csv_text.read,
    "json": json_array.read,
    "jsonl": json_lines.read,
    "parquet": parquet.read,
}

_WRITERS: dict[Format, Callable[[Sequence[Column]], Writer]] = {
    "csv": csv_text.CsvWriter,
    "json": json_array.JsonArrayWriter,
    "jsonl": json_lines.JsonLinesWriter,
    "parquet": parquet.ParquetWriter,
}

MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}

_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


def format_of(file_name: str) -> Format:
    """The format a file's name speaks of. Raises `Invalid` when it speaks of none."""
    suffix = Path(file_name).suffix.lower()
    if suffix not in _SUFFIXES:
        known = ", ".join(_SUFFIXES)
        raise Invalid("format_unknown", f"{file_name!r} does not end in one of {known}; name the format of the file.")
    return _SUFFIXES[suffix]


def read_rows(
    path: Path, file_format: Format, types: Mapping[str, ColumnType]
) -> Generator[SourceRow | BadLine, None, None]:
    """The rows of a file, with the columns in `types` converted to those types.

    A line that is no row, or holds a value that is not of its type, comes as a `BadLine` in its place. Raises
    `UnreadableFile` where nothing after that place can be read.
    """
    kinds = {**csv_text.detect_types(path), **types} if file_format == "csv" else types
    for row in _READERS[file_format](path):
        yield row if isinstance(row, BadLine) else converted(row, kinds)


def converted(row: SourceRow, types: Mapping[str, ColumnType]) -> SourceRow | BadLine:
    """A row with its columns as the given types, or why that cannot be. The row is changed in place."""
    data = row.data
    for name, kind in types.items():
        if name in data:
            try:
                data[name] = convert(data[name], kind)
            except ValueError as error:
                return BadLine(row.line, f"column {name!r}: {error}")
    return row


def writer_for(file_format: Format, columns: Sequence[Column]) -> Writer:
    """A new writer of one file."""
    return _WRITERS[file_format](columns)
