"""The last frames of a stream, for readers who are nearly up to date: bounded in number and in bytes."""

from __future__ import annotations

from collections import deque
from itertools import takewhile

FRAMES = 1000
RING_BYTES = 1024 * 1024
CHUNK_BYTES = 64 * 1024
"""So much is handed to one reader at a time, or one frame where that is larger."""


class Ring:
    """Frames by number, each encoded once for all readers.

    `floor` is the number before the oldest one kept, `last` the newest: a reader who stands below the floor has to
    read the store.
    """

    def __init__(self, floor: int) -> None:
        self.floor = self.last = floor
        self._frames: deque[tuple[int, bytes]] = deque()
        self._size = 0
        self._handed: tuple[int, tuple[bytes, int]] | None = None

    def push(self, number: int, frame: bytes) -> None:
        """Add the next frame, and let go of old ones where there are too many."""
        self._frames.append((number, frame))
        self._size += len(frame)
        self.last = number
        self._handed = None
        while len(self._frames) > FRAMES or (self._size > RING_BYTES and len(self._frames) > 1):
            self.floor, dropped = self._frames.popleft()
            self._size -= len(dropped)

    def after(self, position: int) -> tuple[bytes, int]:
        """Frames behind a position that is not below the floor, joined, and the position behind them."""
        # Most readers stand at the same place, so what was joined for one is what the next one needs.
        if self._handed is None or self._handed[0] != position:
            newer = list(takewhile(lambda frame: frame[0] > position, reversed(self._frames)))
            newer.reverse()
            self._handed = position, join(newer, position)
        return self._handed[1]


def join(frames: list[tuple[int, bytes]], position: int) -> tuple[bytes, int]:
    """As many of the frames as go into one chunk, at least one, and the position behind them."""
    chunk: list[bytes] = []
    size = 0
    for number, frame in frames:
        size += len(frame)
        if chunk and size > CHUNK_BYTES:
            break
        chunk.append(frame)
        position = number
    return b"".join(chunk), position
