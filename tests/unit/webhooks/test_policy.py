"""The schedule, as a value."""

from __future__ import annotations

import pytest

from penstock.storage.deliveries import Attempt
from penstock.webhooks.policy import SCHEDULE_SECONDS, standing_after

HOUR = 3600.0
ENDED = 1_000_000


def after(status: int | None, step: int = 0, retry_after: float | None = None) -> tuple[str, float]:
    """The state after an attempt, and the seconds until the next."""
    attempt = Attempt(ENDED - 500, 500, status)
    standing = standing_after(attempt, step, retry_after, SCHEDULE_SECONDS)
    return standing.status, ((standing.next_attempt_at or ENDED) - ENDED) / 1000


def test_the_schedule_outlasts_a_receiver_that_is_down_for_an_hour() -> None:
    assert len(SCHEDULE_SECONDS) == 10
    assert SCHEDULE_SECONDS[0] == 0
    assert 74 * HOUR < sum(SCHEDULE_SECONDS) < 77 * HOUR
    assert sum(SCHEDULE_SECONDS) * 0.9 > HOUR


@pytest.mark.parametrize("step", range(9))
def test_each_wait_is_that_of_the_schedule_within_a_tenth(step: int) -> None:
    status, wait = after(500, step)
    assert status == "pending"
    assert SCHEDULE_SECONDS[step + 1] * 0.9 <= wait + 0.001
    assert wait <= SCHEDULE_SECONDS[step + 1] * 1.1


@pytest.mark.parametrize(("status", "becomes"), [(200, "delivered"), (204, "delivered"), (299, "delivered")])
def test_2xx_is_success(status: int, becomes: str) -> None:
    assert after(status) == (becomes, 0)


@pytest.mark.parametrize("status", [None, 301, 304, 400, 401, 404, 408, 429, 500, 503])
def test_whatever_else_comes_back_is_tried_again(status: int | None) -> None:
    assert after(status)[0] == "pending"


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_up_to_a_day_and_never_shortens_the_wait(status: int) -> None:
    assert after(status, 0, 60.0)[1] == 60
    assert after(status, 0, 1e9)[1] == 24 * HOUR
    assert after(status, 4, 60.0)[1] > 60
    assert after(500, 0, 60.0)[1] < 10


def test_410_and_the_end_of_the_schedule_are_final() -> None:
    assert after(410)[0] == "failed"
    assert after(500, 9)[0] == "failed"
