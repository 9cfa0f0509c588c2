"""A request of OTLP as spans that can be taken in, and those that cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.traces.model import ReceivedSpan
from penstock.traces.otlp import json_text, protobuf
from penstock.traces.otlp.fields import Fields, Refused, received


class NotReadable(Exception):
    """The body as a whole is no request of traces; the text says why."""


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """Spans in their order, and why others are none."""

    spans: list[ReceivedSpan]
    refused: list[str]


def read_protobuf(body: bytes) -> ReceivedRequest:
    """Raises `NotReadable`."""
    return _read(protobuf.spans_of, body)


def read_json(body: bytes) -> ReceivedRequest:
    """Raises `NotReadable`."""
    return _read(json_text.spans_of, body)


def _read(
    spans_of: Callable[[bytes], Iterable[tuple[Fields | Refused, Mapping[str, Any]]]], body: bytes
) -> ReceivedRequest:
    request = ReceivedRequest([], [])
    try:
        for fields, sender in spans_of(body):
            try:
                if isinstance(fields, Refused):
                    raise fields
                request.spans.append(received(fields, sender))
            except Refused as refused:
                request.refused.append(str(refused))
    except ValueError as error:
        raise NotReadable(str(error)) from None
    return request
