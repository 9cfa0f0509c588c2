"""What is answered to a request of OTLP, in the encoding of the request."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

_SHOWN = 5
INVALID_ARGUMENT, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED, PERMISSION_DENIED = 3, 8, 13, 14, 16, 7
"""google.rpc.Code."""


def accepted(reasons: Sequence[str], *, as_json: bool) -> bytes:
    """An `ExportTraceServiceResponse`: empty, or with the number of refused spans and why they are refused."""
    shown = "; ".join(reasons[:_SHOWN])
    message = f"{shown}; and {len(reasons) - _SHOWN:,} more" if len(reasons) > _SHOWN else shown
    if as_json:
        # 64-bit numbers are texts in protobuf's JSON.
        partial = {"partialSuccess": {"rejectedSpans": str(len(reasons)), "errorMessage": message}}
        return msgspec.json.encode(partial if reasons else {})
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    response = ExportTraceServiceResponse()
    if reasons:
        response.partial_success.rejected_spans = len(reasons)
        response.partial_success.error_message = message
    return response.SerializeToString()


def refused(code: int, message: str, *, as_json: bool) -> bytes:
    """A `google.rpc.Status`."""
    if as_json:
        return msgspec.json.encode({"code": code, "message": message})
    # Two fields of https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto: int32 code = 1,
    # string message = 2. The message has no package that is small enough to bring in for it.
    text = message.encode()
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
