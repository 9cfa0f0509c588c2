"""Time, always UTC: stored as whole milliseconds since 1970, shown as ISO 8601 with a `Z`."""

from __future__ import annotations

import time
from datetime import UTC, datetime

# What counts on while a machine sleeps, where the system has such a clock; no adjustment of the time of day moves it.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_EPOCH_NS = time.time_ns() - time.clock_gettime_ns(_STEADY)


def now_ms() -> int:
    """Milliseconds since 1970, UTC, by a clock that never jumps.

    It is set when the process starts and runs steadily from there: when somebody sets the machine's clock, deadlines,
    durations and the order of ids stay right, and moments follow the new time after the next start. Where people mean
    the time of day (schedules, signatures that expire), `wall_ms` is what they mean.
    """
    return (time.clock_gettime_ns(_STEADY) + _EPOCH_NS) // 1_000_000


def wall_ms() -> int:
    """Milliseconds since 1970, UTC, as the machine's clock has it just now."""
    return time.time_ns() // 1_000_000


def iso(moment_ms: int) -> str:
    """`2026-11-21T19:46:07.123Z`"""
    return datetime.fromtimestamp(moment_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 date or time; one without a zone is read as UTC.

    Raises ValueError when the text is not a time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
