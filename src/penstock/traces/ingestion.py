"""Spans come in here, from wherever: written before it is said so, once each, and added to what their trace amounts to.

A span is known by tenant, trace id and span id. Sent again with the same content it changes nothing; with other
content the first one stays and the later one is refused, since no protocol of traces knows of corrections. Many calls
at once share a commit, so callers who wait for one another are the slow ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.errors import Unavailable
from penstock.ids import new_id
from penstock.models.prices import Prices
from penstock.storage import traces as sql
from penstock.storage.store import Store, Transaction
from penstock.traces.costs import costs_of
from penstock.traces.model import MAX_SPANS, ReceivedSpan
from penstock.traces.packing import pack
from penstock.traces.rollups import add
from penstock.traces.rows import MAX_PART_WORDS, Prepared, Refused, prepare, words
from penstock.types import Tenant

OTLP = "otlp"
_FEW_SPANS = 32
_FEW_BYTES = 16 * 1024
_RETRY_AFTER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of some spans. `trace_ids` are the traces' own ids, in the order in which their first spans stood.

    `rejected`: positions of spans, each with the reason. A repeated span was there already, with the same content.
    """

    trace_ids: tuple[str, ...]
    new_spans: int
    repeated_spans: int
    rejected: tuple[tuple[int, str], ...]


@dataclass(slots=True)
class _Arriving:
    """The spans of one trace in one call. Its id is needed only where the trace is new."""

    trace: sql.NewTrace
    spans: dict[str, tuple[int, Prepared]] = field(default_factory=dict)


@dataclass(slots=True)
class _Outcome:
    ids: list[str] = field(default_factory=list)
    new: int = 0
    repeated: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)


class Ingestion:
    """Takes spans in. `room_bytes` is how much may wait for the store at once, as callers count it in `waiting`."""

    def __init__(self, store: Store, room_bytes: int, prices: Prices | None = None) -> None:
        self._store = store
        self._prices = prices or Prices()
        self._room_bytes = room_bytes
        self._waiting_bytes = 0

    @contextmanager
    def waiting(self, size: int) -> Iterator[None]:
        """Hold room for a request of so many bytes while the block lasts.

        Raises `Unavailable` when too much waits already; one request alone always has room.
        """
        if self._waiting_bytes and self._waiting_bytes + size > self._room_bytes:
            raise Unavailable(
                "ingestion_busy",
                "More spans are waiting to be written than there is room for. Send them again a little later.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        self._waiting_bytes += size
        try:
            yield
        finally:
            self._waiting_bytes -= size

    async def accept(
        self,
        tenant: Tenant,
        spans: Sequence[ReceivedSpan],
        *,
        source: str,
        filename: str | None = None,
        data: Any = None,
    ) -> Accepted:
        """Keep spans; they are on disk when this returns. `source` and `filename` are for traces that are new.

        The source `otlp` gives way to the name that the sender's service has. `data` is the object that these spans
        were read from. Raises `Unavailable` when the store cannot write: then nothing of the call was kept.
        """
        costs = await costs_of(self._prices, spans)
        work = (tenant, spans, costs, source, filename, data)
        outcome, traces = _sort(*work) if _few(spans, data) else await asyncio.to_thread(_sort, *work)
        if traces:
            # Counted anew each time the transaction runs; it does so once, or not at all.
            taken = await self._store.write(_take(traces, now_ms()))
            outcome.ids, outcome.new = taken.ids, taken.new
            outcome.repeated += taken.repeated
            outcome.rejected += taken.rejected
        return Accepted(tuple(outcome.ids), outcome.new, outcome.repeated, tuple(sorted(outcome.rejected)))


def _few(spans: Sequence[ReceivedSpan], data: Any) -> bool:
    """Whether making these ready is a matter of a few milliseconds."""
    originals = [received.span.original for received in spans[:_FEW_SPANS]]
    known = all(isinstance(original, (bytes, msgspec.Raw)) for original in originals)
    return data is None and len(spans) < _FEW_SPANS and known and sum(map(_size, originals)) < _FEW_BYTES


def _size(original: bytes | msgspec.Raw) -> int:
    return len(memoryview(original))


def _sort(
    tenant: Tenant,
    spans: Sequence[ReceivedSpan],
    costs: Sequence[int | None],
    source: str,
    filename: str | None,
    data: Any,
) -> tuple[_Outcome, list[_Arriving]]:
    """The spans by trace, each made ready to be written; those that cannot be kept are named."""
    outcome, traces = _Outcome(), dict[str, _Arriving]()
    packed = None if data is None else pack(data)
    for index, (received, cost) in enumerate(zip(spans, costs, strict=True)):
        try:
            prepared = prepare(received, cost)
        except Refused as refused:
            outcome.rejected.append((index, str(refused)))
            continue
        arriving = traces.get(received.trace_id)
        if arriving is None:
            named = _source(source, received)
            new = sql.NewTrace(new_id(), tenant, received.trace_id, named, filename, packed)
            arriving = traces[received.trace_id] = _Arriving(new)
        _, earlier = arriving.spans.setdefault(prepared.row.span_id, (index, prepared))
        if earlier is not prepared:
            _repeat(outcome, index, prepared, earlier.row.digest)
    return outcome, list(traces.values())


def _source(source: str, received: ReceivedSpan) -> str:
    service = received.resource.get("service.name")
    if source == OTLP and isinstance(service, str) and service and not service.startswith("unknown_service"):
        return service[:200]
    return source


def _take(traces: Sequence[_Arriving], now: int) -> Transaction[_Outcome]:
    outcome = _Outcome()
    for arriving in traces:
        yield from _take_one(arriving, now, outcome)
    return outcome


def _take_one(arriving: _Arriving, now: int, outcome: _Outcome) -> Transaction[None]:
    no, trace_id, rollup = yield from sql.open_trace(arriving.trace, now)
    outcome.ids.append(trace_id)
    known = (yield from sql.digests(no, list(arriving.spans))) if rollup.span_count else {}
    fresh: list[Prepared] = []
    for span_id, (index, prepared) in arriving.spans.items():
        if span_id in known:
            _repeat(outcome, index, prepared, known[span_id])
        elif rollup.span_count >= MAX_SPANS:
            outcome.rejected.append((index, f"its trace has {MAX_SPANS:,} spans, the most that one may have"))
        else:
            add(rollup, prepared.row, prepared.span)
            fresh.append(prepared)
    if not fresh:
        return
    outcome.new += len(fresh)
    yield sql.add_spans(no, [prepared.row for prepared in fresh])
    found = words(fresh, MAX_PART_WORDS)
    if found and rollup.word_parts < sql.PARTS:
        yield from sql.add_words(no, rollup.word_parts, arriving.trace.tenant.project_id, found)
        rollup.word_parts += 1
    yield from sql.sum_up(no, rollup)


def _repeat(outcome: _Outcome, index: int, prepared: Prepared, digest: int) -> None:
    if prepared.row.digest == digest:
        outcome.repeated += 1
    else:
        reason = f"span {prepared.row.span_id!r} is there already with other content; the first one is kept"
        outcome.rejected.append((index, reason))
