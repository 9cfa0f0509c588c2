"""What happens to an execution, as server-sent events in the words of that service's pages.

    status         {status}                       queued, running, paused, completed, failed
    progress       {rows_complete, rows_total}
    row_complete   a row, as it is shown elsewhere, with its number
    error          {code, message}
    final          what the stream is of; then it ends

Ids are the numbers of the execution's own events.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
from starlette.responses import Response

from penstock.errors import NotFound
from penstock.server import sse
from penstock.server.routes.events import position_of
from penstock.server.stratix.face import StratixCall
from penstock.server.stratix.statuses import STREAM
from penstock.types import JsonObject

EVENTS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Told:
    """One event of an execution, read back from its frame. `number` is None where it has none."""

    kind: str
    body: Any
    number: int | None


@dataclass(frozen=True, slots=True)
class Final:
    """What a stream ends with. `description` says why it is no success, where it is none."""

    body: Any
    status: str
    description: str


class Subject(Protocol):
    """What a stream is of."""

    @property
    def what(self) -> str:
        """What it is called: `evaluation`, `trace_evaluation`."""
        ...

    @property
    def row_event(self) -> str:
        """Which events of its execution tell of rows."""
        ...

    def progress(self, told: Any) -> tuple[int, int]:
        """How much of how much is done, of what the execution tells."""
        ...

    async def rows(self, found: Sequence[Told]) -> Sequence[JsonObject | None]:
        """What is told of each of these events; None: nothing."""
        ...

    async def final(self) -> Final:
        """How it ended."""
        ...


class Rows:
    """The part of a subject whose rows are the items of its execution."""

    __slots__ = ()

    @property
    def row_event(self) -> str:
        return "item"

    def progress(self, told: Any) -> tuple[int, int]:
        return told["itemsProcessed"], told["totalItems"]


async def streamed(call: StratixCall, execution_id: str, subject: Subject) -> Response:
    """The stream of an execution, from its first event or behind `Last-Event-ID`."""
    call.running.streams.check(call.principal.key_id)
    execution = await call.engine.executions.get(call.tenant, execution_id)
    after = position_of(call, call.query.text("after"), execution) or 0
    chunks = _translated(subject, call.running.feeds.read(execution, after))
    return sse.EventStream(sse.opened(b"", chunks), call.running.streams, call.principal.key_id)


async def _translated(subject: Subject, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(chunks):
        async for chunk in chunks:
            events = list(events_of(chunk))
            if not events:
                yield sse.BEAT
            for start in range(0, len(events), EVENTS_AT_ONCE):
                try:
                    yield await _frames(subject, events[start : start + EVENTS_AT_ONCE])
                except NotFound:
                    yield _gone(subject)
                    return


async def _frames(subject: Subject, events: Sequence[Told]) -> bytes:
    found = [event for event in events if event.kind == subject.row_event]
    rows = iter(await subject.rows(found) if found else ())
    parts: list[bytes] = []
    for event in events:
        match event.kind:
            case "status":
                parts.append(sse.frame("status", {"status": STREAM[event.body["status"]]}, event.number))
            case kind if kind == subject.row_event:
                row = next(rows)
                if row is not None:
                    parts.append(sse.frame("row_complete", row, event.number))
            case "progress":
                done, total = subject.progress(event.body)
                parts.append(sse.frame("progress", {"rows_complete": done, "rows_total": total}))
            case "done":
                parts.append(await _end(subject, event))
            case "gone":
                parts.append(_gone(subject))
    return b"".join(parts)


async def _end(subject: Subject, event: Told) -> bytes:
    final, failure = await subject.final(), b""
    if final.status != "success":
        code = (event.body.get("error") or {}).get("code") or final.status
        failure = sse.frame("error", {"code": code, "message": final.description})
    return failure + sse.frame("final", final.body, event.number)


def _gone(subject: Subject) -> bytes:
    message = f"The {subject.what.replace('_', ' ')} was deleted."
    return sse.frame("error", {"code": f"{subject.what}_deleted", "message": message})


def events_of(chunk: bytes) -> Iterator[Told]:
    """The events in some frames (see `sse.frame`); what only keeps the connection alive is none."""
    for frame in chunk.split(b"\n\n"):
        fields = dict(line.split(b": ", 1) for line in frame.split(b"\n") if b": " in line)
        if b"event" in fields:
            number = fields.get(b"id")
            body = msgspec.json.decode(fields[b"data"])
            yield Told(fields[b"event"].decode(), body, None if number is None else int(number))
