"""JSON: one array of objects, read element by element."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

import msgspec

from penstock.datasets.formats.json_lines import as_row
from penstock.datasets.formats.lines import UnreadableFile
from penstock.datasets.model import MAX_ROW_BYTES, BadLine, Column, SourceRow
from penstock.types import Json, JsonObject

_CHUNK_BYTES = 256 * 1024
_SPACE = re.compile(r"[ \t\r\n]*")


def read(path: Path) -> Generator[SourceRow | BadLine, None, None]:
    """The elements of the array. Raises `UnreadableFile` where the text stops being JSON."""
    with path.open("rb") as file:
        text = JsonText(file)
        if text.next_character() != "[":
            text.fail("A JSON data set is an array of objects: it begins with [.")
        text.skip()
        if text.next_character() == "]":
            text.skip()
        else:
            yield from _elements(text)
        if text.next_character():
            text.fail("There is something after the end of the array.")


def _elements(text: JsonText) -> Generator[SourceRow | BadLine, None, None]:
    while True:
        text.next_character()
        line = text.line
        yield as_row(line, text.value())
        separator = text.next_character()
        if separator not in (",", "]"):
            text.fail("Expected , or ] after an element." if separator else "The file ends inside the array.")
        text.skip()
        if separator == "]":
            return


class JsonText:
    """A window on a file: at most one element, of so many bytes, and one chunk are held."""

    def __init__(self, file: BinaryIO, most_bytes: int = MAX_ROW_BYTES) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=_no_constant)
        self._window = ""
        self._at = 0
        self._counted = 0
        self._line = 1
        self._begun = self._ended = False

    @property
    def line(self) -> int:
        """The line of the current place, from 1."""
        self._count()
        return self._line

    @property
    def offset(self) -> int:
        """The place in the file, in bytes."""
        self._count()
        return self._offset

    def _count(self) -> None:
        passed = self._window[self._counted : self._at]
        self._line += passed.count("\n")
        self._offset += len(passed.encode())
        self._counted = self._at

    def fail(self, reason: str) -> NoReturn:
        raise UnreadableFile(self.line, reason)

    def next_character(self) -> str:
        """The next character that is no white space, without passing it; empty at the end."""
        while True:
            self._at = _SPACE.match(self._window, self._at).end()  # type: ignore[union-attr]  # it matches nothing too
            if self._at < len(self._window):
                return self._window[self._at]
            if not self._read_more(_CHUNK_BYTES):
                return ""

    def skip(self) -> None:
        """Pass one character."""
        self._at += 1

    def value(self) -> Json:
        """The JSON value that begins here, and pass it."""
        while True:
            try:
                value, end = self._json.raw_decode(self._window, self._at)
            except ValueError as error:
                # Broken, or only not read to its end yet: more text tells, up to the size of the largest row.
                held = len(self._window) - self._at
                if held > self._most_bytes:
                    self.fail(f"The element is broken ({_reason(error)}), or larger than {self._most_bytes:,} bytes.")
                if not self._read_more(max(_CHUNK_BYTES, held)):
                    self._at = error.pos if isinstance(error, json.JSONDecodeError) else self._at
                    self.fail(f"The element is no JSON: {_reason(error)}.")
            except RecursionError:
                self.fail("The element is nested too deeply.")
            else:
                # A number at the end of the window may go on behind it.
                if end < len(self._window) or not self._read_more(_CHUNK_BYTES):
                    self._at = end
                    result: Json = value
                    return result

    def _read_more(self, size: int) -> bool:
        if self._ended:
            return False
        raw = self._file.read(size)
        self._ended = not raw
        if not self._begun and raw.startswith(codecs.BOM_UTF8):
            self._offset = len(codecs.BOM_UTF8)
        self._begun = True
        before = self.line
        try:
            fresh = self._decoder.decode(raw, final=self._ended)
        except UnicodeDecodeError as error:
            passed = self._window.count("\n", self._at) + error.object[: error.start].count(b"\n")
            raise UnreadableFile(before + passed, f"Byte 0x{error.object[error.start]:02X} is not UTF-8.") from None
        self._window = self._window[self._at :] + fresh
        self._at = self._counted = 0
        return True


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _reason(error: ValueError) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)


class JsonArrayWriter:
    """Writes one array, an element to a line."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._encoder = msgspec.json.Encoder()
        self._between = b"[\n"

    def write(self, rows: Sequence[JsonObject]) -> bytes:
        if not rows:
            return b""
        text = self._between + b",\n".join(map(self._encoder.encode, rows))
        self._between = b",\n"
        return text

    def close(self) -> bytes:
        return b"[]\n" if self._between == b"[\n" else b"\n]\n"
