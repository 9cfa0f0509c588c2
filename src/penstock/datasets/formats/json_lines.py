"""JSON Lines (NDJSON): one object per line; empty lines are passed over."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import msgspec

from penstock.datasets.formats.lines import Lines
from penstock.datasets.model import BadLine, Column, SourceRow
from penstock.types import Json, JsonObject

_NAMES = {list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}


def read(path: Path) -> Generator[SourceRow | BadLine, None, None]:
    """The objects of a file."""
    decoder = msgspec.json.Decoder()
    with path.open("rb") as file:
        lines = Lines(file)
        for text in lines:
            fault = lines.take_fault()
            if fault is not None:
                yield fault
            elif not text.isspace():
                yield _row(decoder, lines.number, text)


def _row(decoder: msgspec.json.Decoder[Json], line: int, text: str) -> SourceRow | BadLine:
    try:
        value = decoder.decode(text)
    except msgspec.DecodeError as error:
        return BadLine(line, f"it is no JSON: {error}")
    except RecursionError:
        return BadLine(line, "it is nested too deeply")
    return as_row(line, value)


def as_row(line: int, value: Json) -> SourceRow | BadLine:
    """A JSON value as a row, if it is an object."""
    if isinstance(value, dict):
        return SourceRow(line, value)
    return BadLine(line, f"expected an object, got {_NAMES.get(type(value), type(value).__name__)}")


class JsonLinesWriter:
    """Writes one object per line."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._encoder = msgspec.json.Encoder()

    def write(self, rows: Sequence[JsonObject]) -> bytes:
        return self._encoder.encode_lines(rows)

    def close(self) -> bytes:
        return b""
