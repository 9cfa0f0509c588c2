"""A trace as a judge reads it: an outline, and each span as text. Everything here is data, whoever wrote it.

A trace may have tens of thousands of spans with megabytes each: nothing here is for the event loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from penstock.traces.model import Span, Trace

MAX_FACTS_CHARS = 2_000
"""Of attributes, events and metadata, each."""
MAX_DEPTH = 20
"""Deeper spans are not moved further in."""
_PREVIEW_CHARS = 80
_MAX_NAME_CHARS = 200
_encode = msgspec.json.Encoder(order="deterministic").encode


class TraceText:
    """The texts of one trace. Spans are numbered from 1 in the order they are given in, parents before children."""

    def __init__(self, trace: Trace, spans: Sequence[Span]) -> None:
        self.trace = trace
        self.spans = spans
        self._depths = _depths(spans)
        self._numbers = {span.span_id: number for number, span in reversed(list(enumerate(spans, 1)))}

    def find(self, wanted: str) -> int | None:
        """The number of a span by its number or its id; None when there is none."""
        if wanted in self._numbers:
            return self._numbers[wanted]
        digits = wanted.strip().lstrip("#").rstrip(".")
        return int(digits) if digits.isdecimal() and 0 < int(digits[:9]) <= len(self.spans) else None

    def head(self) -> str:
        """What is known of the trace as a whole."""
        trace = self.trace
        took = "" if trace.duration_ms is None else f", {trace.duration_ms / 1000:.3g} s"
        facts = f"Trace {trace.name[:_MAX_NAME_CHARS]!r}: {len(self.spans):,} spans, status {trace.status}{took}."
        metadata = _short(trace.metadata, MAX_FACTS_CHARS) if trace.metadata else ""
        if self.spans:
            return f"{facts}\nMetadata: {metadata}" if metadata else facts
        return f"{facts}\nInput: {trace.input or '(none)'}\nOutput: {trace.output or '(none)'}"

    def outline(self, offset: int, limit: int) -> Iterator[str]:
        """One line for each of so many spans."""
        for number, span in enumerate(self.spans[offset : offset + limit], offset + 1):
            yield f"{'  ' * self._depths[number - 1]}{self._title(number, span)}{_preview(span)}"

    def span(self, number: int) -> str:
        """One span with what it was given and gave back."""
        span = self.spans[number - 1]
        parts = [f"{self._title(number, span)}, span {span.span_id}"]
        parent = None if span.parent_id is None else self._numbers.get(span.parent_id)
        if parent is not None and parent != number:
            parts[0] += f", within {parent}"
        for name, value in (("input", span.input), ("output", span.output)):
            if value is not None:
                parts.append(f"{name}:\n{readable(value)}")
        if span.input is None and span.output is None and span.attributes:
            parts.append(f"attributes: {_short(span.attributes, MAX_FACTS_CHARS)}")
        if span.events:
            parts.append(f"events: {_short(span.events, MAX_FACTS_CHARS)}")
        return "\n".join(parts)

    def whole(self, limit: int) -> str | None:
        """Everything, where it takes no more than so many characters; else None."""
        parts, length = [self.head()], 0
        for number in range(1, len(self.spans) + 1):
            parts.append(self.span(number))
            length += len(parts[-1]) + 2
            if length > limit:
                return None
        return "\n\n".join(parts)

    def abridged(self, limit: int) -> str:
        """Everything that fits into so many characters, long spans cut in the middle, with what is left out said."""
        shown = min(len(self.spans), max(1, limit // 400))
        each = limit // max(1, shown)
        parts = [self.head()]
        # The beginning says what was asked, the end what came of it.
        first = -(-shown // 2)
        numbers = [*range(1, first + 1), *range(len(self.spans) - (shown - first) + 1, len(self.spans) + 1)]
        for before, number in zip([0, *numbers], numbers, strict=False):
            if number - before > 1:
                parts.append(f"({number - before - 1:,} spans left out)")
            parts.append(cut(self.span(number), each))
        return "\n\n".join(parts)

    def widest_char(self) -> int:
        """At least as many bytes as any character of it takes: 1 for plain ASCII, else 4."""
        plain = self.head().isascii() and all(self.span(n).isascii() for n in range(1, len(self.spans) + 1))
        return 1 if plain else 4

    def _title(self, number: int, span: Span) -> str:
        facts = [f"{number}. {span.kind} {span.name[:_MAX_NAME_CHARS]!r}"]
        if span.model:
            facts.append(span.model[:_MAX_NAME_CHARS])
        if span.ended_ns is not None:
            facts.append(f"{(span.ended_ns - span.started_ns) / 1e9:.3g} s")
        if span.status == "error":
            facts.append(f"ERROR {(span.status_message or '')[:_MAX_NAME_CHARS]}".strip())
        return ", ".join(facts)


def readable(value: Any) -> str:
    """A text as it is, messages as lines of who says what, anything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(_is_message(one) for one in value):
        return "\n".join(f"{one['role']}: {readable(one.get('content'))}{_calls(one)}" for one in value)
    return _encode(value).decode()


def cut(text: str, limit: int) -> str:
    """A text of at most about so many characters: its beginning and its end, with what is left out said."""
    if len(text) <= limit:
        return text
    kept = max(1, limit // 2)
    return f"{text[:kept]}\n({len(text) - 2 * kept:,} characters left out)\n{text[-kept:]}"


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("role"), str)


def _calls(message: Mapping[str, Any]) -> str:
    """What a message has beside its text: tool calls, names."""
    more = {name: value for name, value in message.items() if name not in ("role", "content") and value}
    return f" {_encode(more).decode()}" if more else ""


def _preview(span: Span) -> str:
    said = span.output if span.output is not None else span.input
    if said is None:
        return ""
    line = " ".join(readable(said)[: 4 * _PREVIEW_CHARS].split())
    return f": {line[:_PREVIEW_CHARS]}{'…' if len(line) > _PREVIEW_CHARS else ''}"


def _short(value: Any, limit: int) -> str:
    return cut(_encode(value).decode(), limit)


def _depths(spans: Sequence[Span]) -> list[int]:
    """How deep each span lies, at most `MAX_DEPTH`; one whose parent is missing, or that is its own ancestor, is a
    root."""
    parents = {span.span_id: span.parent_id for span in spans}
    known: dict[str, int] = {}
    for span in spans:
        above: list[str] = []
        at: str | None = span.span_id
        seen: set[str] = set()
        while at is not None and at in parents and at not in known and at not in seen:
            seen.add(at)
            above.append(at)
            at = parents[at]
        depth = known[at] + 1 if at is not None and at in known else 0
        for span_id in reversed(above):
            known[span_id] = min(depth, MAX_DEPTH)
            depth += 1
    return [known[span.span_id] for span in spans]
