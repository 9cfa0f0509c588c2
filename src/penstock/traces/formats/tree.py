"""Spans in one another: `children` or `spans` at any depth; without any, a single call with its input and output.

What a field means is read as from attributes that people name themselves (see `traces.conventions`). Every member that
is no part of the tree stays in the span's attributes, and all of it in its original.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.traces.conventions import understood
from penstock.traces.formats.base import (
    DURATION_MS,
    ENDED,
    NAME,
    STARTED,
    TRACE_ID,
    Found,
    NotATrace,
    Upload,
    first,
    id_in,
    status_of,
    times_of,
)
from penstock.traces.model import MAX_SPANS, ReceivedSpan, Span

_SPAN_ID = ("span_id", "spanId")
_CHILDREN = ("children", "spans", "child_spans", "childSpans")
_PARENT = ("parent_id", "parentId", "parent_span_id", "parentSpanId")
_PLACED = frozenset((*_SPAN_ID, *_CHILDREN, *_PARENT, *TRACE_ID, *NAME, *STARTED, *ENDED, *DURATION_MS))
_READ = frozenset({"id", "input", "inputs", "output", "outputs", "error", "status", "events", "links", "attributes"})
_SAID_ELSEWHERE = {"tags": "tag.tags", "session_id": "session.id", "user_id": "user.id"}
_GROUPS = ("usage", "tokens")
_SAYS_SOMETHING = frozenset((*_CHILDREN, *NAME, "id", "span_id", "spanId"))


def read(upload: Upload) -> Found:
    """The trace whose root is the object. Raises `NotATrace` for one that says nothing a span could say."""
    value = upload.value
    if not understood("", _flat(value)) and _SAYS_SOMETHING.isdisjoint(value):
        named = ", ".join(list(value)[:5]) or "nothing"
        raise NotATrace(f"it has neither input nor output, spans or a name; it has {named[:200]}")
    trace_id = id_in(value, (*TRACE_ID, "id", *_SPAN_ID)) or upload.digest()
    spans = [ReceivedSpan(trace_id, span) for span in _spans(upload)]
    return Found(trace_id, spans, upload.text)


def _spans(upload: Upload) -> Iterator[Span]:
    root_id = id_in(upload.value, _SPAN_ID) or upload.digest("root")[:16]
    waiting: list[tuple[dict[str, Any], str, str | None, int]] = [
        (upload.value, root_id, None, upload.received_ns),
    ]
    count = 0
    while waiting:
        value, span_id, parent_id, otherwise_ns = waiting.pop()
        span = _span(value, span_id, parent_id, otherwise_ns)
        yield span
        inner = _children(value)
        count += len(inner)
        if count > MAX_SPANS:
            raise NotATrace(f"it has more than {MAX_SPANS:,} spans, the most that a trace may have")
        for place, child in reversed(list(enumerate(inner))):
            own = id_in(child, (*_SPAN_ID, "id")) or upload.digest(span_id, place)[:16]
            waiting.append((child, own, id_in(child, _PARENT) or span_id, span.started_ns))


def _children(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = first(value, _CHILDREN)
    return [child for child in found if isinstance(child, dict)] if isinstance(found, list) else []


def _span(value: dict[str, Any], span_id: str, parent_id: str | None, otherwise_ns: int) -> Span:
    started, ended = times_of(value, otherwise_ns)
    status, message = status_of(value)
    events, links = _named(value.get("events")), _named(value.get("links"), name=False)
    name = first(value, NAME)
    fields = understood(str(name or ""), _flat(value), events)
    fields.setdefault("kind", _kind(value, fields, parent_id))
    return Span(
        span_id=span_id,
        parent_id=parent_id,
        name=str(name) if name is not None else fields.get("model") or fields["kind"],
        started_ns=started,
        ended_ns=ended,
        status=status,
        status_message=message,
        attributes=_attributes(value),
        events=events,
        links=links,
        original={key: inner for key, inner in value.items() if key not in _CHILDREN or not isinstance(inner, list)},
        **fields,
    )


def _kind(value: Mapping[str, Any], fields: Mapping[str, Any], parent_id: str | None) -> str:
    """Of what does not say: a call of a model where one is named, or where messages are exchanged."""
    if _children(value):
        return "chain"
    asked = fields.get("input")
    messages = isinstance(asked, list) and bool(asked) and all(isinstance(m, dict) and "role" in m for m in asked)
    if "model" in fields or messages:
        return "llm"
    return "chain" if parent_id is None else "other"


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    """Members as attributes: of some groups each member by its own name (`usage.prompt_tokens`)."""
    attributes = value.get("attributes")
    flat = dict(attributes) if isinstance(attributes, dict) else {}
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        flat |= {name: metadata[name] for name in ("model", "provider") if name in metadata}
    flat |= {name: inner for name, inner in value.items() if name not in _CHILDREN}
    for group in _GROUPS:
        members = value.get(group)
        if isinstance(members, dict):
            flat |= {f"{group}.{name}": inner for name, inner in members.items()}
    return flat


def _attributes(value: Mapping[str, Any]) -> dict[str, Any]:
    attributes = value.get("attributes")
    found = dict(attributes) if isinstance(attributes, dict) else {}
    for name, inner in value.items():
        if name not in _PLACED and name not in _READ and inner is not None:
            found.setdefault(_SAID_ELSEWHERE.get(name, name), inner)
    return found


def _named(value: Any, *, name: bool = True) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return []
    return [one for one in value if isinstance(one, dict) and (not name or isinstance(one.get("name"), str))]
