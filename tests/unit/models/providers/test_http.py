from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from penstock.models.providers.base import Endpoint
from penstock.models.providers.http import MAX_CAUSE_CHARS, error_text, retry_after_seconds
from penstock.net.client import HttpResponse

ENDPOINT = Endpoint("openai", "https://x.example", "m", api_key="plain-key")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


def test_retry_after_as_a_date() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    seconds = retry_after_seconds({"retry-after": format_datetime(later, usegmt=True)})
    assert seconds is not None
    assert 80 < seconds <= 90


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":{"message":"bad","code":"c1"}}', "bad (c1)"),
        (b'{"error":"bad"}', "bad"),
        (b'{"message":"bad"}', "bad"),
        (b'{"detail":[{"msg":"bad"}]}', '[{"msg":"bad"}]'),
        (b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"error":{"message":"key plain-key is wrong"}}', "key [key] is wrong"),
        (b'{"error":"Authorization: Bearer abc.def sent"}', "Authorization: [key] sent"),
        (b'{"error":"GET /x?key=abc&b=1"}', "GET /x?key=[key]&b=1"),
    ],
)
def test_the_providers_own_words_without_keys(body: bytes, text: str) -> None:
    assert error_text(ENDPOINT, HttpResponse(400, {}, body, "")) == text


def test_the_providers_words_are_cut() -> None:
    assert len(error_text(ENDPOINT, HttpResponse(500, {}, b"x" * 100_000, ""))) == MAX_CAUSE_CHARS
