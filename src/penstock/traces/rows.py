"""A received span, checked and made ready to be written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from penstock.storage.traces import SpanRow
from penstock.traces.model import LATEST_NS, MAX_ID_LENGTH, MAX_SPAN_BYTES, ReceivedSpan, Span
from penstock.traces.packing import pack
from penstock.traces.text import words_of

MAX_WORDS = 8_000
"""Characters of one span that can be searched."""
MAX_PART_WORDS = 256_000
"""The same of all spans of a trace that come together."""
_MAX_ATTRIBUTE_WORDS = 200
_MAX_TOKENS = 10**12
_MAX_COLUMN_CHARS = 500


class Refused(Exception):
    """A span that cannot be kept; the text says why."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A span, the row that it will be, and the words it can be found by."""

    row: SpanRow
    span: Span
    words: str


def prepare(received: ReceivedSpan, cost_nanos: int | None) -> Prepared:
    """Raises `Refused` for a span without ids, of impossible times or size, or that is no JSON."""
    _check(received.trace_id, received.span)
    sent, resource = received.span.original, dict(received.resource) or received.span.resource
    span = msgspec.structs.replace(received.span, resource=resource, original=None)
    try:
        body = pack(span)
        original = None if sent is None else pack(sent)
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"cannot be written as JSON: {error}") from None
    row = SpanRow(
        span_id=span.span_id,
        parent_id=span.parent_id,
        kind=span.kind,
        name=_column(span.name) or "",
        status=span.status,
        started_ns=span.started_ns,
        ended_ns=span.ended_ns,
        model=_column(span.model),
        input_tokens=_tokens(span.input_tokens),
        output_tokens=_tokens(span.output_tokens),
        cost_nanos=cost_nanos,
        digest=_digest(body if original is None else original),
        body=body,
        original=original,
    )
    return Prepared(row, span, " ".join(_words(span)))


def words(spans: Iterable[Prepared], most: int) -> str:
    """The words of several spans, so many characters of them."""
    found, left = [], most
    for prepared in spans:
        if left <= 0:
            break
        found.append(prepared.words[:left])
        left -= len(found[-1]) + 1
    return "\n".join(found)


def _check(trace_id: str, span: Span) -> None:
    for what, value in (("trace id", trace_id), ("span id", span.span_id)):
        if not 0 < len(value) <= MAX_ID_LENGTH:
            raise Refused(f"its {what} has {len(value)} characters; it must have 1 to {MAX_ID_LENGTH}")
    for what, moment in (("start", span.started_ns), ("end", span.ended_ns or 0)):
        if not 0 <= moment <= LATEST_NS:
            raise Refused(f"its {what} is no time: {moment} ns since 1970")
    original = span.original
    if isinstance(original, (bytes, msgspec.Raw)) and len(bytes(original)) > MAX_SPAN_BYTES:
        raise Refused(f"is larger than {MAX_SPAN_BYTES:,} bytes, the most that a span may have")


def _digest(packed: bytes) -> int:
    return int.from_bytes(blake2b(packed, digest_size=8).digest(), signed=True)


def _column(text: str | None) -> str | None:
    return None if text is None else text[:_MAX_COLUMN_CHARS].replace("\0", "\ufffd")


def _tokens(count: int | None) -> int | None:
    return None if count is None else max(0, min(count, _MAX_TOKENS))


def _words(span: Span) -> Iterator[str]:
    """Its names first; of attributes those that are short, since long ones are its input and output again."""
    yield span.name[:_MAX_ATTRIBUTE_WORDS]
    for text in (span.model, span.status_message):
        if text:
            yield text[:_MAX_ATTRIBUTE_WORDS]
    yield from words_of(span.input, MAX_WORDS // 2)
    yield from words_of(span.output, MAX_WORDS // 4)
    texts = [value for value in span.attributes.values() if isinstance(value, str)]
    short = [text for text in texts if len(text) <= _MAX_ATTRIBUTE_WORDS]
    yield " ".join(short)[: MAX_WORDS // 4]
