"""Reading what came in: lists of traces, one of them, its spans as a tree, and what it consumed by model and kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from penstock.errors import NotFound
from penstock.storage import trace_pages as pages
from penstock.storage import traces as rows
from penstock.storage.store import Store
from penstock.storage.trace_pages import TraceFilter
from penstock.traces.model import Span, SpanKind, SpanStatus, Trace
from penstock.traces.packing import unpack
from penstock.types import Tenant

MOST_SOURCES = 1_000
PAGE = 200
_SWEEP_ROWS = 2_000
_SWEEPS = 50
_decode_span = msgspec.json.Decoder(Span).decode


@dataclass(frozen=True, slots=True)
class Line:
    """One span in the tree of its trace, without what it was given and gave back.

    `offset_ms` is the time from the trace's start to its own; `duration_ms` is None while nobody has said its end.
    `cost_nanos` is None where nobody knows.
    """

    no: int
    span_id: str
    parent_id: str | None
    depth: int
    name: str
    kind: SpanKind
    status: SpanStatus
    offset_ms: float
    duration_ms: float | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_nanos: int | None


@dataclass(frozen=True, slots=True)
class Share:
    """What the spans of one kind and model amount to. `unpriced`: model calls whose price nobody knows."""

    kind: SpanKind
    model: str | None
    spans: int
    errors: int
    busy_ms: float
    input_tokens: int
    output_tokens: int
    cost_nanos: int
    unpriced: int


class TraceReader:
    """Traces of all tenants. Methods that take an id raise `NotFound` (`trace_unknown`), also for another tenant's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, tenant: Tenant, id_or_trace_id: str, *, with_data: bool = False) -> Trace:
        """One trace, by its own id or its sender's. With its `data`, if asked for, see there."""
        trace = await self._store.read(rows.find(tenant, id_or_trace_id))
        if trace is None:
            raise NotFound("trace_unknown", f"There is no trace {id_or_trace_id!r} in this project.")
        return replace(trace, data=await self.data(trace)) if with_data else trace

    async def data(self, trace: Trace) -> msgspec.Raw | None:
        """The uploaded object as JSON text, exactly as it was sent; None where none was."""
        packed = await self._store.read(rows.data_of(trace))
        if packed is None:
            return None
        text, _ = await asyncio.to_thread(unpack, packed)
        return msgspec.Raw(text)

    async def page(
        self, tenant: Tenant, wanted: TraceFilter, cursor: str | None, limit: int
    ) -> tuple[list[Trace], str | None]:
        """Traces that are wanted, and the cursor of the next page; None at the end of the list.

        A page may be short of `limit`, or empty, before the end: see `storage.trace_pages`. Raises `Invalid` for a
        cursor of another list, and for a sort that a search by words has not.
        """
        return await self._store.read(pages.page(tenant, wanted, cursor, limit))

    async def every(self, tenant: Tenant, wanted: TraceFilter) -> AsyncIterator[list[Trace]]:
        """All traces that are wanted, page by page."""
        cursor: str | None = None
        while True:
            found, cursor = await self.page(tenant, wanted, cursor, PAGE)
            if found:
                yield found
            if cursor is None:
                return

    async def numbered(self, tenant: Tenant, wanted: TraceFilter, offset: int, limit: int) -> tuple[list[Trace], int]:
        """Traces by their places in the list, and how many there are. Costs more the more there are."""
        return await self._store.read(pages.numbered(tenant, wanted, offset, limit))

    async def sources(self, tenant: Tenant) -> list[str]:
        """Where the project's traces come from, by name."""
        return await self._store.read(pages.sources(tenant, MOST_SOURCES))

    async def outline(self, trace: Trace) -> list[Line]:
        """Every span in tree order: each behind its parent, siblings by their start."""
        found = await self._store.read(pages.outline(trace))
        return _in_tree(found) if len(found) < PAGE else await asyncio.to_thread(_in_tree, found)

    async def spans(self, trace: Trace) -> list[Span]:
        """Every span whole, in tree order, without the originals."""
        return [span async for some in self.span_pages(trace, await self.outline(trace)) for span in some]

    async def span_pages(self, trace: Trace, lines: Sequence[Line]) -> AsyncIterator[list[Span]]:
        """The whole spans of these lines, page by page."""
        for first in range(0, len(lines), PAGE):
            some = lines[first : first + PAGE]
            found = await self._store.read(pages.bodies(trace, [line.no for line in some]))
            yield await asyncio.to_thread(_spans, [found[line.no] for line in some if line.no in found])

    async def span(self, trace: Trace, span_id: str) -> Span:
        """One span whole, with its `original`: bytes are a message of OTLP, JSON is a `msgspec.Raw` of its text.

        Raises `NotFound` (`span_unknown`).
        """
        row = await self._store.read(rows.span_of(trace, span_id))
        if row is None:
            raise NotFound("span_unknown", f"Trace {trace.id} has no span {span_id!r}.")
        span = _span(row["body"])
        if row["original"] is None:
            return span
        text, is_json = unpack(row["original"])
        return msgspec.structs.replace(span, original=msgspec.Raw(text) if is_json else text)

    async def shares(self, trace: Trace) -> list[Share]:
        """What its spans consumed, by kind and model."""
        found = await self._store.read(pages.rollup(trace))
        return [
            Share(
                kind=row["kind"],
                model=row["model"],
                spans=row["spans"],
                errors=row["errors"],
                busy_ms=row["busy_ns"] / 1_000_000,
                input_tokens=row["input_tokens"],
                output_tokens=row["output_tokens"],
                cost_nanos=row["cost_nanos"],
                unpriced=row["unpriced"],
            )
            for row in found
        ]

    async def delete(self, tenant: Tenant, id_or_trace_id: str) -> None:
        """Remove one trace with its spans."""
        await self._store.write(rows.disown(await self.get(tenant, id_or_trace_id)))
        await self._sweep()

    async def delete_many(self, tenant: Tenant, ids: Sequence[str]) -> int:
        """Remove these traces, passing over those that are not there; returns how many were."""
        gone = 0
        for some_id in dict.fromkeys(ids):
            trace = await self._store.read(rows.find(tenant, some_id))
            gone += trace is not None and await self._store.write(rows.disown(trace))
        await self._sweep()
        return gone

    async def _sweep(self) -> None:
        """What is left when there is much of it, the keeper takes away."""
        for _ in range(_SWEEPS):
            if not await self._store.write(rows.sweep(_SWEEP_ROWS)):
                return


