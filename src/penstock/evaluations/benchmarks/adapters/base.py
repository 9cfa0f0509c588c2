"""What an adapter is: it reads the files in which one well-known benchmark is published.

An adapter is one file in this folder with an `ADAPTER`; naming it in `adapters/__init__.py` is all there is to adding
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from penstock.datasets.formats import Format
from penstock.datasets.imports import SourceRows
from penstock.datasets.model import BadLine, SourceRow
from penstock.errors import Invalid
from penstock.evaluations.benchmarks.model import Details
from penstock.evaluations.benchmarks.source import source_rows
from penstock.types import Json, JsonObject

RowOf: TypeAlias = Callable[[JsonObject, str], JsonObject]
"""A row of the file, and the file's name without suffix → the members of a benchmark's row."""


class Unfit(ValueError):
    """A row that is not of the adapter's layout: says what it lacks."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """`layout` says for people what the file looks like; `details` are the defaults of a benchmark that is read so."""

    name: str
    layout: str
    formats: frozenset[Format]
    row_of: RowOf
    details: Details
    needs_truth: bool = True
    source: Callable[[Path, Format], SourceRows] = source_rows

    def rows(self, path: Path, file_format: Format, file_name: str) -> SourceRows:
        """The rows of a file as members of a benchmark's rows.

        Raises `Invalid` when the format, or the first row, is not what the adapter reads; a later row that does not
        fit is a bad line.
        """
        if file_format not in self.formats:
            raise self._unfit(f"it is {file_format}")
        stem = Path(file_name).stem
        fits = False
        for row in self.source(path, file_format):
            if isinstance(row, BadLine):
                yield row
                continue
            try:
                members = dict(self.row_of(row.data, stem))
                fits = True
            except Unfit as error:
                if not fits:
                    raise self._unfit(f"line {row.line}: {error}") from None
                yield BadLine(row.line, str(error))
            else:
                yield SourceRow(row.line, members)

    def _unfit(self, reason: str) -> Invalid:
        detail = f"The file is not of the layout {self.name!r} ({reason}). Expected: {self.layout}"
        return Invalid("adapter_unfit", detail)


def text_at(row: JsonObject, name: str) -> str:
    """The text in a field. Raises `Unfit`."""
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Unfit(f"it has no text {name!r}")
    return value


def list_at(row: JsonObject, name: str) -> list[Json]:
    """The list in a field. Raises `Unfit`."""
    value = row.get(name)
    if not isinstance(value, list) or not value:
        raise Unfit(f"it has no list {name!r}")
    return value


def object_at(row: JsonObject, name: str) -> JsonObject:
    """The object in a field. Raises `Unfit`."""
    value = row.get(name)
    if not isinstance(value, Mapping):
        raise Unfit(f"it has no object {name!r}")
    return value


def rest(row: JsonObject, *used: str) -> dict[str, Json]:
    """The fields that were not used and are not null: a row's metadata."""
    return {name: value for name, value in row.items() if name not in used and value is not None}
