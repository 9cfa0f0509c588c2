"""Which due times a schedule fires now, and which it has missed: decided from its state and the clock alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from penstock.clock import iso
from penstock.schedules.cron import Timetable, timetable
from penstock.storage.schedules import ScheduleRecord
from penstock.types import JsonObject

ON_TIME_MS = 60_000
"""A due time that is later than this was missed: Penstock was not running, or the clock jumped."""
MAX_AT_ONCE = 100
"""So many due times of one schedule are taken at once, the newest; those before them are missed whatever the policy."""

_WINDOWS_MS = (60_000, 3_600_000, 86_400_000)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is claimed together: due times to fire, in order; those missed, each with its reason; the next due time."""

    due: tuple[int, ...]
    missed: tuple[tuple[int, JsonObject], ...]
    last_due_at: int
    next_at: int | None


def claim_of(schedule: ScheduleRecord, now: int) -> Claim:
    """Everything of an enabled schedule that is due by now.

    Takes a while when much has passed: off the event loop, please. Raises `Invalid` when its cron expression or zone
    is not known any more.
    """
    first = schedule.next_at
    if first is None or first > now:
        raise ValueError(f"schedule {schedule.id} is not due")
    times = timetable(schedule.cron, schedule.timezone)
    latest = _latest(times, max(first, now - schedule.catch_up_seconds * 1000), now)
    missed: list[tuple[int, JsonObject]] = []
    if not latest or latest[0] > first:
        # Named once, not one by one: a schedule of every second may have been asleep for a year.
        upto = f"before {iso(latest[0])}" if latest else f"until {iso(now)}"
        missed.append((first, _passed(f"No longer caught up with, like every other due time {upto}.")))
    due, late = _chosen(schedule, latest, now)
    missed += [(at, _passed("Penstock was not running when it was due.")) for at in late]
    return Claim(tuple(due), tuple(missed), latest[-1] if latest else first, times.next_after(now))


def _chosen(schedule: ScheduleRecord, latest: list[int], now: int) -> tuple[list[int], list[int]]:
    """Due times to fire, and to miss."""
    late = [at for at in latest if now - at > ON_TIME_MS]
    on_time = latest[len(late) :]
    if schedule.missed == "all":
        return latest, []
    if schedule.missed == "once" and late and not on_time:
        return late[-1:], late[:-1]
    return on_time, late


def _latest(times: Timetable, since: int, now: int) -> list[int]:
    """The last `MAX_AT_ONCE` due times of a stretch, found by looking further and further back."""
    for window in _WINDOWS_MS:
        start = max(since, now - window)
        found = _between(times, start, now)
        if len(found) >= MAX_AT_ONCE or start == since:
            return found[-MAX_AT_ONCE:]
    return _between(times, since, now)[-MAX_AT_ONCE:]


def _between(times: Timetable, start: int, end: int) -> list[int]:
    return [*takewhile(lambda due: due <= end, times.after(start - 1))]


def _passed(message: str) -> JsonObject:
    return {"code": "missed", "message": message}
