"""Ranges of time as people write them."""

from __future__ import annotations

import re

from penstock.clock import parse_iso
from penstock.errors import FieldError, Invalid

_RANGE = re.compile(r"(?:last\s*)?(\d{1,6})\s*(m|h|d|w)", re.IGNORECASE)
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
_FOR_EVER = frozenset({"all", "all_time", "any"})


def range_of(time_range: str | None, start: str | None, end: str | None, now_ms: int) -> tuple[int | None, int | None]:
    """The first moment that counts and the first that does not, in milliseconds since 1970; None: no bound.

    `time_range` is a number of minutes, hours, days or weeks until now: `45m`, `24h`, `7d`, `2w`; `all` has no bound.
    `start` and `end` are times in ISO 8601. Raises `Invalid` naming the one that is none, or for a range beside them.
    """
    if time_range is not None and time_range.strip().lower() not in _FOR_EVER:
        if start is not None or end is not None:
            raise _invalid("timeRange", "Give either a range up to now or its ends, not both.")
        found = _RANGE.fullmatch(time_range.strip())
        if found is None:
            raise _invalid("timeRange", f"{time_range!r} is no range of time such as 45m, 24h, 7d or 2w.")
        return now_ms - int(found[1]) * _UNIT_MS[found[2].lower()], None
    return _moment("from", start), _moment("to", end)


def _moment(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_iso(text)
    except (ValueError, OverflowError):
        raise _invalid(name, f"{text!r} is no time such as 2026-11-21 or 2026-11-21T19:46:07Z.") from None


def _invalid(name: str, detail: str) -> Invalid:
    return Invalid("time_invalid", detail, errors=(FieldError(name, detail),))
