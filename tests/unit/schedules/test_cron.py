"""Due times on the wall clock, through the nights when it is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import Invalid
from penstock.schedules.cron import ALIASES, timetable

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        # Berlin, 29 March 2026: 02:00 becomes 03:00. A fixed time inside the gap fires when the clock goes on.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T03:00+01:00",
            ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"],
        ),
        # Two times inside the gap and one at its end are one firing.
        (
            "0,30 2,3 * * *",
            "Europe/Berlin",
            "2026-03-29T00:00+01:00",
            ["2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:00:00+02:00"],
        ),
        # With a wildcard, the hours that really pass.
        (
            "0 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:30+01:00",
            ["2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"],
        ),
        # Berlin, 25 October 2026: 03:00 becomes 02:00 again. A fixed time fires the first time it comes.
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T03:00+02:00",
            ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-10-25T01:45+02:00",
            [
                "2026-10-25T02:00:00+02:00",
                "2026-10-25T02:30:00+02:00",
                "2026-10-25T02:00:00+01:00",
                "2026-10-25T02:30:00+01:00",
                "2026-10-25T03:00:00+01:00",
            ],
        ),
        # Asked from within the second coming of the hour: the fixed time is past already.
        ("50 2 * * *", "Europe/Berlin", "2026-10-25T02:40+01:00", ["2026-10-26T02:50:00+01:00"]),
        # New York, 8 March and 1 November 2026.
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T03:00-05:00",
            ["2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T02:00-04:00",
            ["2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"],
        ),
        (
            "15 * * * *",
            "America/New_York",
            "2026-11-01T00:30-04:00",
            ["2026-11-01T01:15:00-04:00", "2026-11-01T01:15:00-05:00", "2026-11-01T02:15:00-05:00"],
        ),
        # Six fields: real hours, so a time in the gap is left out and one that comes twice fires twice.
        ("0 30 2 * * *", "Europe/Berlin", "2026-03-28T03:00+01:00", ["2026-03-30T02:30:00+02:00"]),
        (
            "0 30 2 * * *",
            "Europe/Berlin",
            "2026-10-25T00:00+02:00",
            ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"],
        ),
        # The 13th that is also a Friday needs both; Debian's cron reads two lists as either.
        ("0 9 13 * FRI", "UTC", "2026-03-12T12:00+00:00", ["2026-03-13T09:00:00+00:00", "2026-03-20T09:00:00+00:00"]),
        ("0 0 L * *", "UTC", "2028-02-10T00:00+00:00", ["2028-02-29T00:00:00+00:00", "2028-03-31T00:00:00+00:00"]),
        ("@hourly", "UTC", "2026-01-01T00:00+00:00", ["2026-01-01T01:00:00+00:00"]),
    ],
)
def test_due_times_on_the_wall_clock(cron: str, zone: str, after: str, due: list[str]) -> None:
    times = timetable(cron, zone)
    assert [times.local(at) for at in islice(times.after(ms(after)), len(due))] == due


@pytest.mark.parametrize("alias", ALIASES)
def test_every_alias_works(alias: str) -> None:
    assert timetable(alias, "UTC").next_after(0) is not None


@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("* * * *", "wrong number of fields"),
        ("61 * * * *", "bad minute"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 * 2 1#6", "bad day-of-week"),
        ("@sometimes", "not one of"),
        ("1," * 200 + "1 * * * *", "longer than"),
        ("² * * * *", "bad minute"),
    ],
)
def test_what_is_no_cron_expression_is_refused_with_the_field(cron: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as caught:
        timetable(cron, "UTC")
    assert caught.value.code == "cron_invalid"
    assert caught.value.errors[0].path == "cron"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "Europe", "../../etc/passwd", "/etc/passwd", "a\0b", "x" * 300])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(Invalid) as caught:
        timetable("@daily", zone)
    assert caught.value.code == "timezone_unknown"


fields = st.tuples(
    st.sampled_from(["*", "0", "*/7", "1,31", "59", "10-20"]),
    st.sampled_from(["*", "2", "1-3", "*/6", "0,2,3"]),
    st.sampled_from(["*", "1", "29", "L"]),
    st.sampled_from(["*", "3", "10-11"]),
    st.sampled_from(["*", "SUN", "1-5"]),
)
moments = st.one_of(
    st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - made aware below
    # Around the nights when the clocks of these zones change.
    st.builds(
        lambda day, minutes: day + timedelta(minutes=minutes),
        st.sampled_from(
            [datetime(2026, 3, 29), datetime(2026, 10, 25), datetime(2026, 3, 8), datetime(2026, 11, 1)]  # noqa: DTZ001
        ),
        st.integers(-180, 600),
    ),
)


@given(fields, st.sampled_from(ZONES), moments)
def test_due_times_increase_and_do_not_depend_on_where_one_begins(
    parts: tuple[str, ...], zone: str, moment: datetime
) -> None:
    times = timetable(" ".join(parts), zone)
    start = int(moment.replace(tzinfo=UTC).timestamp() * 1000)
    due = [*islice(times.after(start), 12)]
    assert due == sorted(set(due))
    assert not due or due[0] > start
    # A process that starts again between any two goes on with the same ones.
    assert [times.next_after(at) for at in due[:-1]] == due[1:]
