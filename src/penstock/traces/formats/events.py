"""An agent's run as the list of what happened: `events` of `{type, dt, payload}` under `trace_id` and `agent_name`.

Calls of models and tools become spans under one of the agent; every event stays with that as well. `dt` is a time, or
the seconds since the start; milliseconds where seconds would lead far behind the end that the object itself names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from penstock.traces.conventions import understood
from penstock.traces.formats.base import (
    NAME,
    TRACE_ID,
    Found,
    NotATrace,
    Upload,
    first,
    id_in,
    moment_ns,
    status_of,
    times_of,
)
from penstock.traces.model import LATEST_NS, MAX_SPANS, ReceivedSpan, Span, SpanKind

_KINDS: dict[str, SpanKind] = {
    "model.invoke": "llm",
    "tool.call": "tool",
    "browser.action": "tool",
    "agent.handoff": "agent",
}
_GIVEN = ("input", "messages", "prompt", "arguments", "args", "query", "action", "content", "message", "text")
_GAVE = ("output", "response", "completion", "result", "observation", "answer", "content", "message", "text")
_CALLED = ("name", "tool_name", "tool", "action", "to_agent", "to", "model")
_COST = ("cost_usd", "cost", "total_cost", "total_cost_usd", "amount_usd", "usd")
_CALL_FIELDS = ("model", "provider", "input_tokens", "output_tokens", "cached_tokens", "cost_usd")


def fits(value: Mapping[str, Any]) -> bool:
    """Whether an object is of this shape."""
    events = value.get("events")
    return isinstance(events, list) and any(isinstance(event, dict) and "type" in event for event in events)


def read(upload: Upload) -> Found:
    """The trace of a run. Raises `NotATrace` for one of too many events."""
    value = upload.value
    events = [event for event in value["events"] if isinstance(event, dict)]
    if len(events) >= MAX_SPANS:
        raise NotATrace(f"it has {len(events):,} events; {MAX_SPANS - 1:,} is the most")
    trace_id = id_in(value, (*TRACE_ID, "id")) or upload.digest()
    root_id = upload.digest(trace_id, "root")[:16] if id_in(value, TRACE_ID) is None else f"{trace_id}-run"[:200]
    started, ended = times_of(value, upload.received_ns)
    times = _times(events, started, ended)
    root = _root(value, root_id, (started, ended), events, times)
    spans = [root, *_calls(root, events, times)]
    return Found(trace_id, [ReceivedSpan(trace_id, span) for span in spans], upload.text)


def _root(
    value: Mapping[str, Any],
    span_id: str,
    span_of_time: tuple[int, int | None],
    events: Sequence[Mapping[str, Any]],
    times: Sequence[int],
) -> Span:
    started, ended = span_of_time
    status, message = status_of(value)
    given = [_said(event, _GIVEN) for event in events if event.get("type") == "agent.input"]
    gave = [_said(event, _GAVE) for event in events if event.get("type") == "agent.output"]
    shown = {name: inner for name, inner in value.items() if name != "events"}
    name = first(value, NAME)
    return Span(
        span_id=span_id,
        name="agent" if name is None else str(name),
        kind="agent",
        started_ns=started,
        ended_ns=ended,
        status=status,
        status_message=message,
        input=given[0] if given else value.get("description"),
        output=gave[-1] if gave else None,
        attributes=shown,
        events=[
            {"name": str(event.get("type", "event")), "atNs": at, "attributes": _payload(event)}
            for event, at in zip(events, times, strict=True)
        ],
        original=shown,
    )


def _calls(root: Span, events: Sequence[Mapping[str, Any]], times: Sequence[int]) -> list[Span]:
    spans: list[Span] = []
    unpaid: int | None = None
    for place, (event, at) in enumerate(zip(events, times, strict=True)):
        kind = _KINDS.get(str(event.get("type")))
        if kind is not None:
            spans.append(_call(root, event, kind, at, f"{root.span_id[:190]}-{place}"))
            if kind == "llm" and spans[-1].cost_usd is None:
                unpaid = len(spans) - 1
        elif event.get("type") == "cost.record" and unpaid is not None:
            # What a call cost is told after it, in an event of its own.
            spans[unpaid] = _with_cost(spans[unpaid], _payload(event))
            unpaid = None
    return spans


def _call(root: Span, event: Mapping[str, Any], kind: SpanKind, started_ns: int, span_id: str) -> Span:
    payload = _payload(event)
    _, ended = times_of({**payload, "start_time": None}, started_ns)
    status, message = status_of(payload)
    found = understood("", payload | _counts(payload))
    called = first(payload, _CALLED)
    return Span(
        span_id=span_id,
        parent_id=root.span_id,
        name=called if isinstance(called, str) else str(event["type"]),
        kind=kind,
        started_ns=started_ns,
        ended_ns=ended,
        status=status,
        status_message=message,
        input=found.get("input", first(payload, _GIVEN)),
        output=found.get("output", first(payload, _GAVE)),
        attributes=payload,
        original=dict(event),
        **{name: found[name] for name in _CALL_FIELDS if name in found},
    )


def _with_cost(span: Span, payload: Mapping[str, Any]) -> Span:
    try:
        amount = Decimal(str(first(payload, _COST)))
    except InvalidOperation:
        return span
    more: dict[str, Any] = {"cost_usd": f"{amount:f}"} if amount.is_finite() and amount >= 0 else {}
    counted = understood("", dict(payload) | _counts(payload))
    for name in ("input_tokens", "output_tokens"):
        if getattr(span, name) is None and name in counted:
            more[name] = counted[name]
    values = {name: getattr(span, name) for name in span.__struct_fields__}
    return Span(**(values | more))


def _counts(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{group}.{name}": inner
        for group in ("usage", "tokens")
        if isinstance(payload.get(group), dict)
        for name, inner in payload[group].items()
    }


def _payload(event: Mapping[str, Any]) -> dict[str, Any]:
    payload = event.get("payload")
    if isinstance(payload, dict):
        return payload
    return {} if payload is None else {"payload": payload}


def _said(event: Mapping[str, Any], names: Sequence[str]) -> Any:
    payload = _payload(event)
    found = first(payload, (*names, "payload"))
    return payload if found is None else found


def _times(events: Sequence[Mapping[str, Any]], started_ns: int, ended_ns: int | None) -> list[int]:
    """When each event happened; one that does not say so, when the one before it did."""
    offsets = [dt for event in events if isinstance(dt := event.get("dt"), (int, float)) and not isinstance(dt, bool)]
    whole = None if ended_ns is None else ended_ns - started_ns
    in_seconds = whole is None or max(offsets, default=0) * 1e9 <= 2 * whole + 1e9
    unit = 1_000_000_000 if in_seconds else 1_000_000
    found: list[int] = []
    for event in events:
        dt = event.get("dt")
        at = found[-1] if found else started_ns
        if isinstance(dt, str):
            at = moment_ns(dt) or at
        elif isinstance(dt, (int, float)) and not isinstance(dt, bool) and 0 <= dt * unit <= LATEST_NS:
            at = started_ns + int(dt * unit)
        found.append(min(at, LATEST_NS))
    return found
