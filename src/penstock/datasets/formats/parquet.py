"""Parquet, through pyarrow (imported when the first file is opened: it takes a tenth of a second).

Lists, objects and columns of several types are written as JSON texts, marked in the schema, and read back as what they
were.
"""

from __future__ import annotations

import base64
import datetime
import math
from collections.abc import Generator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from penstock.datasets.formats.lines import UnreadableFile
from penstock.datasets.model import BadLine, Column, SourceRow
from penstock.types import Json, JsonObject

_MARK = b"penstock.type"
_BATCH_ROWS = 500
_GROUP_ROWS = 10_000
_GROUP_CHARS = 32 * 1024 * 1024
"""Of texts in a row group; large rows would fill the memory otherwise."""


def read(path: Path) -> Generator[SourceRow | BadLine, None, None]:
    """The rows of a file, numbered from 1, a row group at a time. Raises `UnreadableFile` for a damaged file."""
    import pyarrow
    from pyarrow import parquet

    done = 0
    try:
        with parquet.ParquetFile(path) as file:
            marked = [field.name for field in file.schema_arrow if _MARK in (field.metadata or {})]
            for batch in file.iter_batches(_BATCH_ROWS):
                for number, values in enumerate(batch.to_pylist(), done + 1):
                    yield _row(number, values, marked)
                done += batch.num_rows
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UnreadableFile(done + 1, f"The Parquet file cannot be read: {error}") from None


def _row(line: int, values: dict[str, Any], marked: Sequence[str]) -> SourceRow | BadLine:
    try:
        data = {name: _as_json(value) for name, value in values.items()}
        for name in marked:
            text = data[name]
            data[name] = msgspec.json.decode(text) if isinstance(text, str) else text
    except (ValueError, msgspec.DecodeError) as error:
        return BadLine(line, str(error))
    return SourceRow(line, data)


def _as_json(value: Any) -> Json:
    """What Parquet knows and JSON does not, as text: times in ISO 8601, decimals as written, bytes in base 64."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _as_json(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(member) for member in value]
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    raise ValueError(f"a value of type {type(value).__name__} has no form in JSON")


class ParquetWriter:
    """Writes row groups of ten thousand rows, or fewer large ones."""

    def __init__(self, columns: Sequence[Column]) -> None:
        import pyarrow
        from pyarrow import parquet

        plain = {
            "string": pyarrow.string(),
            "integer": pyarrow.int64(),
            "number": pyarrow.float64(),
            "boolean": pyarrow.bool_(),
        }
        self._columns = columns
        self._encoded = {column.name for column in columns if column.type not in plain}
        self._schema = pyarrow.schema(
            pyarrow.field(column.name, plain[column.type])
            if column.type in plain
            else pyarrow.field(column.name, pyarrow.string(), metadata={_MARK: column.type.encode()})
            for column in columns
        )
        self._sink = _Drain()
        self._writer = parquet.ParquetWriter(pyarrow.PythonFile(self._sink, mode="w"), self._schema)
        self._waiting: list[dict[str, Json]] = []
        self._chars = 0

    def write(self, rows: Sequence[JsonObject]) -> bytes:
        for row in rows:
            values = {column.name: self._value(row, column.name) for column in self._columns}
            self._waiting.append(values)
            self._chars += sum(len(value) for value in values.values() if isinstance(value, str))
            if len(self._waiting) >= _GROUP_ROWS or self._chars >= _GROUP_CHARS:
                self._write_group()
        return self._sink.drain()

    def close(self) -> bytes:
        if self._waiting:
            self._write_group()
        self._writer.close()
        return self._sink.drain()

    def _value(self, row: JsonObject, name: str) -> Json:
        value = row.get(name)
        return msgspec.json.encode(value).decode() if name in self._encoded and value is not None else value

    def _write_group(self) -> None:
        import pyarrow

        self._writer.write_table(pyarrow.Table.from_pylist(self._waiting, schema=self._schema))
        self._waiting, self._chars = [], 0


class _Drain:
    """A file that is emptied while it is written."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def tell(self) -> int:
        return self._length

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def close(self) -> None:
        self.closed = True

    def drain(self) -> bytes:
        """What was written since this was last asked."""
        data = b"".join(self._parts)
        self._parts = []
        return data
