"""JSON answers, encoded by msgspec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from penstock.clock import iso

_encode = msgspec.json.Encoder().encode


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response of plain values or msgspec structs."""
    return Response(_encode(value), status, headers, media_type="application/json")


def page(data: Sequence[Any], next_cursor: str | None) -> Response:
    """One page of a list: `{"data": [...], "nextCursor": ...}`."""
    return answer({"data": data, "nextCursor": next_cursor})


def nothing() -> Response:
    """204: done, and there is nothing to show."""
    return Response(status_code=204)


def maybe_iso(moment_ms: int | None) -> str | None:
    """A time as ISO 8601, null when it has not come."""
    return None if moment_ms is None else iso(moment_ms)
