"""The outermost layer of the server: request ids, the `/v1` base path, metrics, and the last line against errors."""

from __future__ import annotations

import logging
import re
import time
from itertools import count
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.ids import new_id
from penstock.server.metrics import Metrics
from penstock.server.problems import REQUEST_ID, internal_error
from penstock.server.rate_limits import headers_of

BASE_PATH = "/v1"
_OTLP = "/v1/traces"
"""Where exporters of OpenTelemetry post, whoever receives; a path of its own here."""
_CLIENT_GONE = 499
# A name for the process and a number: cheaper than chance for each, and requests of one process are in order.
_PROCESS = new_id()[:16]
_numbers = count(1)
_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")

_log = logging.getLogger(__name__)


class Edge:
    """ASGI middleware around the whole app.

    The caller's `X-Request-ID` is kept when it is 1 to 128 letters, digits or `._:-`, else a new one is made; every
    response carries it. A path under `/v1` is served as the path behind it: `/v1` is the app's root path then. Only
    `POST /v1/traces` is something else than `POST /traces`.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope[REQUEST_ID] = request_id
        if scope["path"].startswith(BASE_PATH + "/") and (scope["path"] != _OTLP or scope["method"] != "POST"):
            scope["root_path"] = BASE_PATH
        status = 0
        # What users wrote goes out as JSON, CSV and text; no browser shall guess that it is a page.
        headers = ((b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff"))

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *headers, *headers_of(scope)]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, send_named)
        except ClientDisconnect:
            status = status or _CLIENT_GONE
        except Exception:
            _log.exception("request %s (%s %r) failed", request_id, scope["method"], scope["path"])
            if status:
                raise
            await internal_error(request_id)(scope, receive, send_named)
        finally:
            self._metrics.request(scope["method"], _template(scope), status, time.perf_counter() - started)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            own: bytes = value
            return own.decode("ascii")
    return f"{_PROCESS}{next(_numbers):08x}"


def _template(scope: Scope) -> str:
    """The route's path with its parameters unfilled, so that there are as many labels as routes."""
    route: Any = scope.get("route")
    return getattr(route, "path", None) or "unmatched"
