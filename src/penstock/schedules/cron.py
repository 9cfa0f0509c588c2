"""When a schedule is due: a cron expression on the wall clock of a zone.

Five fields are read as Debian's cron does (`cronsim`): where neither minute nor hour is a wildcard, a time that the
clock skips in spring fires when the clock goes on, and one that comes twice in autumn fires the first time; with a
wildcard the times follow the hours that really pass. Six fields begin with seconds and always follow real hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from penstock.errors import FieldError, Invalid

MAX_CRON_LENGTH = 200

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True, slots=True)
class Timetable:
    """The due times of a cron expression in a zone. Made by `timetable`, which checks both."""

    expression: str
    zone: ZoneInfo

    def after(self, moment_ms: int) -> Iterator[int]:
        """Due times later than a moment, strictly increasing, in milliseconds since 1970. Ends when none comes within
        fifty years of the one before."""
        last = moment_ms
        start = datetime.fromtimestamp(moment_ms / 1000, UTC).astimezone(self.zone)
        for due in CronSim(self.expression, start):
            due_ms = int(due.timestamp()) * 1000
            # Begun within the hour that comes twice, cronsim may name a time of that hour's first coming.
            if due_ms > last:
                last = due_ms
                yield due_ms

    def next_after(self, moment_ms: int) -> int | None:
        """The first due time later than a moment; None when there is none."""
        return next(self.after(moment_ms), None)

    def local(self, due_ms: int) -> str:
        """A due time as the zone's clock shows it: `2026-03-29T03:00:00+02:00`."""
        return datetime.fromtimestamp(due_ms / 1000, UTC).astimezone(self.zone).isoformat()


def timetable(cron: str, timezone: str) -> Timetable:
    """Check an expression and a zone. Raises `Invalid` naming the one that is wrong."""
    return Timetable(_expression(cron), _zone(timezone))


def _expression(cron: str) -> str:
    text = " ".join(cron.split())
    expression = ALIASES.get(text.lower(), text)
    if len(text) > MAX_CRON_LENGTH:
        raise _cron_invalid(f"it is longer than {MAX_CRON_LENGTH} characters")
    if text.startswith("@") and expression == text:
        raise _cron_invalid(f"{text!r} is not one of {', '.join(ALIASES)}")
    try:
        first = next(CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        raise _cron_invalid(f"{text!r}: {str(error).lower()}; write minute, hour, day, month, weekday") from None
    if first is None:
        raise _cron_invalid(f"{text!r} never comes")
    return expression


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        detail = f"{name!r} is no time zone; take an IANA name such as 'Europe/Berlin' or 'UTC'."
        raise Invalid("timezone_unknown", detail, errors=(FieldError("timezone", detail),)) from None


def _cron_invalid(why: str) -> Invalid:
    detail = f"The cron expression does not work: {why}."
    return Invalid("cron_invalid", detail, errors=(FieldError("cron", why),))
