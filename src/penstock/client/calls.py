"""A request as a value, and the rules around it that need no network: both clients share them."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import msgspec

from penstock.client.errors import APIConnectionError, APIError, APIResponseError, APIStatusError, status_error

DEFAULT_URL = "http://127.0.0.1:7788"
SYNC_LIMIT_SECONDS = 300.0
"""A sync call ends on the server after this time."""

_BACK_OFF_SECONDS = 0.5
_BACK_OFF_CAP_SECONDS = 8.0
_LONGEST_RETRY_AFTER_SECONDS = 60.0
_FEW = 4
_JSON = "application/json"

T = TypeVar("T")
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request.

    `body` is JSON bytes or the file to send. `repeatable` says that sending it twice does no harm: reads, and whatever
    carries an idempotency key. `hold_seconds` is how long the server may keep us waiting on purpose.
    `patience_seconds` is how long a server that has gone away is waited for, beyond the number of retries.
    """

    method: Method
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path | None = None
    repeatable: bool = True
    hold_seconds: float = 0.0
    patience_seconds: float = 0.0


@dataclass(frozen=True)
class Answer:
    """What came back: `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises APIResponseError when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as fault:
            raise APIResponseError(f"the server's answer is not JSON: {fault}") from None

    def parse(self, kind: type[T]) -> T:
        """The body as a value of this type. Raises APIResponseError when it does not fit."""
        return parse(self.json(), kind)


def parse(value: object, kind: type[T]) -> T:
    """Decoded JSON as a value of this type. Raises APIResponseError when it does not fit."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as fault:
        raise APIResponseError(f"the server's answer does not fit {kind.__name__}: {fault}") from None


def get(path: str, **query: str | int | float | None) -> Call:
    """A read; query values that are None are left out."""
    return Call(method="GET", path=path, query=_texts(query))


def delete(path: str) -> Call:
    """A deletion."""
    return Call(method="DELETE", path=path)


def post(path: str, value: object = None, *, repeatable: bool = False) -> Call:
    """A POST of a JSON value, or of nothing."""
    return _with_json("POST", path, value, repeatable=repeatable)


def put(path: str, value: object) -> Call:
    """A PUT of a JSON value."""
    return _with_json("PUT", path, value, repeatable=True)


def patch(path: str, value: object) -> Call:
    """A PATCH that says how a part of something is to be, so that sending it twice does no harm."""
    return _with_json("PATCH", path, value, repeatable=True)


def start(
    path: str,
    value: object = None,
    *,
    idempotency_key: str | None,
    headers: Mapping[str, str] | None = None,
    hold_seconds: float = 0.0,
) -> Call:
    """A POST that starts work. It always carries an idempotency key, the same however often it is sent.

    So a caller who waits for the work outlasts the server: when that is back, the call attaches to what it started.
    """
    key = {"idempotency-key": idempotency_key or uuid.uuid4().hex}
    body = None if value is None else encode(value)
    types = {} if body is None else {"content-type": _JSON}
    return Call(
        method="POST",
        path=path,
        headers={**types, **key, **(headers or {})},
        body=body,
        hold_seconds=hold_seconds,
        patience_seconds=hold_seconds,
    )


def encode(value: object) -> bytes:
    """JSON bytes. Raises TypeError naming the type that JSON has no word for."""
    return msgspec.json.encode(value)


def segment(name: str) -> str:
    """An id or name as one segment of a path. Raises ValueError when it is empty."""
    if not name:
        raise ValueError("an id or name must not be empty")
    # A segment of dots alone would lead to another path.
    return quote(name, safe="") if name.strip(".") else "%2E" * len(name)


def server_url(given: str | None) -> str:
    """The server's address: the one given, else `PENSTOCK_URL`, else the default port of this machine."""
    return (given or os.environ.get("PENSTOCK_URL") or DEFAULT_URL).rstrip("/")


def auth_headers(api_key: str | None) -> dict[str, str]:
    """The header that says who calls: the key given, else `PENSTOCK_API_KEY`."""
    key = api_key or os.environ.get("PENSTOCK_API_KEY")
    return {"authorization": f"Bearer {key}"} if key else {}


def refusal(answer: Answer) -> APIStatusError:
    """The exception for an answer of status 400 and above."""
    try:
        problem = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"requestId": answer.headers.get("x-request-id")}
    return status_error(answer.status, problem, retry_after_seconds=retry_after(answer.headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header, which is a number or an HTTP date (RFC 9110, 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def delay_before_retry(call: Call, failure: APIError, attempt: int) -> float | None:
    """Seconds to wait before sending the call again, or None when it must not be sent again.

    `attempt` is 1 after the first failure. Back-off is exponential with full jitter; what `Retry-After` asks for comes
    first, but nobody is kept for more than a minute. An answer that tells how a run ended is final,
    whatever its status.
    """
    wanted = None
    if isinstance(failure, APIStatusError):
        # 429 and 503 mean that the server did not begin, so that even what is not repeatable may be sent again.
        refused = failure.status in (429, 503)
        passing = refused or failure.status in (408, 425, 500, 502, 504)
        if not passing or "executionId" in failure.problem or not (call.repeatable or refused):
            return None
        wanted = failure.retry_after_seconds
    elif not isinstance(failure, APIConnectionError) or not call.repeatable:
        return None
    if wanted is not None:
        if wanted > _LONGEST_RETRY_AFTER_SECONDS:
            return None
        # One that asks for no pause gets one all the same when it asks again and again.
        return wanted if attempt < _FEW else max(wanted, _BACK_OFF_SECONDS)
    ceiling = min(_BACK_OFF_CAP_SECONDS, _BACK_OFF_SECONDS * 2.0 ** min(attempt - 1, 20))
    return random.uniform(0.0, ceiling)  # noqa: S311 - jitter, no secret


def outlasts(call: Call, failure: APIError, elapsed: float) -> bool:
    """Whether a call that has waited so many seconds is sent again although its retries are used up.

    Only for a server that is away (no connection, 502, 503): one that answers with anything else will do so again.
    """
    away = isinstance(failure, APIConnectionError) or (
        isinstance(failure, APIStatusError) and failure.status in (502, 503)
    )
    return away and elapsed < call.patience_seconds


def _texts(query: Mapping[str, object]) -> dict[str, str]:
    return {
        name: f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in query.items()
        if value is not None
    }


def _with_json(method: Method, path: str, value: object, *, repeatable: bool) -> Call:
    if value is None:
        return Call(method=method, path=path, repeatable=repeatable)
    headers = {"content-type": _JSON}
    return Call(method=method, path=path, headers=headers, body=encode(value), repeatable=repeatable)
