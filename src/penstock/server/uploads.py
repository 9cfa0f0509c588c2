"""Files in request bodies: written to disk as they arrive, gone when they have been read."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from penstock.errors import Unavailable

_BATCH_BYTES = 1024 * 1024
_PREFIX = "upload-"


@asynccontextmanager
async def received_file(chunks: AsyncIterable[bytes], folder: Path) -> AsyncIterator[Path]:
    """The chunks as a file in `folder` for as long as the block lasts. Raises `Unavailable` when the disk is full."""
    file = await asyncio.to_thread(_open, folder)
    path = Path(file.name)
    try:
        try:
            await _write(file, chunks)
            await asyncio.to_thread(file.close)
        except OSError as error:
            raise Unavailable("upload_not_stored", f"The upload could not be kept in {folder}: {error}.") from error
        finally:
            file.close()
        yield path
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


def discard_leftovers(folder: Path) -> None:
    """Remove what a killed process left in `folder`. Only for the process that owns it, before it serves."""
    for path in folder.glob(f"{_PREFIX}*"):
        path.unlink(missing_ok=True)


def _open(folder: Path) -> IO[bytes]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return tempfile.NamedTemporaryFile(prefix=_PREFIX, dir=folder, delete=False)


async def _write(file: IO[bytes], chunks: AsyncIterable[bytes]) -> None:
    """Write in batches, so that a thread is asked once a megabyte and not once a packet."""
    batch = bytearray()
    async for chunk in chunks:
        batch += chunk
        if len(batch) >= _BATCH_BYTES:
            await asyncio.to_thread(file.write, bytes(batch))
            batch.clear()
    await asyncio.to_thread(file.write, bytes(batch))
