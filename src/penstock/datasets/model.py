"""Data sets: named, versioned tables of JSON rows.

A data set has one current version. Imports make the next one, unseen until it is whole. Sinks write into the current
version, so their rows are seen at once; a version that somebody has *pinned* (an execution, an export) is sealed, and
the first sink write after that opens the next one. So whoever reads a pinned version reads the same rows for ever, and
a flow that writes into the data set it reads from does not meet its own rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from penstock.errors import FieldError, Invalid
from penstock.types import Json, JsonObject

ColumnType = Literal["string", "integer", "number", "boolean", "object", "array", "any"]
"""`any` holds values of several types; a column without any value yet is a `string`."""

ImportMode = Literal["create", "append", "replace"]
BadLines = Literal["refuse", "skip"]
SinkMode = Literal["append", "update", "upsert"]
DatasetKind = Literal["dataset", "benchmark"]
"""Whose rows they are: a user's data set, or a benchmark's, which nobody meets among the data sets."""

MAX_ROW_BYTES = 4 * 1024 * 1024
MAX_COLUMNS = 1000
MAX_NAME_LENGTH = 120
MAX_SELECTED_IDS = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Dataset:
    id: str
    name: str
    columns: tuple[Column, ...]
    version: int
    row_count: int
    """Rows of the current version."""
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A row. `row_id` is its own `id` or a hash of its content; `hash` changes whenever its content does."""

    ordinal: int
    row_id: str
    data: JsonObject
    hash: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row as it was read from outside. `line` counts from 1: lines of a text, rows of a binary file."""

    line: int
    data: dict[str, Json]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no row, and why."""

    line: int
    reason: str

    def as_error(self) -> FieldError:
        return FieldError(f"line {self.line}", self.reason, self.line)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. `errors` names the first hundred bad lines, `error_count` counts them all.

    `content_hash` is that of the loaded rows in order.
    """

    dataset: Dataset
    rows: int
    skipped: int
    errors: tuple[FieldError, ...]
    error_count: int
    content_hash: str


@dataclass(frozen=True, slots=True)
class AllRows:
    """Every row that passes the filter."""


@dataclass(frozen=True, slots=True)
class RowIds:
    """The rows with these ids, in the order of the data set."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FirstRows:
    """The first `count` rows that pass the filter."""

    count: int


@dataclass(frozen=True, slots=True)
class RandomRows:
    """A random choice among the rows that pass the filter: `count` rows, or `percent` of them rounded up.

    The same seed chooses the same rows of the same version.
    """

    seed: int = 0
    count: int | None = None
    percent: float | None = None


Selection: TypeAlias = AllRows | RowIds | FirstRows | RandomRows


def check_name(kind: str, name: str) -> None:
    """Raises `Invalid` unless the name can stand in a URL and on one line: 1 to 120 printable characters, no slash."""
    if not (0 < len(name) <= MAX_NAME_LENGTH) or not name.isprintable() or "/" in name or name != name.strip():
        detail = (
            f"{name[:MAX_NAME_LENGTH]!r} cannot be the name of a {kind}: 1 to {MAX_NAME_LENGTH} printable characters,"
            " no slash, no space at either end."
        )
        raise Invalid("name_invalid", detail, errors=(FieldError("name", detail),))
