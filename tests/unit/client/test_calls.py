"""The rules of sending again, without a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from penstock.client import calls
from penstock.client.errors import APIConnectionError, APIResponseError, status_error

READ = calls.get("/flows")
CREATE = calls.post("/flows", {})


def delay(call, failure, attempt=1):
    return calls.delay_before_retry(call, failure, attempt)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_passing_failure_of_a_repeatable_call_is_sent_again(status):
    assert delay(READ, status_error(status, {})) is not None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_a_refusal_is_final(status):
    assert delay(READ, status_error(status, {})) is None


def test_a_call_that_may_have_taken_effect_is_not_sent_again():
    assert delay(CREATE, APIConnectionError("cut")) is None
    assert delay(CREATE, status_error(502, {})) is None


def test_a_call_that_was_turned_away_is_sent_again_whatever_it_is():
    assert delay(CREATE, status_error(429, {})) is not None
    assert delay(CREATE, status_error(503, {})) is not None


def test_the_end_of_a_run_is_final_whatever_its_status():
    assert delay(READ, status_error(504, {"executionId": "exec_1"})) is None


def test_retry_after_comes_before_back_off_but_nobody_is_kept_for_long():
    assert delay(READ, status_error(429, {}, retry_after_seconds=7.0)) == 7.0
    assert delay(READ, status_error(429, {}, retry_after_seconds=3600.0)) is None


def test_back_off_is_jittered_under_a_growing_ceiling(monkeypatch):
    monkeypatch.setattr("penstock.client.calls._BACK_OFF_SECONDS", 0.5)
    drawn = [delay(READ, APIConnectionError("cut"), attempt=attempt) for attempt in range(1, 9) for _ in range(50)]
    assert len(set(drawn)) > 300
    assert max(drawn[:50]) <= 0.5
    assert max(drawn) <= 8.0


def test_retry_after_is_seconds_or_a_date():
    assert calls.retry_after({"retry-after": "2.5"}) == 2.5
    assert calls.retry_after({"retry-after": "soon"}) is None
    assert calls.retry_after({}) is None
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < calls.retry_after({"retry-after": date}) <= 30


def test_work_is_started_under_a_key_of_its_own():
    first, second = (calls.start("/flows/f/execute", {}, idempotency_key=None) for _ in range(2))
    assert first.headers["idempotency-key"] != second.headers["idempotency-key"]
    assert calls.start("/x", {}, idempotency_key="mine").headers["idempotency-key"] == "mine"


def test_a_name_is_one_segment_of_a_path():
    assert calls.segment("a/b c?") == "a%2Fb%20c%3F"
    with pytest.raises(ValueError, match="must not be empty"):
        calls.segment("")


def test_an_answer_that_does_not_fit_says_so():
    with pytest.raises(APIResponseError, match="not JSON"):
        calls.Answer(200, {}, b"<html>").json()
    with pytest.raises(APIResponseError, match="does not fit int"):
        calls.Answer(200, {}, b'"x"').parse(int)


def test_the_environment_names_the_server_and_the_key(monkeypatch):
    monkeypatch.setenv("PENSTOCK_URL", "http://there:1/")
    monkeypatch.setenv("PENSTOCK_API_KEY", "k")
    assert calls.server_url(None) == "http://there:1"
    assert calls.server_url("http://here") == "http://here"
    assert calls.auth_headers(None) == {"authorization": "Bearer k"}


def test_a_wait_outlasts_a_server_that_is_away_but_not_one_that_answers():
    waiting = calls.start("/x", {}, idempotency_key=None, hold_seconds=30)
    gone, starting = APIConnectionError("gone"), status_error(503, {}, retry_after_seconds=None)
    for failure in (gone, starting):
        assert calls.outlasts(waiting, failure, 29)
        assert not calls.outlasts(waiting, failure, 31)
        assert not calls.outlasts(calls.get("/x"), failure, 0)
    assert not calls.outlasts(waiting, status_error(500, {}, retry_after_seconds=None), 0)


def test_a_server_that_asks_for_no_pause_again_and_again_gets_one():
    busy = status_error(503, {}, retry_after_seconds=0.0)
    assert calls.delay_before_retry(calls.get("/x"), busy, 1) == 0.0
    assert calls.delay_before_retry(calls.get("/x"), busy, 9) > 0.0
