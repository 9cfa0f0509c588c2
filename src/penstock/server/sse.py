"""Server-sent events: how messages are written on the wire, the response that streams them, and how many there are.

The format is that of the HTML standard, "Server-sent events": lines `id:`, `event:` and `data:`, and an empty one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from penstock.errors import LimitReached
from penstock.executions.events import Wire
from penstock.server.execution_answers import log_line
from penstock.settings import Limits

MEDIA_TYPE = "text/event-stream"
BEAT = b":\n\n"
RECONNECT_MS = 1000
OPENING = f"retry: {RECONNECT_MS}\n\n".encode()
"""Sent at once, so that a caller sees that the stream is open; a browser takes it as the pause before it reconnects."""
RETRY_SECONDS = 5
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_encode = msgspec.json.Encoder().encode


def frame(kind: str, body: Any, number: int | None = None) -> bytes:
    """One message. A line break in stored JSON would end it early, and JSON may have one only between tokens."""
    data = _encode(body).replace(b"\n", b" ").replace(b"\r", b" ")
    numbered = "" if number is None else f"id: {number}\n"
    return f"{numbered}event: {kind}\ndata: ".encode() + data + b"\n\n"


def wire(limits: Limits) -> Wire:
    """How the feeds of this server write their messages."""
    return Wire(frame, log_line, BEAT, limits.event_heartbeat_seconds)


class Streams:
    """How many streams are open for each key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    def check(self, key_id: str) -> None:
        """Raises `LimitReached` when this key may not open another one."""
        if self._open[key_id] >= self._most:
            raise LimitReached(
                "too_many_streams",
                f"This key has {self._most:,} event streams open; close one, or wait with GET …?wait=30 instead.",
                retry_after_seconds=RETRY_SECONDS,
            )

    @contextmanager
    def one(self, key_id: str) -> Iterator[None]:
        """Count a stream while it is open."""
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open[key_id] -= 1
            if not self._open[key_id]:
                del self._open[key_id]


class EventStream(StreamingResponse):
    """A response of encoded messages. However it ends, its source is closed then, and not some time later."""

    def __init__(self, source: AsyncGenerator[bytes, None], streams: Streams, key_id: str) -> None:
        super().__init__(source, headers=HEADERS, media_type=MEDIA_TYPE)
        self._source = source
        self._streams = streams
        self._key_id = key_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._streams.one(self._key_id):
            await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._source):
            await super().stream_response(send)


async def opened(first: bytes, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The chunks, behind what opens every stream and `first`."""
    yield OPENING + first
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk
