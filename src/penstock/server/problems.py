"""Refusals as `application/problem+json` (RFC 9457), in one form whatever refused.

Members: `type` (a URN of the code), `title`, `status`, `detail`, `code`, `requestId`; for input errors `errors`, a list
of `{path, message}`, with `line` where a text has lines. A route may add members of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from penstock.errors import FieldError, Problem
from penstock.types import Json

MEDIA_TYPE = "application/problem+json"
REQUEST_ID = "penstock.request_id"
"""Key of the ASGI scope under which the request's id travels."""

_HTTP_CODES = {404: "route_not_found", 405: "method_not_allowed", 413: "body_too_large"}


def problem_response(
    request_id: str,
    problem: Problem,
    *,
    members: Mapping[str, Json] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response for a refusal; `members` are added to its body."""
    body: dict[str, Any] = _body(problem.status, problem.title, problem.code, problem.detail, request_id)
    if problem.errors:
        body["errors"] = [_field(error) for error in problem.errors]
    body |= members or {}
    sent = dict(headers or {})
    if problem.retry_after_seconds is not None:
        sent["Retry-After"] = str(max(1, math.ceil(problem.retry_after_seconds)))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        sent["WWW-Authenticate"] = 'Bearer realm="penstock"'
    if problem.status == HTTPStatus.REQUEST_TIMEOUT:
        sent["Connection"] = "close"
    return _response(problem.status, body, sent)


def internal_error(request_id: str) -> Response:
    """What a caller sees of an error nobody foresaw: its request id, under which the log tells more."""
    detail = f"Something went wrong inside Penstock. The server's log has it under request {request_id}."
    return _response(500, _body(500, Problem.title, "internal_error", detail, request_id))


def field_errors(errors: Iterable[Any], under: str = "") -> tuple[FieldError, ...]:
    """pydantic's errors as ours; each path is dotted, with list positions in brackets: `rows[3].name`."""
    return tuple(
        FieldError(_path(under, error["loc"]), str(error["msg"]).removeprefix("Value error, ")) for error in errors
    )


def install(app: FastAPI) -> None:
    """Let an app answer every refusal in this form."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_parameters)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - what the handler is registered for
    return problem_response(request.scope[REQUEST_ID], error)


async def _on_parameters(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    faults = field_errors(error.errors())
    named = ", ".join(f"{fault.path}: {fault.message}" for fault in faults)
    body = _body(400, "Invalid input", "parameters_invalid", named, request.scope[REQUEST_ID])
    body["errors"] = [_field(fault) for fault in faults]
    return _response(400, body)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    status = error.status_code
    detail = f"{request.method} {request.url.path}: {error.detail}. The API is described at /docs."
    code = _HTTP_CODES.get(status, f"http_{status}")
    body = _body(status, HTTPStatus(status).phrase, code, detail, request.scope[REQUEST_ID])
    return _response(status, body, error.headers)


def _body(status: int, title: str, code: str, detail: str, request_id: str) -> dict[str, Any]:
    return {
        "type": f"urn:penstock:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "requestId": request_id,
    }


def _field(error: FieldError) -> dict[str, Json]:
    shown: dict[str, Json] = {"path": error.path, "message": error.message}
    if error.line is not None:
        shown["line"] = error.line
    return shown


def _path(under: str, location: Iterable[str | int]) -> str:
    path = under
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _response(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(body), status, headers, media_type=MEDIA_TYPE)
