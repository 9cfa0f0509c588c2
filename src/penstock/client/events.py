"""What a run tells of itself, as typed values, and how they are read off the wire. Both clients share it.

async for event in handle.events():
    match event:
        case ItemEvent(status="failed"):
            print(event.path, event.error)
        case ProgressEvent():
            print(event.progress.progress, "%")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

import msgspec

from penstock.client.calls import Call, parse
from penstock.client.errors import APIResponseError
from penstock.client.objects import ErrorObject, Execution, ItemStatus, LogEntry, Record, Status
from penstock.client.optimization_objects import Candidate

_SILENCE_SECONDS = 30.0
"""The server says every 15 s that a stream is alive; one that is silent for longer than this, and the time of an
ordinary request, is lost."""


class StatusEvent(Record, frozen=True, kw_only=True):
    """The run has this status now. `reason` says why it was paused or ended badly; `retry` and `resumed`, why not."""

    type: ClassVar[Literal["status"]] = "status"
    seq: int
    status: Status
    at: datetime | None = None
    reason: ErrorObject | None = None
    retry: bool = False
    resumed: bool = False


class ItemEvent(Record, frozen=True, kw_only=True):
    """An item is finished."""

    type: ClassVar[Literal["item"]] = "item"
    seq: int
    path: str
    status: ItemStatus
    finished_at: datetime | None = None
    duration_ms: int | None = None
    error: ErrorObject | None = None


class CandidateEvent(Candidate, frozen=True, kw_only=True):
    """An optimization has decided upon an instruction, whose text is among its `candidates`."""

    type: ClassVar[Literal["candidate"]] = "candidate"
    seq: int
    at: datetime | None = None


@dataclass(frozen=True)
class SnapshotEvent:
    """How far the run was when the stream began."""

    type: ClassVar[Literal["snapshot"]] = "snapshot"
    progress: Execution


@dataclass(frozen=True)
class ProgressEvent:
    """How far the run is."""

    type: ClassVar[Literal["progress"]] = "progress"
    progress: Execution


@dataclass(frozen=True)
class LogEvent:
    """A line of the run's log."""

    type: ClassVar[Literal["log"]] = "log"
    entry: LogEntry


@dataclass(frozen=True)
class DoneEvent:
    """The run is over; nothing follows. Its results are at `handle.results()`."""

    type: ClassVar[Literal["done"]] = "done"
    progress: Execution


@dataclass(frozen=True)
class GoneEvent:
    """The run was deleted; nothing follows."""

    type: ClassVar[Literal["gone"]] = "gone"
    execution_id: str


Event: TypeAlias = (
    StatusEvent | ItemEvent | CandidateEvent | SnapshotEvent | ProgressEvent | LogEvent | DoneEvent | GoneEvent
)


@dataclass(frozen=True)
class Message:
    """One message of a stream as it came."""

    kind: str
    data: bytes
    number: int | None


class Decoder:
    """Takes a stream apart (HTML standard, "Server-sent events"); comments and fields it does not know are left out."""

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[bytes, bytes] = {}

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that are complete with this chunk."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            if name:
                self._fields[name] = value.removeprefix(b" ")
            elif not line.strip():
                fields, self._fields = self._fields, {}
                if b"data" in fields:
                    yield _message(fields)


class Cursor:
    """Where a reader is in a run's stream: what to ask for when the connection is lost."""

    def __init__(self, path: str, *, after: int | None, snapshot: bool, logs: bool) -> None:
        self._path = f"{path}/events"
        self._after = after
        self._snapshot = snapshot
        self._logs_after = 0 if logs else None

    def call(self) -> Call:
        """The request for everything that has not been seen."""
        query: dict[str, str] = {}
        if self._after is not None:
            query["after"] = str(self._after)
        elif self._snapshot:
            query["snapshot"] = "true"
        if self._logs_after is not None:
            query |= {"logs": "true", "logsAfter": str(self._logs_after)}
        return Call(method="GET", path=self._path, query=query, hold_seconds=_SILENCE_SECONDS)

    def take(self, message: Message) -> Event | None:
        """The event of a message, noted as seen; None for one that this version does not know.

        Raises APIResponseError when it does not fit.
        """
        try:
            data = msgspec.json.decode(message.data)
        except msgspec.DecodeError as fault:
            raise APIResponseError(f"an event of the server is not JSON: {fault}") from None
        event = _event(message.kind, data)
        if message.number is not None:
            self._after = message.number
        if isinstance(event, LogEvent):
            self._logs_after = event.entry.seq
        return event


def _message(fields: Mapping[bytes, bytes]) -> Message:
    number = fields.get(b"id", b"")
    kind = fields.get(b"event", b"message").decode(errors="replace")
    return Message(kind, fields[b"data"], int(number) if number.isdigit() else None)


def _event(kind: str, data: object) -> Event | None:
    match kind:
        case "status":
            return parse(data, StatusEvent)
        case "item":
            return parse(data, ItemEvent)
        case "candidate":
            return parse(data, CandidateEvent)
        case "progress":
            return ProgressEvent(parse(data, Execution))
        case "snapshot":
            return SnapshotEvent(parse(data, Execution))
        case "log":
            return LogEvent(parse(data, LogEntry))
        case "done":
            return DoneEvent(parse(data, Execution))
        case "gone":
            return GoneEvent(data["executionId"] if isinstance(data, dict) else "")
    return None
