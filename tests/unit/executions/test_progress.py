"""What callers are shown: counters that add up, a percentage that never lies about the end, an honest estimate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.executions.journal import ItemRecord
from penstock.executions.progress import Tally, short_duration
from penstock.storage.items import counts_of

SMALL = st.integers(0, 50)


@given(
    st.fixed_dictionaries(dict.fromkeys(("succeeded", "failed", "skipped", "cancelled"), SMALL)),
    st.integers(0, 300),
    SMALL,
    st.booleans(),
)
def test_counts_add_up_to_the_total(recorded: dict[str, int], total: int, running: int, ended: bool) -> None:
    counts = counts_of(recorded, total=total, running=running, ended=ended)
    parts = (counts.pending, counts.running, counts.succeeded, counts.failed, counts.skipped, counts.cancelled)
    assert min(parts) >= 0
    assert sum(parts) == max(total, sum(recorded.values()))
    assert counts.processed == recorded["succeeded"] + recorded["failed"] + recorded["skipped"]
    if ended:
        assert counts.pending == counts.running == 0


def running(total: int, durations: list[int], ages: list[int], now: int = 10**6) -> Tally:
    """A run with finished items of these durations, and items under way since so long."""
    tally = Tally(planned=total)
    records = [ItemRecord(f"{n:09d}", "succeeded", None, None, None, now - ms, now) for n, ms in enumerate(durations)]
    tally.committed([], records, 9)
    for n, age in enumerate(ages, len(durations)):
        tally.begin(f"{n:09d}", now - age)
    return tally


def test_an_estimate_needs_two_finished_items_and_something_left() -> None:
    assert running(10, [100], [5]).eta_seconds(10**6) is None
    assert running(2, [100, 100], []).eta_seconds(10**6) is None
    assert running(100, [100, 100], [100] * 50).eta_seconds(10**6) is None, "nearly all take longer than any known"
    assert Tally(planned=5).eta_seconds(0) is None


def test_an_estimate_follows_the_pace_and_has_a_wider_bound() -> None:
    # 200 items of 100 ms, ten at a time: 100 are done, ten are half done, 90 wait.
    median, bound = running(200, [100] * 100, [50] * 10).eta_seconds(10**6) or (0, 0)
    assert median == pytest.approx(1.0, rel=0.1)
    assert median < bound < 2 * median


def test_at_the_end_the_slowest_counts() -> None:
    mixed = [100] * 90 + [1000] * 10
    one, _ = running(101, mixed, [10]).eta_seconds(10**6) or (0, 0)
    many, _ = running(130, mixed, [10] * 30).eta_seconds(10**6) or (0, 0)
    late, _ = running(101, mixed, [500]).eta_seconds(10**6) or (0, 0)
    assert one == pytest.approx(0.09, abs=0.02)
    assert many == pytest.approx(0.99, abs=0.02), "one of thirty is likely to be a slow one"
    assert late == pytest.approx(0.5, abs=0.02), "what has lasted so long is a slow one"


def test_what_is_split_is_estimated_by_its_elements_until_items_are_finished() -> None:
    now = 10**6
    tally = Tally(planned=1, nested=100)
    tally.begin("000000000", now - 5000)
    records = [ItemRecord(f"000000000.{n:09d}", "succeeded", None, None, None, now - 100, now) for n in range(50)]
    tally.committed([], records, 60)
    tally.begin("000000000.000000050", now - 50)
    median, _ = tally.eta_seconds(now) or (0, 0)
    assert median == pytest.approx(5.0, rel=0.1)


@given(
    st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=20),
    st.lists(st.integers(-(10**6), 10**6), max_size=20),
    st.integers(0, 10**6),
)
def test_clocks_that_jump_make_no_negative_estimate(durations: list[int], ages: list[int], waiting: int) -> None:
    tally = running(len(durations) + len(ages) + waiting, durations, ages)
    median, bound = tally.eta_seconds(10**6) or (0, 0)
    assert 0 <= median <= bound


def test_the_current_node_is_where_most_items_are() -> None:
    tally = Tally()
    assert tally.busiest_node() is None
    for node in ("a", "b", "b"):
        tally.enter(node)
    assert tally.busiest_node() == "b"
    for node in ("b", "b", "a"):
        tally.leave(node)
    assert tally.busiest_node() is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (45.4, "45s"), (59.6, "1m 0s"), (200, "3m 20s"), (3599.6, "1h 0m"), (7500, "2h 5m")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert short_duration(seconds) == text
