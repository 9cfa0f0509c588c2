"""Traces: what a product did, span by span."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from penstock.client import calls
from penstock.client._async.handles import AsyncExecutionHandle
from penstock.client._async.transport import AsyncPages, AsyncTransport
from penstock.client.calls import Call
from penstock.client.objects import Execution
from penstock.client.trace_objects import (
    Trace,
    TraceFilter,
    TraceFormat,
    TraceLine,
    TracesDeleted,
    TraceSources,
    TraceSpan,
    TraceUpload,
)

_LINES = "application/x-ndjson"
_FILE = "application/octet-stream"
_DELETED_AT_ONCE = 1_000


class AsyncTraceBatchHandle(AsyncExecutionHandle):
    """A large file of traces that is being read."""

    async def results(self) -> TraceUpload:
        """All ids in the order of the file, and every line that went wrong, with how many spans were new.

        Raises ConflictError while it is not over.
        """
        pieces = msgspec.convert([piece for piece in await super().results() if piece], list[TraceUpload])
        return TraceUpload(
            ids=tuple(some_id for piece in pieces for some_id in piece.ids),
            errors=tuple(error for piece in pieces for error in piece.errors),
            new_spans=sum(piece.new_spans for piece in pieces),
            repeated_spans=sum(piece.repeated_spans for piece in pieces),
        )


class AsyncTraces:
    """`client.traces`. A trace is named by its id or by its sender's."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def upload(
        self, traces: Path | str | Mapping[str, Any] | Sequence[Mapping[str, Any]], *, source: str | None = None
    ) -> TraceUpload:
        """Keep the traces of a file (JSON, JSON Lines) of up to 10 MB, by its path; or this object, or these: each is
        a trace.

        They are on disk when this returns, with ids in their order; what was uploaded before adds nothing. Lines that
        are no traces are named in `errors`; BadRequestError when there is no trace at all.
        """
        if isinstance(traces, (Path, str)):
            return await self._transport.fetch(_upload("/traces", Path(traces), source), TraceUpload)
        objects = [traces] if isinstance(traces, Mapping) else traces
        body = b"".join(calls.encode(trace) + b"\n" for trace in objects)
        query = {} if source is None else {"source": source}
        headers = {"content-type": _LINES}
        call = Call(method="POST", path="/traces", query=query, headers=headers, body=body)
        return await self._transport.fetch(call, TraceUpload)

    async def upload_batch(
        self, path: Path, *, source: str | None = None, idempotency_key: str | None = None
    ) -> AsyncTraceBatchHandle:
        """Send a file of up to 1 GB and return the handle of what reads it; `results()` are the ids, in order."""
        key = {"idempotency-key": idempotency_key or uuid.uuid4().hex}
        call = _upload("/traces/batches", path, source, key)
        return AsyncTraceBatchHandle(self._transport, await self._transport.fetch(call, Execution))

    def list(self, wanted: TraceFilter | None = None, *, limit: int | None = None) -> AsyncPages[Trace]:
        """Traces that are wanted, newest first: all, or the first `limit`."""
        query: dict[str, Any] = {**(wanted or {})}
        return self._transport.pages("/traces", Trace, most=limit, **query)

    async def get(self, trace: str) -> Trace:
        """One trace with what it consumed by kind and model, and the object that was uploaded. Raises NotFoundError."""
        return await self._transport.fetch(calls.get(_path(trace)), Trace)

    def tree(self, trace: str, *, limit: int | None = None) -> AsyncPages[TraceLine]:
        """Its spans, each behind its parent, with depth and place on the time line."""
        return self._transport.pages(f"{_path(trace)}/tree", TraceLine, most=limit)

    def spans(self, trace: str, *, limit: int | None = None) -> AsyncIterator[TraceSpan]:
        """Its spans whole, in the same order, without their originals."""
        return self._transport.pages(f"{_path(trace)}/spans", TraceSpan, most=limit)

    async def span(self, trace: str, span_id: str) -> TraceSpan:
        """One span, whole, with its original. Raises NotFoundError."""
        return await self._transport.fetch(calls.get(f"{_path(trace)}/spans/{calls.segment(span_id)}"), TraceSpan)

    async def sources(self) -> tuple[str, ...]:
        """Where the project's traces come from, by name."""
        return (await self._transport.fetch(calls.get("/traces/sources"), TraceSources)).sources

    async def export(
        self,
        path: Path,
        wanted: TraceFilter | None = None,
        *,
        format: TraceFormat | None = None,  # noqa: A002 - the word for it
    ) -> int:
        """Write the traces that are wanted to a file as they come; returns the bytes written.

        The suffix tells the format: `.parquet`, else JSON Lines, which `upload` reads back.
        """
        kind = format or ("parquet" if path.suffix.lower() == ".parquet" else "jsonl")
        query: dict[str, Any] = {**(wanted or {}), "format": kind}
        return await self._transport.download(calls.get("/traces/export", **query), path)

    async def delete(self, trace: str) -> None:
        """Delete a trace with its spans. Raises NotFoundError."""
        await self._transport.send(calls.delete(_path(trace)))

    async def delete_many(self, traces: Sequence[str]) -> int:
        """Delete these traces, passing over those that are not there; returns how many were."""
        gone = 0
        for first in range(0, len(traces), _DELETED_AT_ONCE):
            some = {"ids": [*traces[first : first + _DELETED_AT_ONCE]]}
            call = calls.post("/traces/delete", some, repeatable=True)
            gone += (await self._transport.fetch(call, TracesDeleted)).deleted
        return gone


def _upload(path: str, file: Path, source: str | None, headers: Mapping[str, str] | None = None) -> Call:
    """Sending a file twice does no harm: a trace that is there already is found again."""
    query = {"filename": file.name} | ({} if source is None else {"source": source})
    return Call(method="POST", path=path, query=query, headers={"content-type": _FILE, **(headers or {})}, body=file)


def _path(trace: str) -> str:
    return f"/traces/{calls.segment(trace)}"
