"""What the asyncio client waits with. `_sync/runtime.py` is its blocking twin: the only two files written by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

_CHUNK_BYTES = 256 * 1024


async def sleep(seconds: float) -> None:
    """Wait without blocking anybody else."""
    await asyncio.sleep(seconds)


async def read_chunks(path: Path) -> AsyncIterator[bytes]:
    """A file's bytes, some at a time."""
    async with _opened(path, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


async def write_chunks(path: Path, chunks: AsyncIterator[bytes]) -> int:
    """Write what comes to a file; returns the number of bytes."""
    size = 0
    async with _opened(path, "wb") as file:
        async for chunk in chunks:
            size += await asyncio.to_thread(file.write, chunk)
    return size


@asynccontextmanager
async def _opened(path: Path, mode: str) -> AsyncIterator[IO[bytes]]:
    file = await asyncio.to_thread(path.open, mode)
    try:
        yield file
    finally:
        await asyncio.to_thread(file.close)
