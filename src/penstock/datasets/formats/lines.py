"""Lines of UTF-8 text files, bounded, numbered, with or without a byte order mark."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from penstock.datasets.model import MAX_ROW_BYTES, BadLine
from penstock.errors import FieldError, Invalid

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableFile(Invalid):
    """A file that cannot be read on from some place: bad lines can be skipped, this cannot."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(
            "file_unreadable", f"Line {line}: {reason}", errors=(FieldError(f"line {line}", reason, line),)
        )


class Lines:
    """The lines of a file as text, each with its ending.

    A line with a byte that is not UTF-8, or that is too long, is still handed on (its bad bytes as lone surrogates, its
    tail cut off), so that a reader of records spanning lines stays in step; `take_fault` tells of it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._fault: BadLine | None = None
        self.number = 0
        start = file.read(3)
        if start.startswith(_UTF16):
            raise UnreadableFile(1, "The file is UTF-16. Save it as UTF-8.")
        if start != codecs.BOM_UTF8:
            file.seek(0)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self._file.readline(MAX_ROW_BYTES)
        if not raw:
            raise StopIteration
        self.number += 1
        if len(raw) == MAX_ROW_BYTES and not raw.endswith(b"\n"):
            self._note(f"it is longer than {MAX_ROW_BYTES:,} bytes")
            self._drop_rest_of_line()
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            self._note(f"byte {error.start + 1} of the line (0x{raw[error.start]:02X}) is not UTF-8")
            return raw.decode(errors="surrogateescape")

    def take_fault(self) -> BadLine | None:
        """The first fault since this was last asked."""
        fault, self._fault = self._fault, None
        return fault

    def _note(self, reason: str) -> None:
        self._fault = self._fault or BadLine(self.number, reason)

    def _drop_rest_of_line(self) -> None:
        while rest := self._file.readline(MAX_ROW_BYTES):
            if rest.endswith(b"\n"):
                return
