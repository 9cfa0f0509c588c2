"""What can go wrong, as types that every layer shares.

Problem                 a request is refused; the server renders it as problem+json
├── Invalid             400  the input does not fit; `errors` names each field
├── Unauthenticated     401  no key, or one that is unknown or revoked
├── BalanceExhausted    402  no compute units are left
├── Forbidden           403  the key's scopes do not allow it
├── NotFound            404  no such thing in this project
├── TooSlow             408  the body of the request did not arrive in time
├── Conflict            409  the thing is in a state that does not allow it
├── TooLarge            413  over a documented limit
├── UnsupportedMedia    415  a content type that is not read here
├── Unprocessable       422  well-formed, but wrong as a whole; `errors` names each place
├── LimitReached        429  come back later; `retry_after_seconds`
└── Unavailable         503  a part of Penstock is not able to work just now

StepError               one step of one item failed; becomes the item's error object
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """One fault in an input: `path` is where (dotted, or a document path), `line` where a text has lines."""

    path: str
    message: str
    line: int | None = None


class Problem(Exception):
    """A request that Penstock refuses, with what is wrong and what to do about it.

    `code` is a stable snake_case word for programs, `detail` a sentence for people.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = errors
        self.retry_after_seconds = retry_after_seconds


class Invalid(Problem):
    status = 400
    title = "Invalid input"


class Unauthenticated(Problem):
    status = 401
    title = "Not authenticated"


class BalanceExhausted(Problem):
    status = 402
    title = "Balance exhausted"


class Forbidden(Problem):
    status = 403
    title = "Not allowed"


class NotFound(Problem):
    status = 404
    title = "Not found"


class TooSlow(Problem):
    status = 408
    title = "Request timeout"


class Conflict(Problem):
    status = 409
    title = "Conflict"


class TooLarge(Problem):
    status = 413
    title = "Too large"


class UnsupportedMedia(Problem):
    status = 415
    title = "Unsupported content type"


class Unprocessable(Problem):
    status = 422
    title = "Cannot be processed"


class LimitReached(Problem):
    status = 429
    title = "Limit reached"


class Unavailable(Problem):
    status = 503
    title = "Not available"


class StepError(Exception):
    """One step failed.

    `retryable` says whether another attempt can help; `retry_after_seconds` is what the other side asked for;
    `cause` is the other side's own words (a provider's error text, a status line), already free of secrets.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after_seconds: float | None = None,
        cause: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
        self.cause = cause
