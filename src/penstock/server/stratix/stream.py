"""`/evaluations/{id}/stream`: what happens to an evaluation, as that service's pages describe it.

    status         {status}                       queued, running, paused, completed, failed
    progress       {rows_complete, rows_total}
    row_complete   a row, as /results shows it, with its number
    error          {code, message}
    final          the evaluation; then the stream ends

The events are those of the evaluation's execution, told in other words; ids are the execution's own numbers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from penstock.evaluations.model import Evaluation
from penstock.evaluations.results import ResultRow, with_numbers
from penstock.executions import paths
from penstock.server import sse
from penstock.server.routes.events import position_of
from penstock.server.stratix.evaluations import shown
from penstock.server.stratix.face import Routes, StratixCall
from penstock.server.stratix.results import result_of
from penstock.server.stratix.statuses import STREAM
from penstock.types import JsonObject

ROWS_AT_ONCE = 200

routes = Routes()


@dataclass(frozen=True, slots=True)
class Told:
    """One event of an execution, read back from its frame. `number` is None where it has none."""

    kind: str
    body: Any
    number: int | None


@routes.get("/evaluations/{evaluation_id}/stream", "evaluations:read")
async def stream_evaluation(call: StratixCall) -> Response:
    """Server-sent events, from the first one or behind `Last-Event-ID`."""
    call.running.streams.check(call.principal.key_id)
    evaluation = await call.engine.evaluations.get(call.tenant, call.id("evaluation_id"))
    execution = await call.engine.executions.get(call.tenant, evaluation.execution_id)
    after = position_of(call, call.query.text("after"), execution) or 0
    chunks = _translated(call, evaluation, call.running.feeds.read(execution, after))
    return sse.EventStream(sse.opened(b"", chunks), call.running.streams, call.principal.key_id)


async def _translated(
    call: StratixCall, evaluation: Evaluation, chunks: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(chunks):
        async for chunk in chunks:
            events = list(events_of(chunk))
            if not events:
                yield sse.BEAT
            for start in range(0, len(events), ROWS_AT_ONCE):
                yield await _frames(call, evaluation, events[start : start + ROWS_AT_ONCE])


async def _frames(call: StratixCall, evaluation: Evaluation, events: Sequence[Told]) -> bytes:
    numbers = {number: event for event in events if (number := _row_number(evaluation, event)) is not None}
    found = await with_numbers(call.engine.store, evaluation, list(numbers)) if numbers else []
    rows = {id(event): row for event, row in zip(numbers.values(), found, strict=True)}
    parts: list[bytes] = []
    for event in events:
        match event.kind:
            case "status":
                parts.append(sse.frame("status", {"status": STREAM[event.body["status"]]}, event.number))
            case "item" if id(event) in rows:
                parts.append(sse.frame("row_complete", _row(evaluation, rows[id(event)]), event.number))
            case "progress":
                done, total = event.body["itemsProcessed"], event.body["totalItems"]
                parts.append(sse.frame("progress", {"rows_complete": done, "rows_total": total}))
            case "done":
                parts.append(await _end(call, evaluation, event))
            case "gone":
                message = "The evaluation was deleted."
                parts.append(sse.frame("error", {"code": "evaluation_deleted", "message": message}))
    return b"".join(parts)


async def _end(call: StratixCall, evaluation: Evaluation, event: Told) -> bytes:
    final = await shown(call, await call.engine.evaluations.get(evaluation.tenant, evaluation.id))
    failure = b""
    if final.status != "success":
        code = (event.body.get("error") or {}).get("code") or final.status
        failure = sse.frame("error", {"code": code, "message": final.status_description})
    return failure + sse.frame("final", final, event.number)


def events_of(chunk: bytes) -> Iterator[Told]:
    """The events in some frames (see `sse.frame`); what only keeps the connection alive is none."""
    for frame in chunk.split(b"\n\n"):
        fields = dict(line.split(b": ", 1) for line in frame.split(b"\n") if b": " in line)
        if b"event" in fields:
            number = fields.get(b"id")
            body = msgspec.json.decode(fields[b"data"])
            yield Told(fields[b"event"].decode(), body, None if number is None else int(number))


def _row_number(evaluation: Evaluation, event: Told) -> int | None:
    """Which row of the evaluation has come; None for what is no row, or one of another variant's."""
    if event.kind != "item" or paths.is_element(paths.stored(event.body["path"])):
        return None
    shape = evaluation.shape
    row, variant, epoch = shape.place(paths.ordinal_of(paths.stored(event.body["path"])))
    return row * shape.epochs + epoch if variant == evaluation.variant else None


def _row(evaluation: Evaluation, row: ResultRow) -> JsonObject:
    told: dict[str, Any] = {"row": row.number, "status": row.status}
    if row.given is not None:
        told |= msgspec.structs.asdict(result_of(row, evaluation.scorers))
    if row.error is not None:
        told["error"] = row.error
    return told
