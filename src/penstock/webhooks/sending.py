"""One attempt to deliver a message over HTTP."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.clock import now_ms, wall_ms
from penstock.errors import StepError
from penstock.net.client import GuardedClient, HttpResponse, RequestOptions
from penstock.net.responses import retry_after_seconds
from penstock.storage.deliveries import Attempt
from penstock.webhooks.signing import signed_headers

KEPT_BYTES = 1024
"""So much of an answer is read and kept, for people to see what the receiver said."""

USER_AGENT = "penstock-webhooks"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, where to, and the secrets that sign it."""

    id: str
    url: str
    body: str
    secrets: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sent:
    """How an attempt went, and when the receiver wants to be asked again (seconds), if it said so."""

    attempt: Attempt
    retry_after_seconds: float | None = None


async def send(http: GuardedClient, message: Message, timeout_seconds: float) -> Sent:
    """Make one attempt; whatever goes wrong on the way is the attempt's error. Redirects are not followed."""
    started_at, clock = now_ms(), time.perf_counter()
    options = RequestOptions(timeout_seconds=timeout_seconds, max_bytes=KEPT_BYTES, cut_body=True, max_redirects=0)
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        # Receivers refuse what is minutes away from the time of day, so it is that which is signed.
        **signed_headers(message.secrets, message.id, wall_ms() // 1000, message.body),
    }
    try:
        response = await http.request("POST", message.url, headers=headers, body=message.body.encode(), options=options)
    except StepError as error:
        return Sent(Attempt(started_at, _ms_since(clock), error_code=error.code, error=_text(error)))
    answer = response.body[:KEPT_BYTES].decode("utf-8", "replace")
    attempt = Attempt(
        started_at, _ms_since(clock), response.status, answer, error_code=_code(response), error=_refusal(response)
    )
    return Sent(attempt, retry_after_seconds(response.headers))


def _code(response: HttpResponse) -> str | None:
    if 200 <= response.status < 300:
        return None
    return "redirect" if 300 <= response.status < 400 else "http_status"


def _refusal(response: HttpResponse) -> str | None:
    if 200 <= response.status < 300:
        return None
    if 300 <= response.status < 400:
        return f"The receiver answered {response.status}; redirects are not followed. Set the URL it leads to."
    return f"The receiver answered {response.status}."


def _text(error: StepError) -> str:
    return f"{error.message}: {error.cause}" if error.cause else error.message


def _ms_since(clock: float) -> int:
    return int((time.perf_counter() - clock) * 1000)
