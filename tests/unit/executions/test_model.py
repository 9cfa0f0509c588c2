from __future__ import annotations

import pytest

from penstock.errors import Conflict
from penstock.executions.model import TERMINAL, TRANSITIONS, MaxFailed, Options, Status, check_transition, sources_of


def test_what_is_over_changes_by_a_retry_only() -> None:
    for status in TERMINAL:
        assert TRANSITIONS[status] == {Status.PENDING}


def test_completion_never_replaces_another_end_or_a_pause() -> None:
    assert sources_of(Status.COMPLETED) == (Status.RUNNING,)
    assert sources_of(Status.FAILED) == (Status.RUNNING,)


def test_cancel_and_timeout_reach_everything_that_is_not_over() -> None:
    assert set(sources_of(Status.CANCELLED)) == {Status.PENDING, Status.RUNNING, Status.PAUSED}
    assert set(sources_of(Status.TIMEOUT)) == {Status.PENDING, Status.RUNNING}, "a paused one's deadline stands still"


def test_a_transition_outside_the_table_is_refused() -> None:
    check_transition(Status.RUNNING, Status.COMPLETED)
    with pytest.raises(Conflict, match="cancelled"):
        check_transition(Status.CANCELLED, Status.COMPLETED)


@pytest.mark.parametrize(
    ("policy", "total", "allowed"),
    [
        ("continue", 10, None),
        ("failFast", 10, 0),
        (MaxFailed(3), None, 3),
        (MaxFailed("5%"), 200, 10),
        (MaxFailed("5%"), 10, 0),
        (MaxFailed("100%"), 10, 10),
        (MaxFailed("12.5%"), 8, 1),
        (MaxFailed("5%"), None, None),
    ],
)
def test_how_many_may_fail(policy: object, total: int | None, allowed: int | None) -> None:
    options = Options(concurrency=1, on_item_error=policy)  # type: ignore[arg-type]
    assert options.failures_allowed(total) == allowed
