"""Traces as files: JSON Lines, which an upload reads back, and Parquet, a row for each trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec

from penstock.clock import iso
from penstock.datasets.formats import MEDIA_TYPES, writer_for
from penstock.datasets.model import Column, ColumnType
from penstock.models.usage import usd_from_nanos
from penstock.storage.trace_pages import TraceFilter
from penstock.traces.formats.exported import MARK, VERSION
from penstock.traces.model import Trace
from penstock.traces.reading import TraceReader
from penstock.types import Tenant

ExportFormat = Literal["jsonl", "parquet"]

EXPORT_MEDIA_TYPES: dict[ExportFormat, str] = {name: MEDIA_TYPES[name] for name in ("jsonl", "parquet")}
_COLUMNS: dict[str, ColumnType] = {
    "id": "string",
    "traceId": "string",
    "source": "string",
    "name": "string",
    "filename": "string",
    "status": "string",
    "startedAt": "string",
    "endedAt": "string",
    "durationMs": "number",
    "spanCount": "integer",
    "errorCount": "integer",
    "modelCalls": "integer",
    "inputTokens": "integer",
    "outputTokens": "integer",
    "costUsd": "string",
    "unpricedCalls": "integer",
    "input": "string",
    "output": "string",
    "metadata": "object",
    "createdAt": "string",
    "spans": "array",
    "data": "any",
}
_encode = msgspec.json.Encoder().encode


def export(reader: TraceReader, tenant: Tenant, wanted: TraceFilter, file_format: ExportFormat) -> AsyncIterator[bytes]:
    """The bytes of a file with all traces that are wanted, piece by piece. Originals of spans stay behind."""
    return _lines(reader, tenant, wanted) if file_format == "jsonl" else _parquet(reader, tenant, wanted)


async def _lines(reader: TraceReader, tenant: Tenant, wanted: TraceFilter) -> AsyncIterator[bytes]:
    async for traces in reader.every(tenant, wanted):
        for trace in traces:
            pages = reader.span_pages(trace, await reader.outline(trace))
            first = await anext(pages, None)
            if not first:
                # Deleted since its page of the list was read: there is no trace without a span.
                continue
            head = _encode({MARK: VERSION, **_summary(trace)})
            yield head[:-1] + b',"spans":[' + _encode(first)[1:-1]
            async for spans in pages:
                if spans:
                    yield b"," + _encode(spans)[1:-1]
            data = await reader.data(trace)
            yield b'],"data":' + (b"null" if data is None else _one_line(bytes(data))) + b"}\n"


async def _parquet(reader: TraceReader, tenant: Tenant, wanted: TraceFilter) -> AsyncIterator[bytes]:
    columns = [Column(name, kind) for name, kind in _COLUMNS.items()]
    writer = await asyncio.to_thread(writer_for, "parquet", columns)
    async for traces in reader.every(tenant, wanted):
        for trace in traces:
            spans: Any = await reader.spans(trace)
            if not spans:
                continue
            row = {**_summary(trace), "spans": spans, "data": await reader.data(trace)}
            if piece := await asyncio.to_thread(writer.write, [row]):
                yield piece
    yield await asyncio.to_thread(writer.close)


def _summary(trace: Trace) -> dict[str, Any]:
    return {
        "id": trace.id,
        "traceId": trace.trace_id,
        "source": trace.source,
        "name": trace.name,
        "filename": trace.filename,
        "status": trace.status,
        "startedAt": iso(trace.started_at),
        "endedAt": None if trace.ended_at is None else iso(trace.ended_at),
        "durationMs": trace.duration_ms,
        "spanCount": trace.span_count,
        "errorCount": trace.error_count,
        "modelCalls": trace.model_calls,
        "inputTokens": trace.input_tokens,
        "outputTokens": trace.output_tokens,
        "costUsd": usd_from_nanos(trace.cost_nanos),
        "unpricedCalls": trace.unpriced_calls,
        "input": trace.input,
        "output": trace.output,
        "metadata": trace.metadata,
        "createdAt": iso(trace.created_at),
    }


def _one_line(text: bytes) -> bytes:
    """JSON without its line breaks: in JSON they stand only between values."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ")
