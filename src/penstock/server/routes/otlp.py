"""`POST /v1/traces`: where OpenTelemetry's exporters send spans (OTLP over HTTP, protobuf and JSON)."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from penstock.errors import Invalid, Problem, TooLarge, UnsupportedMedia
from penstock.server.auth import Call, needs
from penstock.server.bodies import JSON, expect_type, media_type, read_bytes
from penstock.server.describe import BINARY, content, header
from penstock.server.problems import REQUEST_ID, problem_response
from penstock.traces.ingestion import OTLP
from penstock.traces.otlp import NotReadable, ReceivedRequest, accepted, read_json, read_protobuf, refused

PROTOBUF = "application/x-protobuf"
_IN_THREAD_FROM_BYTES = 32 * 1024
_USUAL_BYTES = 512 * 1024
_CODES = {400: 3, 401: 16, 403: 7, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
"""google.rpc.Code by HTTP status."""
_UNKNOWN = 2
_WINDOWS = {"": None, "identity": None, "gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_KEPT_HEADERS = ("retry-after", "www-authenticate", "connection")

_PARTIAL = {
    "type": "object",
    "properties": {
        "partialSuccess": {
            "type": "object",
            "properties": {"rejectedSpans": {"type": "string"}, "errorMessage": {"type": "string"}},
        }
    },
}
_STATUS = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
}


class _OtlpRoute(APIRoute):
    """Refusals as OTLP has them: a `google.rpc.Status` in the encoding of the request."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                return _refusal(request, problem)

        return answered


router = APIRouter(tags=["traces"], route_class=_OtlpRoute)
Writer = Annotated[Call, needs("traces:write")]
SCHEMAS: tuple[type, ...] = ()


def _either(json: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, **content({JSON: json, PROTOBUF: BINARY})}


_DOC: dict[str, Any] = {
    "summary": "Send spans (OTLP)",
    "responses": {
        200: _either(_PARTIAL, "Written; with `partialSuccess` where some spans are refused"),
        "default": _either(_STATUS, "A refusal, as `google.rpc.Status`"),
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            **content({JSON: {"type": "object"}, PROTOBUF: BINARY}),
        },
        "parameters": [header("Content-Encoding", "`gzip`, `deflate`, or nothing.")],
    },
}


@router.post("/v1/traces", **_DOC)
async def send_spans(call: Writer) -> Response:
    """An `ExportTraceServiceRequest` of OpenTelemetry, in protobuf or JSON, also with gzip.

    When it is answered with 200, its spans are on disk and can be read. Sending again adds nothing. 429 and 503 ask
    to send again later. Uploads in other forms go to `POST /traces`, without `/v1`.
    """
    as_json = expect_type(call.request, (JSON, PROTOBUF)) == JSON
    window = _window(call.request)
    limit = call.running.settings.limits.max_otlp_bytes
    ingestion, announced = call.engine.ingestion, _announced(call.request, limit)
    with ingestion.waiting(announced):
        body = await read_bytes(call.request, limit)
        if window is not None:
            body = await asyncio.to_thread(_unzipped, body, limit, window)
        with ingestion.waiting(max(0, len(body) - announced)):
            request = await _read(body, as_json=as_json)
            taken = await ingestion.accept(call.tenant, request.spans, source=OTLP)
    reasons = [*request.refused, *(f"span {request.spans[at].span.span_id}: {why}" for at, why in taken.rejected)]
    return Response(accepted(reasons, as_json=as_json), media_type=JSON if as_json else PROTOBUF)


async def _read(body: bytes, *, as_json: bool) -> ReceivedRequest:
    read = read_json if as_json else read_protobuf
    try:
        return await asyncio.to_thread(read, body) if len(body) >= _IN_THREAD_FROM_BYTES else read(body)
    except NotReadable as error:
        detail = f"This is no ExportTraceServiceRequest: {error}. Uploads in other forms go to POST /traces."
        raise Invalid("otlp_invalid", detail) from None


def _window(request: Request) -> int | None:
    """zlib's word for how the body is compressed; None: it is not. Raises `UnsupportedMedia` for what is not read."""
    found = request.headers.get("content-encoding", "identity").strip().lower()
    if found not in _WINDOWS:
        detail = f"Content-Encoding {found!r} is not read here: gzip, deflate, or none."
        raise UnsupportedMedia("encoding_unsupported", detail)
    return _WINDOWS[found]


def _unzipped(body: bytes, limit: int, window: int) -> bytes:
    """Raises `TooLarge` as soon as more than `limit` bytes come out, and `Invalid` for what is not compressed so."""
    stream = zlib.decompressobj(window)
    try:
        out = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise Invalid("gzip_invalid", f"The body is not compressed as it says (gzip, deflate): {error}.") from None
    if len(out) > limit:
        raise TooLarge("body_too_large", f"The body has more than {limit:,} bytes decompressed, the limit here.")
    if not stream.eof or stream.unused_data:
        raise Invalid("gzip_invalid", "The body must be one stream of gzip or deflate, whole and with nothing behind.")
    return out


def _announced(request: Request, limit: int) -> int:
    """What the request says its size is. One that comes in chunks says nothing; most are small."""
    length = request.headers.get("content-length", "")
    return min(int(length), limit) if length.isdecimal() and len(length) < 20 else min(_USUAL_BYTES, limit)


def _refusal(request: Request, problem: Problem) -> Response:
    as_json = media_type(request) != PROTOBUF
    usual = problem_response(request.scope[REQUEST_ID], problem)
    kept = {name: usual.headers[name] for name in _KEPT_HEADERS if name in usual.headers}
    body = refused(_CODES.get(problem.status, _UNKNOWN), problem.detail, as_json=as_json)
    return Response(body, problem.status, kept, media_type=JSON if as_json else PROTOBUF)
