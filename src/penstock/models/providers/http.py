"""One JSON call to a provider, and what its failures mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from penstock.errors import StepError
from penstock.models.providers.base import Endpoint
from penstock.net.client import GuardedClient, HttpResponse, RequestOptions

T = TypeVar("T")

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_CAUSE_CHARS = 2_000
_CONNECT_TIMEOUT_SECONDS = 10.0
_RETRYABLE = frozenset({408, 425})
_KEY_SHAPES = re.compile(r"\b(?:sk|pk|key|AIza)[-_A-Za-z0-9*]{12,}|(?i:bearer)\s+\S+|([?&]key=)[^&\s\"]+")
_UNREACHABLE = frozenset({"connection_failed", "connection_cut"})


class _ErrorBody(msgspec.Struct):
    error: Any = None
    message: Any = None
    detail: Any = None


_error_decoder = msgspec.json.Decoder(_ErrorBody)


async def post(
    http: GuardedClient,
    endpoint: Endpoint,
    path: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    timeout_seconds: float,
) -> HttpResponse:
    """POST JSON and return the 200 answer. Raises `StepError` for everything else."""
    options = RequestOptions(
        timeout_seconds=timeout_seconds,
        connect_timeout_seconds=min(_CONNECT_TIMEOUT_SECONDS, timeout_seconds),
        max_bytes=MAX_ANSWER_BYTES,
        max_redirects=0,
        allow_loopback=True,
    )
    headers = {"content-type": "application/json", **headers}
    try:
        response = await http.request(
            "POST", endpoint.base_url + path, headers=headers, body=msgspec.json.encode(body), options=options
        )
    except StepError as error:
        raise _connection_error(endpoint, error, timeout_seconds) from error
    if response.status != 200:
        raise status_error(endpoint, response)
    return response


def decode(decoder: msgspec.json.Decoder[T], endpoint: Endpoint, response: HttpResponse) -> T:
    """The body as the decoder's type; `model_bad_answer` (retryable) when it is something else."""
    try:
        return decoder.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_answer(endpoint, f"its answer is not what the protocol says: {error}", response) from error


def bad_answer(endpoint: Endpoint, what: str, response: HttpResponse) -> StepError:
    """The provider answered 200 with something that is no answer."""
    cause = _scrubbed(response.body[: 4 * MAX_CAUSE_CHARS].decode(errors="replace"), endpoint)
    return StepError("model_bad_answer", f"{_name(endpoint)}: {what}", retryable=True, cause=cause)


def status_error(endpoint: Endpoint, response: HttpResponse) -> StepError:
    """What a status other than 200 means.

    429 asks to come back later (unless the account has run out of money); 408, 425, 5xx and whatever carries
    `x-should-retry: true` can be tried again; other 4xx are final.
    """
    status = response.status
    cause = error_text(endpoint, response)
    name = _name(endpoint)
    wait = retry_after_seconds(response.headers)
    if status == 429 and "insufficient_quota" not in cause:
        message = f"{name} takes no more requests just now (429)"
        return StepError("model_rate_limited", message, retryable=True, retry_after_seconds=wait, cause=cause)
    advice = response.headers.get("x-should-retry")
    retryable = status in _RETRYABLE or status >= 500
    if advice in ("true", "false"):
        retryable = advice == "true"
    if retryable:
        message = f"{name} failed with status {status}"
        return StepError("model_error", message, retryable=True, retry_after_seconds=wait, cause=cause)
    if status >= 500:
        return StepError("model_error", f"{name} failed with status {status}", cause=cause)
    return StepError("model_refused_request", _refusal(name, status), cause=cause)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long the other side asks to wait (RFC 9110: seconds or a date; `retry-after-ms` as OpenAI sends it)."""
    milliseconds = headers.get("retry-after-ms")
    text = headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        if text is None:
            return None
        if text.strip().replace(".", "", 1).isdigit():
            return float(text)
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def error_text(endpoint: Endpoint, response: HttpResponse) -> str:
    """The provider's own words, without keys, at most 2,000 characters."""
    try:
        body = _error_decoder.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _scrubbed(response.body[: 4 * MAX_CAUSE_CHARS].decode(errors="replace"), endpoint)
    words = body.error or body.message or body.detail
    if isinstance(words, dict):
        kind = words.get("code") or words.get("type") or words.get("status")
        text = words.get("message")
        words = f"{text} ({kind})" if text and kind else text or words
    if not isinstance(words, str):
        words = msgspec.json.encode(words).decode() if words is not None else response.body.decode(errors="replace")
    return _scrubbed(words, endpoint)


def timed_out(endpoint: Endpoint, seconds: float) -> StepError:
    """The call took longer than it may."""
    return StepError("model_timeout", f"{_name(endpoint)} did not answer within {seconds:g} s", retryable=True)


def _connection_error(endpoint: Endpoint, error: StepError, timeout_seconds: float) -> StepError:
    if error.code == "timeout":
        return timed_out(endpoint, timeout_seconds)
    cause = _scrubbed(error.cause or error.message, endpoint)
    if error.code in _UNREACHABLE:
        did = "cannot be reached" if error.code == "connection_failed" else "cut the connection"
        message = f"{_name(endpoint)} at {endpoint.base_url} {did}"
        return StepError("model_unreachable", message, retryable=True, cause=cause)
    if error.code in ("response_invalid", "response_too_large"):
        message = f"{_name(endpoint)} gave an answer that cannot be read: {error.message}"
        return StepError("model_bad_answer", message, retryable=error.retryable, cause=cause)
    message = f"{_name(endpoint)} at {endpoint.base_url} may not or cannot be called: {error.message}"
    return StepError("model_unreachable", message, retryable=error.retryable, cause=cause)


def _refusal(name: str, status: int) -> str:
    if status in (401, 403):
        return f"{name} does not accept the key ({status}). Check the provider's key or the saved model's apiKey."
    if status == 404:
        return f"{name} is not known to its provider (404). Check the model's name and base URL."
    if status == 429:
        return f"{name} refused the request: the account has run out of quota or money (429)."
    return f"{name} refused the request ({status})"


def _name(endpoint: Endpoint) -> str:
    return f"model {endpoint.provider}/{endpoint.model}"


def _scrubbed(text: str, endpoint: Endpoint) -> str:
    if endpoint.api_key:
        text = text.replace(endpoint.api_key, "[key]")
    return _KEY_SHAPES.sub(lambda match: (match.group(1) or "") + "[key]", text)[:MAX_CAUSE_CHARS]
