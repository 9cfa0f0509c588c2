"""`/traces`: upload, list, read, export, delete."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from penstock.errors import Invalid, TooLarge, UnsupportedMedia
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.bodies import JSON, NDJSON, expect_type, read_bytes, stream_bytes
from penstock.server.describe import BINARY, Cursor, Limit, content, doc, page_of, path_id, ref
from penstock.server.execution_schemas import Handle
from penstock.server.idempotency import KEY, idempotency_key
from penstock.server.outcomes import outcome
from penstock.server.trace_answers import (
    Trace,
    TraceLine,
    TraceShare,
    TraceSpan,
    WholeTrace,
    shown,
    shown_line,
    shown_span,
    shown_whole,
)
from penstock.server.trace_queries import Exported, Listed, filter_of
from penstock.server.uploads import received_file
from penstock.traces.batches import BatchRequest
from penstock.traces.exporting import EXPORT_MEDIA_TYPES, export
from penstock.traces.formats.files import Fault, Record, layout_of, records
from penstock.traces.reading import Line
from penstock.traces.uploads import MAX_SOURCE_CHARS, UPLOAD, Uploads, nothing_found, says_lines

router = APIRouter(tags=["traces"])
Reads = Annotated[Call, needs("traces:read")]
Writes = Annotated[Call, needs("traces:write")]
TraceId = Annotated[str, path_id("trace")]
Filename = Annotated[
    str | None,
    Query(min_length=1, max_length=255, description="What the file is called; `.jsonl` says that it has lines."),
]
Source = Annotated[
    str,
    Query(min_length=1, max_length=MAX_SOURCE_CHARS, description="Where traces that are new are said to come from."),
]

MAX_DELETED = 1_000
_TYPES = (JSON, NDJSON, "application/jsonl", "application/octet-stream", "text/plain")
_FILE = {"requestBody": {"required": True, **content(dict.fromkeys(_TYPES, BINARY) | {JSON: {}})}}


class TraceIds(BaseModel):
    """Traces by their ids."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(min_length=1, max_length=MAX_DELETED, description="Their own ids, or their senders'.")


class TraceUploadError(msgspec.Struct):
    """A line that is no trace, or of which spans were refused, and why."""

    line: int
    message: str


class TraceUpload(msgspec.Struct, rename="camel"):
    """What came of an upload: ids in the order of the objects, and the lines that went wrong."""

    ids: list[str]
    errors: list[TraceUploadError]
    new_spans: int
    repeated_spans: int


class TraceSources(msgspec.Struct):
    """Where traces come from."""

    sources: list[str]


class TracesDeleted(msgspec.Struct):
    """How many traces were there to be deleted."""

    deleted: int


SCHEMAS = (
    TraceIds,
    TraceUploadError,
    TraceUpload,
    TraceSources,
    TracesDeleted,
    Trace,
    TraceShare,
    WholeTrace,
    TraceLine,
    TraceSpan,
)


@router.post(
    "/traces",
    **doc("Upload traces", status=201, returns=ref(TraceUpload), problems=(400, 413, 415), extra=_FILE),
)
async def upload_traces(call: Writes, filename: Filename = None, source: Source = UPLOAD) -> Response:
    """The body is one object, an array of them, or one on each line: each is a trace.

    They are on disk when this answers. An object that was uploaded before adds nothing, and has the same id. Lines that
    cannot be read are named beside those that can; 400 when there is no trace at all.
    """
    media = _media(call.request)
    lines = says_lines(filename) or media in (NDJSON, "application/jsonl") or None
    try:
        text = await read_bytes(call.request, call.running.settings.limits.max_body_bytes)
    except TooLarge as error:
        raise TooLarge(error.code, f"{error.detail} Send larger files to POST /traces/batches.") from None
    with call.engine.ingestion.waiting(len(text)):
        found = await asyncio.to_thread(_records, text, lines)
        taken = await Uploads(call.engine.ingestion, call.tenant, source, filename).take(found)
    if not taken.ids:
        raise nothing_found(taken.errors)
    return answer(taken, 201)


@router.post(
    "/traces/batches",
    **doc(
        "Upload a large file of traces",
        status=202,
        returns=ref(Handle),
        problems=(400, 402, 413, 415, 422, 429),
        extra={**_FILE, "parameters": [KEY]},
    ),
)
async def upload_trace_batch(
    call: Writes,
    filename: Filename = None,
    source: Source = UPLOAD,
    deadline_seconds: Annotated[float | None, Query(alias="deadlineSeconds", gt=0)] = None,
) -> Response:
    """The file is kept, and read by an execution of kind `ingestion`: follow, cancel and retry it as any other.

    Its results are a list with `ids` and `errors` for each piece of the file, in the order of the file.
    """
    _media(call.request)
    key = idempotency_key(call)
    chunks = stream_bytes(call.request, call.running.settings.limits.max_trace_batch_bytes)
    async with received_file(chunks, call.running.uploads) as path:
        digest = "" if key is None else await asyncio.to_thread(_digest, path, filename, source)
        request = BatchRequest(
            filename=filename,
            source=source,
            deadline_seconds=deadline_seconds,
            idempotency_key=key,
            request_hash=digest,
            created_by=call.principal.key_id,
        )
        submitted = await call.engine.trace_batches.start(call.tenant, path, request)
    return await outcome(call, submitted, 0)


