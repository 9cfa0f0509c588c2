"""Files of traces: JSON Lines, an array, or a single object. A large one is taken apart into pieces.

Everything here blocks; it is meant to run in a thread.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from penstock.datasets.formats.json_array import JsonText
from penstock.errors import Invalid
from penstock.traces.formats.base import Upload

Layout = Literal["lines", "array", "object"]

MAX_OBJECT_BYTES = 32 * 1024 * 1024
"""Of one trace in a file."""
PIECE_OBJECTS = 256
PIECE_BYTES = 4 * 1024 * 1024
_HEAD_BYTES = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_KINDS = {list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
_COMPRESSED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd"}
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")


@dataclass(frozen=True, slots=True)
class Fault:
    """A line, or an element that begins on it, which is no trace, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of the objects of a file: from a byte on, so many bytes. `fault`: they cannot be read at all."""

    line: int
    offset: int
    length: int
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One object, and the line that it begins on."""

    line: int
    upload: Upload


def layout_of(file: BinaryIO, lines: bool | None = None) -> Layout:
    """How a file is laid out, by how it begins. `lines`: its name or type says whether it is JSON Lines.

    Raises `Invalid` for one that is compressed.
    """
    head = file.read(_HEAD_BYTES).removeprefix(_BOM).lstrip()
    file.seek(0)
    if kind := next((kind for begin, kind in _COMPRESSED.items() if head.startswith(begin)), None):
        raise Invalid("file_compressed", f"The file is compressed ({kind}); unpack it first.")
    if head.startswith(b"[") and not lines:
        return "array"
    if lines or not head.startswith(b"{"):
        return "lines"
    start, line_ended, rest = head.partition(b"\n")
    # An object that goes over several lines begins with one that is no value, and no object begins in the next.
    return "object" if line_ended and not _is_json(start) and not rest.lstrip(b" \t\r\n").startswith(b"{") else "lines"


def pieces(path: Path, layout: Layout) -> Iterator[Piece]:
    """The pieces of a file, in order. Raises `UnreadableFile` where an array stops being JSON."""
    with path.open("rb") as file:
        if layout == "lines":
            yield from _pieces_of_lines(file)
        elif layout == "array":
            yield from _pieces_of_array(file)
        else:
            size = path.stat().st_size
            yield Piece(1, 0, size, _too_large() if size > MAX_OBJECT_BYTES else None)


def read_piece(path: Path, layout: Layout, piece: Piece, received_ns: int) -> Iterator[Record | Fault]:
    """The objects of a piece of a file."""
    if piece.fault is not None:
        yield Fault(piece.line, piece.fault)
        return
    with path.open("rb") as file:
        file.seek(piece.offset)
        text = file.read(piece.length)
    yield from records(b"[" + text + b"]" if layout == "array" else text, layout, received_ns, piece.line)


def records(text: bytes, layout: Layout, received_ns: int, line: int = 1) -> Iterator[Record | Fault]:
    """The objects of a text that begins on a line. Raises `UnreadableFile` where an array stops being JSON."""
    if layout == "array":
        for at, start, end in _elements(JsonText(io.BytesIO(text), MAX_OBJECT_BYTES)):
            yield _record(text[start:end], line + at - 1, received_ns)
        return
    if layout == "object":
        yield _record(text.removeprefix(_BOM), line, received_ns)
        return
    for number, one in enumerate(text.removeprefix(_BOM).split(b"\n"), line):
        if one and not one.isspace():
            yield _record(one, number, received_ns)


def _record(text: bytes, line: int, received_ns: int) -> Record | Fault:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = _AT_BYTE.sub(r" at byte \1", str(error)).removeprefix("JSON is malformed: ")
        return Fault(line, f"it is no JSON: {reason}")
    except RecursionError:
        return Fault(line, "it is nested too deeply")
    if not isinstance(value, dict):
        return Fault(line, f"expected an object, got {_KINDS[type(value)]}")
    return Record(line, Upload(value, text.strip(), received_ns))


def _pieces_of_lines(file: BinaryIO) -> Iterator[Piece]:
    first, offset, line, count = 1, 0, 0, 0
    while text := file.readline(MAX_OBJECT_BYTES + 1):
        line += 1
        end = file.tell()
        whole = len(text) <= MAX_OBJECT_BYTES
        begin = end - len(text)
        if not whole or (count and (count == PIECE_OBJECTS or end - offset > PIECE_BYTES)):
            if begin > offset:
                yield Piece(first, offset, begin - offset)
            first, offset, count = line, begin, 0
        count += 1
        if not whole:
            _drop_line(file, text)
            yield Piece(line, begin, 0, _too_large())
            first, offset, count = line + 1, file.tell(), 0
    if count:
        yield Piece(first, offset, file.tell() - offset)


def _drop_line(file: BinaryIO, text: bytes) -> None:
    """The rest of a line that is too long, in parts."""
    while text and not text.endswith(b"\n"):
        text = file.readline(1024 * 1024)


def _pieces_of_array(file: BinaryIO) -> Iterator[Piece]:
    first, offset, last, count = 1, 0, 0, 0
    for line, start, end in _elements(JsonText(file, MAX_OBJECT_BYTES)):
        if count and (count == PIECE_OBJECTS or end - offset > PIECE_BYTES):
            yield Piece(first, offset, last - offset)
            count = 0
        if not count:
            first, offset = line, start
        last = end
        count += 1
    if count:
        yield Piece(first, offset, last - offset)


def _elements(text: JsonText) -> Iterator[tuple[int, int, int]]:
    """The line, the first byte and the byte after each element of an array."""
    text.next_character()
    text.skip()
    if text.next_character() == "]":
        return
    while True:
        text.next_character()
        line, start = text.line, text.offset
        text.value()
        yield line, start, text.offset
        separator = text.next_character()
        if separator not in (",", "]"):
            text.fail("Expected , or ] after an element." if separator else "The file ends inside the array.")
        text.skip()
        if separator == "]":
            return


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _too_large() -> str:
    return f"it is larger than {MAX_OBJECT_BYTES:,} bytes, the most that one trace in a file may have"
