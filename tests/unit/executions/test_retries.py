from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import StepError
from penstock.executions.retries import RetryPolicy

DRAW = random.Random(1)
AGAIN = StepError("busy", "busy", retryable=True)


@given(st.integers(1, 20), st.floats(0, 300), st.floats(0, 3600), st.integers(1, 20), st.floats(0, 9999))
def test_a_delay_is_at_most_the_doubled_one_and_at_least_what_was_asked_for(
    attempts: int, initial: float, most: float, attempt: int, asked: float
) -> None:
    policy = RetryPolicy(attempts, initial, most)
    plain = policy.delay_seconds(attempt, AGAIN, DRAW)
    error = StepError("busy", "busy", retryable=True, retry_after_seconds=asked)
    told = policy.delay_seconds(attempt, error, DRAW)
    if attempt >= attempts:
        assert plain is None
        assert told is None
    else:
        assert plain is not None
        assert told is not None
        assert 0 <= plain <= min(most, initial * 2 ** (attempt - 1))
        assert told >= asked


def test_what_another_try_cannot_help_is_not_tried_again() -> None:
    assert RetryPolicy().delay_seconds(1, StepError("bad", "bad"), DRAW) is None


def test_delays_are_spread_over_the_whole_range() -> None:
    delays = [RetryPolicy(9, 1.0, 100.0).delay_seconds(4, AGAIN, DRAW) or 0 for _ in range(500)]
    assert min(delays) < 1
    assert max(delays) > 7
