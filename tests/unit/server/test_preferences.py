"""The `Prefer` header, read as RFC 7240 says."""

from __future__ import annotations

import pytest

from penstock.server.preferences import Preferences, parse_prefer


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Preferences()),
        (["respond-async"], Preferences(respond_async=True)),
        (["wait=10"], Preferences(wait_seconds=10)),
        (["respond-async, wait=10"], Preferences(True, 10)),
        (["wait=10", "respond-async"], Preferences(True, 10)),
        (["Respond-Async; x=1 , WAIT = 3"], Preferences(True, 3)),
        (['wait="5"'], Preferences(wait_seconds=5)),
        (["wait=5, wait=9"], Preferences(wait_seconds=5)),
        (["wait=-1"], Preferences()),
        (["wait=soon, return=minimal"], Preferences()),
        (['x="respond-async, wait=3"'], Preferences()),
        (["wait"], Preferences()),
        ([",,;=,"], Preferences()),
        (["wait=" + "9" * 400], Preferences()),
    ],
)
def test_what_is_understood(headers: list[str], expected: Preferences) -> None:
    assert parse_prefer(headers) == expected


@pytest.mark.parametrize(
    ("preferences", "patience", "applied"),
    [
        (Preferences(), None, None),
        (Preferences(respond_async=True), 0.0, "respond-async"),
        (Preferences(wait_seconds=0), 0.0, "wait=0"),
        (Preferences(wait_seconds=7), 7.0, "wait=7"),
        (Preferences(True, 7), 7.0, "respond-async, wait=7"),
    ],
)
def test_how_long_to_wait_and_what_is_echoed(
    preferences: Preferences, patience: float | None, applied: str | None
) -> None:
    assert preferences.patience_seconds == patience
    assert preferences.applied == applied