def _in_tree(found: Sequence[Any]) -> list[Line]:
    """Rows in the order of their times, as lines in tree order.

    A span whose parent has not come is a root. Where parents go round in a circle, the earliest of it is one.
    """
    known = {row["span_id"] for row in found}
    children: dict[str | None, list[Any]] = {}
    for row in found:
        parent = row["parent_id"] if row["parent_id"] in known else None
        children.setdefault(parent, []).append(row)
    start = found[0]["started_ns"] if found else 0
    lines: list[Line] = []
    seen: set[str] = set()
    for root in (*children.get(None, ()), *found):
        waiting = [(root, 0)]
        while waiting:
            row, depth = waiting.pop()
            if row["span_id"] in seen:
                continue
            seen.add(row["span_id"])
            lines.append(_line(row, depth, start))
            waiting += [(child, depth + 1) for child in reversed(children.get(row["span_id"], ()))]
    return lines


def _line(row: Any, depth: int, start_ns: int) -> Line:
    started, ended = row["started_ns"], row["ended_ns"]
    return Line(
        no=row["no"],
        span_id=row["span_id"],
        parent_id=row["parent_id"],
        depth=depth,
        name=row["name"],
        kind=row["kind"],
        status=row["status"],
        offset_ms=(started - start_ns) / 1_000_000,
        duration_ms=None if ended is None else (ended - started) / 1_000_000,
        model=row["model"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_nanos=row["cost_nanos"],
    )


def _spans(packed: Sequence[bytes]) -> list[Span]:
    return [_span(body) for body in packed]


def _span(packed: bytes) -> Span:
    text, _ = unpack(packed)
    return _decode_span(text)
