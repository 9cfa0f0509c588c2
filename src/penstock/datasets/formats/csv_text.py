"""CSV: a header line, then one record per row; `,`, `;` or tab between cells, quotes as in RFC 4180."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import msgspec

from penstock.datasets.columns import widen
from penstock.datasets.formats.lines import Lines, UnreadableFile
from penstock.datasets.model import MAX_COLUMNS, MAX_ROW_BYTES, BadLine, Column, ColumnType, SourceRow
from penstock.types import Json, JsonObject

_DELIMITERS = ",;\t"


def read(path: Path) -> Generator[SourceRow | BadLine, None, None]:
    """The records of a file, every cell a text. Raises `UnreadableFile` when the header is no header."""
    csv.field_size_limit(MAX_ROW_BYTES)
    with path.open("rb") as file:
        lines = Lines(file)
        header, delimiter = _header(lines)
        records = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            first_line = lines.number + 1
            try:
                cells = next(records)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadLine(first_line, f"it is no CSV: {error}")
                lines.take_fault()
                continue
            fault = lines.take_fault()
            if fault is not None:
                yield fault
            elif len(cells) == len(header):
                yield SourceRow(first_line, dict(zip(header, cells, strict=True)))
            elif cells:
                yield BadLine(first_line, f"expected {len(header)} cells, got {len(cells)}")


def detect_types(path: Path) -> dict[str, ColumnType]:
    """The narrowest type that fits every cell of each column. Reads the whole file, holding one record at a time."""
    found: dict[str, ColumnType | None] = {}
    for row in read(path):
        if isinstance(row, SourceRow):
            for name, cell in row.data.items():
                found[name] = widen(found.get(name), str(cell))
    return {name: kind or "string" for name, kind in found.items()}


def _header(lines: Lines) -> tuple[list[str], str]:
    # A header may hold line breaks inside quotes, so the delimiter is guessed from its first line alone.
    first = next(lines, None)
    if first is None:
        raise UnreadableFile(1, "The file is empty; a CSV file begins with a line of column names.")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        names = next(csv.reader(_chain(first, lines), delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise UnreadableFile(1, f"The header is no CSV: {error}") from None
    fault = lines.take_fault()
    if fault is not None:
        raise UnreadableFile(fault.line, f"The header cannot be read: {fault.reason}")
    names = [name.strip() for name in names]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1 and name)
    if repeated:
        raise UnreadableFile(1, f"The header names {', '.join(map(repr, repeated))} more than once.")
    if "" in names or not names:
        raise UnreadableFile(1, f"Column {names.index('') + 1 if names else 1} of the header has no name.")
    if len(names) > MAX_COLUMNS:
        raise UnreadableFile(1, f"The header has {len(names)} columns; the limit is {MAX_COLUMNS}.")
    return names, delimiter


def _chain(first: str, lines: Lines) -> Iterator[str]:
    yield first
    yield from lines


class CsvWriter:
    """Writes one record per row; a null is an empty cell, lists and objects are JSON."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = [column.name for column in columns]
        self._begun = False

    def write(self, rows: Sequence[JsonObject]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        if not self._begun:
            writer.writerow(self._names)
            self._begun = True
        writer.writerows([_cell(row.get(name)) for name in self._names] for row in rows)
        return text.getvalue().encode()

    def close(self) -> bytes:
        return b"" if self._begun else self.write([])


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
