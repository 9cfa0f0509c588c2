"""What an export wrote, one trace in each object: `{penstockTrace: 1, traceId, spans, data, …}`, read as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.traces.formats.base import Found, NotATrace, Upload
from penstock.traces.model import ReceivedSpan, Span

MARK = "penstockTrace"
VERSION = 1


class _Exported(msgspec.Struct, rename="camel"):
    trace_id: str
    spans: list[Span]
    data: msgspec.Raw = msgspec.Raw(b"null")


def fits(value: Mapping[str, Any]) -> bool:
    """Whether an object is of this shape."""
    return MARK in value


def read(upload: Upload) -> Found:
    """The trace as it was. Raises `NotATrace` for an export of a later version, or that was changed beyond reading."""
    if upload.value[MARK] != VERSION:
        raise NotATrace(f"{MARK} is {upload.value[MARK]!r}; this version reads {VERSION}")
    try:
        found = msgspec.json.decode(upload.text, type=_Exported)
    except msgspec.DecodeError as error:
        raise NotATrace(f"it is no export of a trace: {error}") from None
    data = bytes(found.data)
    spans = [ReceivedSpan(found.trace_id, span, span.resource) for span in found.spans]
    return Found(found.trace_id, spans, None if data == b"null" else data)
