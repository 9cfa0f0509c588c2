"""Reading what a server answered: media type, text, when to come back, and which statuses are worth another try."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.message import Message
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from penstock.errors import StepError
from penstock.net.client import HttpResponse

HTML_TYPES = ("text/html", "application/xhtml+xml")
_EXCERPT_CHARS = 500


def retryable_status(status: int) -> bool:
    """Whether another attempt can help: 408, 425, 429 and 5xx."""
    return status in (408, 425, 429) or status >= 500


def retry_after_seconds(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """What `Retry-After` asks for (RFC 9110, 10.2.3): seconds or an HTTP date; None where absent or unreadable.

    `now` is in seconds since 1970; a date in the past is 0.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))


def media_type(headers: Mapping[str, str]) -> str:
    """`text/html` of `text/html; charset=utf-8`, in lower case; empty where none is named."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def charset(headers: Mapping[str, str]) -> str | None:
    """The charset that the content type names, when it is one that text can be decoded from."""
    message = Message()
    message["content-type"] = headers.get("content-type", "")
    name = message.get_content_charset()
    if name is None:
        return None
    try:
        b"a".decode(name, "replace")
    except (LookupError, ValueError):
        return None
    return name


def decode_text(response: HttpResponse) -> str:
    """The body as text, in its declared charset or UTF-8; what cannot be decoded becomes U+FFFD."""
    return response.body.decode(charset(response.headers) or "utf-8-sig", errors="replace")


def is_html(response: HttpResponse) -> bool:
    """Whether the response is an HTML page: by its content type, or by its first character where it names none."""
    kind = media_type(response.headers)
    return kind in HTML_TYPES or (not kind and response.body[:512].lstrip().startswith(b"<"))


def status_error(response: HttpResponse) -> StepError:
    """`http_status`, for a response whose status was not expected. `cause` quotes the start of its body."""
    host = urlsplit(response.url).hostname
    return StepError(
        "http_status",
        f"{host} answered {response.status} {_phrase(response.status)}".rstrip(),
        retryable=retryable_status(response.status),
        retry_after_seconds=retry_after_seconds(response.headers),
        cause=decode_text(response)[:_EXCERPT_CHARS].strip() or None,
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