@router.get("/traces", **doc("List traces", returns=page_of(Trace), problems=(400, 404)))
async def list_traces(call: Reads, wanted: Listed) -> Response:
    """Newest first. A page may hold less than `limit`, or nothing, while `nextCursor` says that there is more."""
    chosen = await filter_of(call, wanted)
    found, following = await call.engine.traces.page(call.tenant, chosen, wanted.cursor, wanted.limit)
    return page([shown(trace) for trace in found], following)


@router.get("/traces/sources", **doc("List where traces come from", returns=ref(TraceSources)))
async def list_trace_sources(call: Reads) -> Response:
    """By name, a thousand at most."""
    return answer(TraceSources(await call.engine.traces.sources(call.tenant)))


@router.get(
    "/traces/export",
    **doc(
        "Export traces",
        responses={
            200: {
                "description": "The file, streamed",
                **content(dict.fromkeys([kind.partition(";")[0] for kind in EXPORT_MEDIA_TYPES.values()], BINARY)),
            }
        },
        problems=(400, 404),
    ),
)
async def export_traces(call: Reads, wanted: Exported) -> Response:
    """All traces that the filters let through, with their spans. What JSON Lines hold, an upload reads back."""
    pieces = export(call.engine.traces, call.tenant, await filter_of(call, wanted), wanted.format)
    first = await anext(pieces, b"")
    headers = {"Content-Disposition": f'attachment; filename="traces.{wanted.format}"'}
    return StreamingResponse(_behind(first, pieces), media_type=EXPORT_MEDIA_TYPES[wanted.format], headers=headers)


@router.post(
    "/traces/delete",
    **doc("Delete several traces", body=ref(TraceIds), returns=ref(TracesDeleted), problems=(400, 413)),
)
async def delete_traces(call: Writes) -> Response:
    """With their spans. Those that are not there are passed over."""
    body = await call.body(TraceIds)
    return answer(TracesDeleted(await call.engine.traces.delete_many(call.tenant, body.ids)))


@router.get("/traces/{trace}", **doc("Get a trace", returns=ref(WholeTrace), problems=(404,)))
async def get_trace(call: Reads, trace: TraceId) -> Response:
    """By its own id or its sender's, with what it consumed by kind and model, and the object that was uploaded."""
    found = await call.engine.traces.get(call.tenant, trace, with_data=True)
    return answer(shown_whole(found, await call.engine.traces.shares(found)))


@router.delete("/traces/{trace}", **doc("Delete a trace", status=204, problems=(404,)))
async def delete_trace(call: Writes, trace: TraceId) -> Response:
    """With its spans."""
    await call.engine.traces.delete(call.tenant, trace)
    return nothing()


@router.get("/traces/{trace}/tree", **doc("Get the tree of a trace", returns=page_of(TraceLine), problems=(400, 404)))
async def get_trace_tree(call: Reads, trace: TraceId, cursor: Cursor = None, limit: Limit = 500) -> Response:
    """Every span behind its parent, siblings by their start, with its place on the time line."""
    lines, following = await _lines(call, trace, cursor, limit)
    return page([shown_line(line) for line in lines], following)


@router.get("/traces/{trace}/spans", **doc("List spans", returns=page_of(TraceSpan), problems=(400, 404)))
async def list_spans(call: Reads, trace: TraceId, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Whole, in the order of the tree, without their originals."""
    found = await call.engine.traces.get(call.tenant, trace)
    lines, following = await _lines(call, trace, cursor, limit)
    pages = [span async for some in call.engine.traces.span_pages(found, lines) for span in some]
    return page([shown_span(span) for span in pages], following)


@router.get("/traces/{trace}/spans/{span}", **doc("Get a span", returns=ref(TraceSpan), problems=(404,)))
async def get_span(call: Reads, trace: TraceId, span: Annotated[str, path_id("span")]) -> Response:
    """Whole, with its original as it was sent."""
    found = await call.engine.traces.get(call.tenant, trace)
    return answer(shown_span(await call.engine.traces.span(found, span)))


async def _behind(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The first piece is asked for before the answer begins, so that a wrong filter is still refused."""
    yield first
    async for piece in pieces:
        yield piece


async def _lines(call: Call, trace: str, cursor: str | None, limit: int) -> tuple[list[Line], str | None]:
    lines = await call.engine.traces.outline(await call.engine.traces.get(call.tenant, trace))
    if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise Invalid("cursor_invalid", "This cursor was not made here; take nextCursor of the page before.")
    first = int(cursor or 0)
    following = first + limit
    return lines[first:following], str(following) if following < len(lines) else None


def _media(request: Request) -> str:
    """The type of an uploaded file. Raises `UnsupportedMedia` also for one that is compressed."""
    found = request.headers.get("content-encoding", "identity").strip().lower()
    if found not in ("", "identity"):
        detail = f"Content-Encoding {found!r} is not read here; send the file as it is."
        raise UnsupportedMedia("encoding_unsupported", detail)
    return expect_type(request, _TYPES)


def _records(text: bytes, lines: bool | None) -> list[Record | Fault]:
    return list(records(text, layout_of(io.BytesIO(text), lines), time.time_ns()))


def _digest(path: Path, *more: Any) -> str:
    with path.open("rb") as file:
        content_digest = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(msgspec.json.encode([content_digest, *more])).hexdigest()
