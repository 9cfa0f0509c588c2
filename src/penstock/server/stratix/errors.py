"""Refusals as clients of Stratix read them: `{"error": {"code", "message", "request_id"}}`.

The request's id is also in the header `x-request-id`, which the server's edge puts on every response. Faults in an
input are listed as `details`, each a `{path, message}`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from penstock.errors import Problem
from penstock.server.answers import answer
from penstock.server.problems import REQUEST_ID

_HTTP_CODES = {404: "route_not_found", 405: "method_not_allowed", 413: "body_too_large"}

_log = logging.getLogger(__name__)


class Refusal(msgspec.Struct, omit_defaults=True):
    """What was refused, and why."""

    code: str
    message: str
    request_id: str
    details: list[dict[str, Any]] = msgspec.field(default_factory=list)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - what the handler is registered for
    faults = [{"path": fault.path, "message": fault.message} for fault in error.errors]
    headers = {}
    if error.retry_after_seconds is not None:
        # Seconds, never a date: the client reads nothing else.
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="penstock"'
    return _refuse(request, error.status, error.code, error.detail, headers, faults)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    code = _HTTP_CODES.get(error.status_code, f"http_{error.status_code}")
    return _refuse(
        request, error.status_code, code, f"{request.method} {request.url.path}: {error.detail}.", error.headers
    )


async def _on_anything(request: Request, error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        raise error
    request_id = request.scope[REQUEST_ID]
    _log.error("request %s (%s %r) failed", request_id, request.method, request.url.path, exc_info=error)
    message = f"Something went wrong inside Penstock. The server's log has it under request {request_id}."
    return _refuse(request, 500, "internal_error", message)


def _refuse(
    request: Request,
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    details: list[dict[str, Any]] | None = None,
) -> Response:
    shown = Refusal(code, message, request.scope[REQUEST_ID], details or [])
    return answer({"error": shown}, status, headers)


HANDLERS: Mapping[Any, ExceptionHandler] = {
    Problem: _on_problem,
    HTTPException: _on_http,
    Exception: _on_anything,
}
