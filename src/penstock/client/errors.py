"""What can go wrong for a user of the SDK.

PenstockError
├── APIError                          talking to Penstock went wrong
│   ├── APIStatusError                Penstock (or a proxy before it) refused: `status`, `code`, `errors`
│   │   ├── BadRequestError           400  the input does not fit; `errors` names each field
│   │   ├── AuthenticationError       401  no key, or one that is unknown or revoked
│   │   ├── PermissionDeniedError     403  the key's scopes do not allow it
│   │   ├── NotFoundError             404  no such thing in this project
│   │   ├── ConflictError             409  the thing is in a state that does not allow it
│   │   ├── UnprocessableEntityError  422  well-formed, but wrong as a whole; `errors` names each place
│   │   ├── RateLimitError            429  come back later; `retry_after_seconds`
│   │   └── InternalServerError       5xx
│   ├── APIResponseError              the answer is not what this version of the SDK understands
│   └── APIConnectionError            no answer at all
│       └── APITimeoutError           no answer, or no end of the run, in the time given; also a TimeoutError
└── ExecutionError                    the run itself ended badly: `execution_id`, `error`, `handle`
    ├── ExecutionFailed
    ├── ExecutionCancelled
    └── ExecutionTimeout              its deadline passed; finished items are kept
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.client.objects import ErrorObject, FieldFault


class PenstockError(Exception):
    """The base of everything the SDK raises."""


class APIError(PenstockError):
    """Talking to Penstock went wrong."""


class APIStatusError(APIError):
    """The request was refused.

    `detail` is the sentence for people, `code` the stable word for programs (empty when a proxy answered), `errors`
    the single faults of an input, `request_id` what to quote to the operator, `problem` the answer as it came.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], *, retry_after_seconds: float | None = None) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code") or "")
        self.detail = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
        self.errors = tuple(FieldFault.parse(fault) for fault in problem.get("errors") or () if isinstance(fault, dict))
        self.request_id = str(problem.get("requestId") or "")
        self.retry_after_seconds = retry_after_seconds
        super().__init__("; ".join([self.detail, *(f"{fault.path}: {fault.message}" for fault in self.errors)]))


class BadRequestError(APIStatusError):
    """400: the input does not fit; `errors` names each field."""


class AuthenticationError(APIStatusError):
    """401: no key was sent, or one that is unknown or revoked. Give `api_key=` or set PENSTOCK_API_KEY."""


class PermissionDeniedError(APIStatusError):
    """403: the key's scopes do not allow it."""


class NotFoundError(APIStatusError):
    """404: no such thing in this project."""


class ConflictError(APIStatusError):
    """409: the thing is in a state that does not allow it."""


class UnprocessableEntityError(APIStatusError):
    """422: well-formed, but wrong as a whole; `errors` names each place."""


class RateLimitError(APIStatusError):
    """429: over a limit; `retry_after_seconds` says when to come back."""


class InternalServerError(APIStatusError):
    """5xx: Penstock, or a proxy before it, is not able to answer now."""


class APIResponseError(APIError):
    """The answer is not what this version of the SDK understands."""


class APIConnectionError(APIError):
    """No answer: nobody listens there, or the connection was lost."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """The time given was over. A run that was waited for goes on; wait again with the same handle."""


class ExecutionError(PenstockError):
    """A run ended without completing.

    `error` is the execution's error object where there is one. `handle` is the handle of that run, of the client that
    raised this (an `ExecutionHandle` or `AsyncExecutionHandle`): its finished items are kept, and `retry()` works.
    """

    outcome = "ended badly"

    def __init__(self, execution_id: str, error: ErrorObject | None = None, handle: Any = None) -> None:
        self.execution_id = execution_id
        self.error = error
        self.handle = handle
        reason = f": {error.message}" if error and error.message else ""
        place = f" (node {error.node!r})" if error and error.node else ""
        super().__init__(f"Execution {execution_id} {self.outcome}{reason}{place}")


class ExecutionFailed(ExecutionError):
    """The run's error policy was hit, or every item failed."""

    outcome = "failed"


class ExecutionCancelled(ExecutionError):
    """Somebody cancelled the run."""

    outcome = "was cancelled"


class ExecutionTimeout(ExecutionError):
    """The run's deadline passed. Finished items are kept."""

    outcome = "ran into its deadline"


STATUS_ERRORS: Mapping[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}

OUTCOME_ERRORS: Mapping[str, type[ExecutionError]] = {
    "failed": ExecutionFailed,
    "cancelled": ExecutionCancelled,
    "timeout": ExecutionTimeout,
}


def status_error(
    status: int, problem: Mapping[str, Any], *, retry_after_seconds: float | None = None
) -> APIStatusError:
    """The exception for an answer of this status."""
    kind = InternalServerError if status >= 500 else STATUS_ERRORS.get(status, APIStatusError)
    return kind(status, problem, retry_after_seconds=retry_after_seconds)
