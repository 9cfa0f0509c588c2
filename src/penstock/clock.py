"""Time, always UTC: stored as whole milliseconds since 1970, shown as ISO 8601 with a `Z`."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
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
