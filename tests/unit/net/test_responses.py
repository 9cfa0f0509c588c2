import pytest

from penstock.net.client import HttpResponse
from penstock.net.responses import charset, decode_text, is_html, media_type, retry_after_seconds, retryable_status


def response(body: bytes = b"", content_type: str | None = None, status: int = 200) -> HttpResponse:
    return HttpResponse(status, {"content-type": content_type} if content_type else {}, body, "https://example.com/")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 50.0),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("1.5e400", None),
        ("inf", None),
        ("٣", None),
        ("tomorrow", None),
        ("9" * 400, 999999999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_seconds({"retry-after": value}, now=10.0) == seconds


def test_without_a_retry_after_nothing_is_asked() -> None:
    assert retry_after_seconds({}) is None


def test_statuses_worth_another_try() -> None:
    assert [status for status in range(100, 600) if retryable_status(status)] == [408, 425, 429, *range(500, 600)]


def test_the_media_type_is_plain() -> None:
    assert media_type({"content-type": "Text/HTML; charset=UTF-8"}) == "text/html"
    assert media_type({}) == ""


def test_only_charsets_of_text_are_believed() -> None:
    assert charset({"content-type": 'text/html; charset="ISO-8859-1"'}) == "iso-8859-1"
    for wrong in ("rot13", "base64", "no-such-thing", ""):
        assert charset({"content-type": f"text/html; charset={wrong}"}) is None


def test_text_is_decoded_as_declared_or_as_utf8() -> None:
    assert decode_text(response("é".encode("latin-1"), "text/plain; charset=latin-1")) == "é"
    assert decode_text(response("\ufeffé".encode())) == "é"
    assert decode_text(response(b"a\xffb")) == "a\ufffdb"


def test_a_page_is_known_by_its_type_or_without_one_by_its_start() -> None:
    assert is_html(response(b"", "text/html"))
    assert is_html(response(b"", "application/xhtml+xml; charset=utf-8"))
    assert is_html(response(b"  <!doctype html>"))
    assert not is_html(response(b"<a>", "text/plain"))
    assert not is_html(response(b"%PDF-1.7"))
