"""Which due times are fired and which are missed, from the state of a schedule and the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.schedules.catching_up import MAX_AT_ONCE, ON_TIME_MS, Claim, claim_of
from penstock.schedules.cron import timetable
from penstock.storage.schedules import Missed, ScheduleRecord
from penstock.types import Tenant

MINUTE = 60_000
HOUR = 60 * MINUTE
NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp() * 1000)


def schedule(cron: str, next_at: int, missed: Missed, catch_up_seconds: int = 86_400) -> ScheduleRecord:
    return ScheduleRecord(
        id="1" * 24,
        tenant=Tenant("a" * 24, "b" * 24),
        name="nightly",
        flow_id="f",
        run={},
        cron=cron,
        timezone="UTC",
        overlap="skip",
        missed=missed,
        catch_up_seconds=catch_up_seconds,
        next_at=next_at,
        created_by=None,
        created_at=0,
        updated_at=0,
    )


def missed_of(claim: Claim) -> list[int]:
    return [at for at, _ in claim.missed]


@pytest.mark.parametrize("policy", ["skip", "once", "all"])
def test_what_is_due_now_fires_whatever_the_policy(policy: Missed) -> None:
    claim = claim_of(schedule("0 * * * *", NOON, policy), NOON + 20)
    assert (claim.due, claim.missed) == ((NOON,), ())
    assert claim.next_at == NOON + HOUR


@pytest.mark.parametrize(
    ("policy", "due", "missed"),
    [
        ("skip", [], [-3, -2, -1, 0]),
        ("once", [0], [-3, -2, -1]),
        ("all", [-3, -2, -1, 0], []),
    ],
)
def test_after_a_night_of_nothing(policy: Missed, due: list[int], missed: list[int]) -> None:
    claim = claim_of(schedule("0 * * * *", NOON - 3 * HOUR, policy), NOON + 30 * MINUTE)
    assert [*claim.due] == [NOON + hours * HOUR for hours in due]
    assert missed_of(claim) == [NOON + hours * HOUR for hours in missed]
    assert claim.last_due_at == NOON


def test_once_is_once_also_when_a_due_time_comes_just_now() -> None:
    claim = claim_of(schedule("0 * * * *", NOON - 2 * HOUR, "once"), NOON + 5)
    assert claim.due == (NOON,)
    assert missed_of(claim) == [NOON - 2 * HOUR, NOON - HOUR]


def test_a_short_restart_misses_nothing() -> None:
    claim = claim_of(schedule("* * * * *", NOON, "skip"), NOON + ON_TIME_MS)
    assert claim.due == (NOON, NOON + MINUTE)


def test_only_the_newest_are_caught_up_and_the_rest_is_named_once() -> None:
    year = 365 * 24 * HOUR
    claim = claim_of(schedule("* * * * * *", NOON - year, "all", 7 * 86_400), NOON)
    assert len(claim.due) == MAX_AT_ONCE
    assert claim.due[-1] == NOON
    assert missed_of(claim) == [NOON - year]


def test_nothing_from_before_the_window_is_caught_up() -> None:
    claim = claim_of(schedule("0 * * * *", NOON - 5 * HOUR, "all", 2 * 3600), NOON)
    assert claim.due == (NOON - 2 * HOUR, NOON - HOUR, NOON)
    assert missed_of(claim) == [NOON - 5 * HOUR]
    rare = claim_of(schedule("0 0 * * *", NOON - 36 * HOUR, "all", 2 * 3600), NOON)
    assert rare.due == ()
    assert missed_of(rare) == [NOON - 36 * HOUR]
    assert rare.next_at == NOON + 12 * HOUR


naps = st.lists(st.tuples(st.integers(1, 40 * MINUTE), st.booleans()), min_size=1, max_size=30)


@given(
    naps, st.sampled_from(["*/5 * * * *", "7,8 * * * *", "*/20 * * * * *"]), st.sampled_from(["skip", "once", "all"])
)
def test_through_random_down_times_each_due_time_is_claimed_exactly_once(
    walk: list[tuple[int, bool]], cron: str, policy: Missed
) -> None:
    """A clock that goes on in jumps, and sometimes back; awake only at the ends of them."""
    times = timetable(cron, "UTC")
    state = schedule(cron, times.next_after(NOON) or 0, policy, 7 * 86_400)
    now = NOON
    fired: list[int] = []
    passed: list[int] = []
    for step, back in walk:
        now += -step if back else step
        if state.next_at is None or state.next_at > now:
            continue
        claim = claim_of(state, now)
        fired += claim.due
        passed += missed_of(claim)
        state = replace(state, next_at=claim.next_at, last_due_at=claim.last_due_at)
    assert fired == sorted(set(fired))
    assert not set(fired) & set(passed)
    highest = max(fired + passed, default=NOON)
    every = []
    for due in times.after(NOON):
        if due > highest:
            break
        every.append(due)
    if policy == "all" and not passed:
        assert fired == every
    assert set(fired) | set(passed) <= set(every)
