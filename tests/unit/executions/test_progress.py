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


def finished(*moments: int, total: int) -> Tally:
    tally = Tally(planned=total)
    tally.committed([], [ItemRecord("0", "succeeded", None, None, None, 0, moment) for moment in moments], 9)
    return tally


def test_an_estimate_needs_two_finished_items_and_something_left() -> None:
    assert finished(1000, total=10).eta_seconds(2000) is None
    assert finished(1000, 2000, total=2).eta_seconds(2000) is None
    assert Tally(planned=5).eta_seconds(0) is None


def test_an_estimate_follows_the_rate_and_has_a_wider_bound() -> None:
    median, bound = finished(*range(0, 10_000, 100), total=200).eta_seconds(10_000) or (0, 0)
    assert median == pytest.approx(10)
    assert median < bound < 2 * median


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=20), st.integers(0, 10**6))
def test_a_clock_that_jumps_back_gives_no_negative_estimate(moments: list[int], now: int) -> None:
    median, bound = finished(*moments, total=100).eta_seconds(now) or (0, 0)
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
