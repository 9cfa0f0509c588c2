"""Penstock runs AI flows and evaluations, in the request or in the background, as one and the same execution.

The names below are the public ones. They are imported when first used, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.client._async.client import AsyncPenstock
    from penstock.client._async.evaluations import AsyncEvaluationHandle
    from penstock.client._async.handles import AsyncExecutionHandle
    from penstock.client._sync.client import Penstock
    from penstock.client._sync.evaluations import EvaluationHandle
    from penstock.client._sync.handles import ExecutionHandle
    from penstock.client.errors import (
        APIConnectionError,
        APIError,
        APIResponseError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        ConflictError,
        ExecutionCancelled,
        ExecutionError,
        ExecutionFailed,
        ExecutionTimeout,
        InternalServerError,
        NotFoundError,
        PenstockError,
        PermissionDeniedError,
        RateLimitError,
        UnprocessableEntityError,
    )
    from penstock.client.events import (
        CandidateEvent,
        DoneEvent,
        GoneEvent,
        ItemEvent,
        LogEvent,
        ProgressEvent,
        SnapshotEvent,
        StatusEvent,
    )
    from penstock.client.options import CatalogFilter, EvaluationOptions, ModelOptions, RunOptions, ScheduleOptions

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncEvaluationHandle",
    "AsyncExecutionHandle",
    "AsyncPenstock",
    "AuthenticationError",
    "BadRequestError",
    "CandidateEvent",
    "CatalogFilter",
    "ConflictError",
    "DoneEvent",
    "EvaluationHandle",
    "EvaluationOptions",
    "ExecutionCancelled",
    "ExecutionError",
    "ExecutionFailed",
    "ExecutionHandle",
    "ExecutionTimeout",
    "GoneEvent",
    "InternalServerError",
    "ItemEvent",
    "LogEvent",
    "ModelOptions",
    "NotFoundError",
    "Penstock",
    "PenstockError",
    "PermissionDeniedError",
    "ProgressEvent",
    "RateLimitError",
    "RunOptions",
    "ScheduleOptions",
    "SnapshotEvent",
    "StatusEvent",
    "UnprocessableEntityError",
]

_ELSEWHERE = {
    "AsyncEvaluationHandle": "penstock.client._async.evaluations",
    "AsyncExecutionHandle": "penstock.client._async.handles",
    "AsyncPenstock": "penstock.client._async.client",
    "CandidateEvent": "penstock.client.events",
    "DoneEvent": "penstock.client.events",
    "EvaluationHandle": "penstock.client._sync.evaluations",
    "CatalogFilter": "penstock.client.options",
    "EvaluationOptions": "penstock.client.options",
    "ExecutionHandle": "penstock.client._sync.handles",
    "GoneEvent": "penstock.client.events",
    "ItemEvent": "penstock.client.events",
    "LogEvent": "penstock.client.events",
    "ModelOptions": "penstock.client.options",
    "Penstock": "penstock.client._sync.client",
    "ProgressEvent": "penstock.client.events",
    "RunOptions": "penstock.client.options",
    "ScheduleOptions": "penstock.client.options",
    "SnapshotEvent": "penstock.client.events",
    "StatusEvent": "penstock.client.events",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_ELSEWHERE.get(name, "penstock.client.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
