"""Which URLs webhooks may be sent to."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from penstock.errors import FieldError, Invalid, StepError
from penstock.net.client import GuardedClient

MAX_URL_CHARS = 2048
LOOK_UP_SECONDS = 2.0


async def check_url(http: GuardedClient, url: str, field: str) -> None:
    """Raises `Invalid` (`webhook_url_invalid`, with the reason) for a URL that could never be delivered to.

    A host that cannot be looked up now is let pass: it may be there by then, and each connection is guarded anyway.
    """
    reason = await _fault(http, url)
    if reason is not None:
        detail = f"{field!r} cannot be a webhook: {reason}."
        raise Invalid("webhook_url_invalid", detail, errors=(FieldError(field, reason),))


def host_of(url: str) -> str:
    """Whom a checked URL leads to: `example.com`, or `example.com:8443`."""
    return urlsplit(url).netloc.lower()


async def _fault(http: GuardedClient, url: str) -> str | None:
    if len(url) > MAX_URL_CHARS:
        return f"the URL is longer than {MAX_URL_CHARS:,} characters"
    if not url.isprintable() or any(map(str.isspace, url)):
        return "the URL has white space or control characters in it"
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            await http.permit(url)
    except StepError as error:
        return error.message
    except TimeoutError:
        return None
    return None
