"""`…/traces`: what models and agents did, uploaded in files or sent by OpenTelemetry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, Field
from starlette.responses import Response

from penstock.clock import iso
from penstock.errors import TooLarge
from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.judge_references import known_id, shown_id
from penstock.server.stratix.params import Query
from penstock.server.stratix.uploads import MAX_NAME, base_name, collected, signed_upload
from penstock.storage.trace_pages import Condition, TraceFilter, TraceSort
from penstock.traces.formats.exported import MARK, VERSION
from penstock.traces.formats.files import PIECE_OBJECTS, Layout, Piece, layout_of, pieces, read_piece
from penstock.traces.model import SpanStatus
from penstock.traces.model import Trace as Kept
from penstock.traces.uploads import Taken, Uploads, nothing_found, says_lines

KIND = "traces"
MAX_TRACES = 200_000
"""In one file: larger ones are for batches, which go on when whoever sent them has gone."""
MAX_SPANS = 1_000
"""So many are shown in the `data` of a trace that was not uploaded."""
LAST_EVALUATIONS = 5

routes = Routes()

_SORTS: dict[str, TraceSort] = {
    "created_at": "createdAt",
    "started_at": "startedAt",
    "duration_ms": "durationMs",
    "cost": "costUsd",
}
_STATUSES: dict[str, SpanStatus] = {
    "ok": "ok",
    "success": "ok",
    "completed": "ok",
    "error": "error",
    "failure": "error",
    "failed": "error",
    "unset": "unset",
}


class TraceFileBody(BaseModel):
    """A file that was sent, by its name."""

    filename: str = Field(min_length=1, max_length=MAX_NAME)


class Trace(msgspec.Struct, kw_only=True):
    """A trace. `input` is the beginning of what it was given, as text; `data` the object as it was uploaded."""

    id: str
    organization_id: str
    project_id: str
    created_at: str
    filename: str
    data: Any
    input: str | None
    integration_id: None = None


class LastEvaluation(msgspec.Struct):
    """What a judge said of it."""

    judge_id: str
    judge_name: str
    judge_version: int
    created_at: str
    passed: bool | None


class ListedTrace(Trace, kw_only=True):
    """A trace in a list, where `data` is empty, with how often it was judged, and the last verdicts."""

    evaluations_count: int
    last_evaluations: list[LastEvaluation]


@routes.post(PROJECT + "/traces/upload", "traces:write")
async def create_trace_upload(call: StratixCall) -> Response:
    """The address to which a file of traces goes."""
    return await signed_upload(call, KIND)


@routes.post(PROJECT + "/traces", "traces:write")
async def create_traces(call: StratixCall) -> Response:
    """Read the file that was sent: each object is a trace, and its id is in the answer, in the order of the file.

    Lines that cannot be read are named beside those that can; 400 when there is no trace at all.
    """
    name = base_name(call.sent(TraceFileBody).filename)

    async def make() -> Taken:
        async with collected(call, KIND, name) as path:
            taken = await _taken(call, path, name)
            if not taken.ids:
                raise nothing_found(taken.errors)
            return taken

    taken = await call.once(make)
    return wrapped({"trace_ids": taken.ids, "errors": taken.errors})


@routes.get(PROJECT + "/traces", "traces:read")
async def list_traces(call: StratixCall) -> Response:
    """Newest first unless asked otherwise."""
    page = call.query.page()
    found, total = await call.engine.traces.numbered(call.tenant, _wanted(call.query), page.offset, page.size)
    said = await call.engine.trace_evaluations.latest(call.tenant, [one.id for one in found], LAST_EVALUATIONS)
    shown = [_listed(one, *said[one.id]) for one in found]
    return wrapped({"traces": shown, "count": len(shown), "total_count": total})


@routes.get(PROJECT + "/traces/sources", "traces:read")
async def list_trace_sources(call: StratixCall) -> Response:
    """Where traces come from: `upload`, or the name of a service."""
    return wrapped({"sources": await call.engine.traces.sources(call.tenant)})


@routes.get(PROJECT + "/traces/{trace_id}", "traces:read")
async def get_trace(call: StratixCall) -> Response:
    """With the object as it was uploaded; of one that was not, with its first spans."""
    found = await call.engine.traces.get(call.tenant, call.id("trace_id"), with_data=True)
    # A list or a text, which an export that was changed by hand may bring, is more than those clients take.
    whole = found.data is not None and bytes(found.data)[:1] == b"{"
    return wrapped(Trace(**_facts(found), data=found.data if whole else await _spans(call, found)))


@routes.delete(PROJECT + "/traces/{trace_id}", "traces:write")
async def delete_trace(call: StratixCall) -> Response:
    """With its spans, and with what judges said of it."""
    found = await call.engine.traces.get(call.tenant, call.id("trace_id"))
    await call.engine.trace_evaluations.delete_of(call.tenant, found.id)
    await call.engine.traces.delete(call.tenant, found.id)
    return wrapped({"id": found.id})


async def _taken(call: StratixCall, path: Path, name: str) -> Taken:
    """What came of a file. Its objects are on disk as traces when this returns."""
    ingestion = call.engine.ingestion
    uploads, received_ns = Uploads(ingestion, call.tenant, filename=name), time.time_ns()
    layout, found = await asyncio.to_thread(_pieces, path, says_lines(name))
    for piece in found:
        with ingestion.waiting(piece.length):
            read = await asyncio.to_thread(_read, path, layout, piece, received_ns)
            await uploads.take(read)
    return uploads.taken


def _pieces(path: Path, lines: bool | None) -> tuple[Layout, list[Piece]]:
    with path.open("rb") as file:
        layout = layout_of(file, lines)
    found = list(pieces(path, layout))
    if (len(found) - 1) * PIECE_OBJECTS > MAX_TRACES:
        detail = (
            f"A file may have {MAX_TRACES:,} traces. Send more of them to POST /traces/batches of Penstock's own API."
        )
        raise TooLarge("too_many_traces", detail)
    return layout, found


def _read(path: Path, layout: Layout, piece: Piece, received_ns: int) -> list[Any]:
    return list(read_piece(path, layout, piece, received_ns))


def _wanted(query: Query) -> TraceFilter:
    """The filter of a query. A source is also the name of a file; a range of time is about when traces came."""
    also: list[Condition] = []
    source = query.text("source")
    if source is not None:
        also.append(Condition("(source = ? or filename = ?)", (source, source)))
    since = query.since()
    if since is not None:
        also.append(Condition("created_at >= ?", (since,)))
    status, judge = query.text("status"), query.text("judge_id")
    return TraceFilter(
        status=None if status is None else _STATUSES[query.word("status", _STATUSES, "ok")],
        text=query.text("search"),
        judge_id=None if judge is None else known_id(judge),
        also=tuple(also),
        sort=_SORTS[query.word("sort_by", _SORTS, "created_at")],
        descending=query.descending(True),
    )


def _facts(trace: Kept) -> dict[str, Any]:
    return {
        "id": trace.id,
        "organization_id": trace.tenant.organization_id,
        "project_id": trace.tenant.project_id,
        "created_at": iso(trace.created_at),
        "filename": trace.filename or trace.name,
        "input": trace.input,
    }


def _listed(trace: Kept, count: int, rows: Sequence[Any]) -> ListedTrace:
    last = [
        LastEvaluation(
            shown_id(row["judge_id"]),
            row["judge_name"],
            row["judge_version"],
            iso(row["created_at"]),
            None if row["passed"] is None else bool(row["passed"]),
        )
        for row in rows
    ]
    return ListedTrace(**_facts(trace), data={}, evaluations_count=count, last_evaluations=last)


async def _spans(call: StratixCall, trace: Kept) -> dict[str, Any]:
    """What an export has of a trace, of its first spans: an upload reads it back."""
    lines = await call.engine.traces.outline(trace)
    some = [span async for page in call.engine.traces.span_pages(trace, lines[:MAX_SPANS]) for span in page]
    return {MARK: VERSION, "traceId": trace.trace_id, "name": trace.name, "spanCount": trace.span_count, "spans": some}
