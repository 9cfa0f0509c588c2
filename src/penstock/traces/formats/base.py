"""What every shape of upload has in common: ids from content, times in many forms, names for the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from typing import Any

from penstock.traces.model import LATEST_NS, ReceivedSpan, SpanStatus

_MILLISECOND, _SECOND = 1_000_000, 1_000_000_000
_FRACTION = re.compile(r"\.(\d{7,})")
_BAD = frozenset({"error", "failed", "failure", "exception", "crashed", "timeout", "timed_out", "cancelled"})
_GOOD = frozenset({"ok", "success", "succeeded", "completed", "complete", "finished", "done", "passed"})

TRACE_ID = ("trace_id", "traceId")
NAME = ("name", "agent_name", "title", "operation_name", "operation")
STARTED = (
    "start_time",
    "started_at",
    "startTime",
    "startedAt",
    "start",
    "timestamp",
    "created_at",
    "createdAt",
    "time",
)
ENDED = ("end_time", "ended_at", "endTime", "endedAt", "end", "finished_at", "completed_at")
DURATION_MS = ("duration_ms", "durationMs", "latency_ms", "latencyMs", "elapsed_ms")


class NotATrace(ValueError):
    """An object from which no trace can be made; the text says why, to stand behind `Line 3: `."""


@dataclass(frozen=True)
class Upload:
    """An object with its text, exactly as it was sent, and when: for those that do not say when they were."""

    value: dict[str, Any]
    text: bytes
    received_ns: int

    def digest(self, *more: object) -> str:
        """32 hexadecimal digits that stand for the content, and for what else is given."""
        hashed = self._hashed.copy()
        for part in more:
            hashed.update(f"\0{part}".encode())
        return hashed.hexdigest()

    @cached_property
    def _hashed(self) -> blake2b:
        # Once: every span without an id of its own asks for a digest, and the text may have megabytes.
        return blake2b(self.text.strip(), digest_size=16)


@dataclass(frozen=True, slots=True)
class Found:
    """A trace that was read: its sender's id, its spans, and the object to keep beside it as JSON text."""

    trace_id: str
    spans: list[ReceivedSpan]
    data: bytes | None


def first(value: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The first of these members that is there and not null or an empty text."""
    return next((found for name in names if (found := value.get(name)) not in (None, "")), None)


def id_in(value: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """The first of these members that can be an id: a text or a whole number."""
    found = first(value, names)
    return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else None


def moment_ns(value: Any) -> int | None:
    """Nanoseconds since 1970 of a time in ISO 8601, or of a number of seconds, milli-, micro- or nanoseconds.

    Which of them a number counts is told by its size: all are of this century. None for anything else.
    """
    if isinstance(value, str):
        return _iso_ns(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LATEST_NS:
        return None
    for unit in (_SECOND, _MILLISECOND, 1_000, 1):
        if value * unit >= LATEST_NS / 400 and value * unit <= LATEST_NS:
            return int(value * unit) if isinstance(value, int) else int(value * 1_000_000) * unit // 1_000_000
    return None


def _iso_ns(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(lambda found: f".{found[1][:6]}", text))
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    whole = (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds * 1_000
    finer = _FRACTION.search(text)
    whole += int(finer[1][6:9].ljust(3, "0")) if finer else 0
    return whole if 0 <= whole <= LATEST_NS else None


def times_of(value: Mapping[str, Any], otherwise_ns: int) -> tuple[int, int | None]:
    """Start and end; the end also from a duration in milliseconds. An end before the start is none."""
    started = _first_moment(value, STARTED)
    started = otherwise_ns if started is None else started
    ended = _first_moment(value, ENDED)
    duration = first(value, DURATION_MS)
    if ended is None and isinstance(duration, (int, float)) and 0 <= duration < LATEST_NS // _MILLISECOND:
        ended = min(started + int(duration * _MILLISECOND), LATEST_NS)
    return started, ended if ended is not None and ended >= started else None


def _first_moment(value: Mapping[str, Any], names: Iterable[str]) -> int | None:
    return next((at for name in names if (at := moment_ns(value.get(name))) is not None), None)


def status_of(value: Mapping[str, Any]) -> tuple[SpanStatus, str | None]:
    """How it went, by `error` or by the word in `status`, and what is said of an error."""
    error = value.get("error")
    if error not in (None, "", False, {}, []):
        message = error.get("message", error) if isinstance(error, dict) else error
        return "error", None if message is True else str(message)[:2_000]
    status = value.get("status")
    said = first(status, ("code", "status_code")) if isinstance(status, dict) else status
    word = str(said).lower().removeprefix("status_code_")
    if word in _BAD:
        message = first(value, ("status_message", "error_message"))
        return "error", None if message is None else str(message)[:2_000]
    return ("ok" if word in _GOOD else "unset"), None
