"""What the blocking client waits with. `_async/runtime.py` is its asyncio twin: the only two files written by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

_CHUNK_BYTES = 256 * 1024


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def read_chunks(path: Path) -> Iterator[bytes]:
    """A file's bytes, some at a time."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def write_chunks(path: Path, chunks: Iterator[bytes]) -> int:
    """Write what comes to a file; returns the number of bytes."""
    with path.open("wb") as file:
        return sum(file.write(chunk) for chunk in chunks)
