"""The URL that a call wants told of the end of its execution: `webhook` in the body, or the header `Webhook-Url`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.errors import FieldError, Invalid
from penstock.server.auth import Call
from penstock.server.describe import header

FIELD = "webhook"
NAME = "Webhook-Url"

WEBHOOK = header(NAME, "A URL that is told of the end; the same as `webhook` in the body, also where an input has it.")


def given_header(call: Call) -> list[str]:
    """What of the request's headers makes it another request: the URL, where there is one."""
    return call.request.headers.getlist(NAME)


def taken_from(body: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """A flat body without the URL, and the URL; where one of the flow's `inputs` has that name, the input wins.

    Raises `Invalid` for a URL that is no text.
    """
    if FIELD not in body or FIELD in inputs:
        return body, None
    url = body[FIELD]
    if not isinstance(url, str):
        raise _fault("must be a URL")
    return {name: value for name, value in body.items() if name != FIELD}, url


async def webhook_url(call: Call, in_body: str | None) -> str | None:
    """The URL of the body or the header, checked. Raises `Invalid` for one that cannot be, or for two of them."""
    in_header = call.request.headers.get(NAME)
    if in_body is not None and in_header is not None and in_body != in_header:
        raise _fault(f"differs from the header {NAME}; send one of them")
    url = in_header if in_body is None else in_body
    if url is not None:
        await call.engine.webhooks.check_url(url, NAME if in_body is None else FIELD)
    return url


def _fault(reason: str) -> Invalid:
    return Invalid("webhook_url_invalid", f"'{FIELD}' {reason}.", errors=(FieldError(FIELD, reason),))
