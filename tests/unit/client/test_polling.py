from __future__ import annotations

from penstock.client.polling import hold_seconds, pause_seconds, wait_call


def test_an_unwatched_wait_is_held_as_long_as_the_server_likes():
    assert hold_seconds(0.0, None, watched=False) == 30.0
    assert hold_seconds(0.0, 4.0, watched=False) == 4.0
    assert hold_seconds(5.0, 4.0, watched=False) == 0.0


def test_a_watched_wait_begins_brisk_and_calms_with_age():
    holds = [hold_seconds(age, None, watched=True) for age in (0.0, 60.0, 120.0, 3600.0)]
    assert holds == [0.5, 3.0, 6.0, 15.0]


def test_a_server_that_does_not_hold_is_not_flooded():
    assert pause_seconds(30.0, 0.01, None) > 29
    assert pause_seconds(30.0, 0.01, 2.0) == 2.0
    assert pause_seconds(30.0, 0.01, 0.0) == 0.5
    assert pause_seconds(30.0, 30.0, 5.0) == 0.0


def test_a_look_waits_for_an_absent_server_no_longer_than_the_wait():
    assert wait_call("/x", 5.0, None).patience_seconds == 300.0
    assert wait_call("/x", 5.0, 12.0).patience_seconds == 12.0
    assert wait_call("/x", 0.0, -1.0).patience_seconds == 0.0
