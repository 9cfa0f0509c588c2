"""`/executions/{executionId}/events` (and the same under `/flows/executions`): what happens, as it happens."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from penstock.errors import FieldError, Invalid
from penstock.executions.model import Execution
from penstock.server import sse
from penstock.server.auth import Call, needs
from penstock.server.describe import TEXT, content, doc, header, path_id
from penstock.server.execution_schemas import ErrorObject, Status

router = APIRouter()

_LARGEST = 2**62
_MOST_DIGITS = 19


class StatusChange(msgspec.Struct, rename="camel"):
    """Data of `status`: the execution has this status now, for a reason where there is one."""

    seq: int
    at: str
    status: Status
    reason: Any


class ItemFinished(msgspec.Struct, rename="camel"):
    """Data of `item`: an item is finished. Its input and output are at `…/items`."""

    seq: int
    path: str
    status: str
    finished_at: str
    duration_ms: int | None
    error: ErrorObject | None


SCHEMAS = (StatusChange, ItemFinished)


async def stream_events(
    call: Annotated[Call, needs("executions:read")],
    execution_id: Annotated[str, path_id("executionId")],
    after: Annotated[str | None, Query(max_length=30, description="Go on behind this number.")] = None,
    snapshot: Annotated[bool, Query(description="Begin with how far it is, in place of what has been.")] = False,
    logs: Annotated[bool, Query(description="Also each line of the log.")] = False,
    logs_after: Annotated[
        int, Query(alias="logsAfter", ge=0, le=_LARGEST, description="`seq` of the last line of the log seen.")
    ] = 0,
) -> Response:
    """Server-sent events: `status` and `item` with a number as their id, `progress` and `log` between them.

    The last one is `done`, with the same data as `progress`; then the stream ends. `Last-Event-ID`, or else `after`,
    goes on behind that number, with none left out and none repeated.
    """
    executions = call.engine.executions
    call.running.streams.check(call.principal.key_id)
    execution = await executions.get(call.tenant, execution_id)
    position, first = position_of(call, after, execution), b""
    if position is None and snapshot:
        execution, body = await executions.progress(call.tenant, execution_id)
        position = body["seq"]
        first = sse.frame("snapshot", body, position)
    chunks = call.running.feeds.read(execution, position or 0, logs_after if logs else None)
    return sse.EventStream(sse.opened(first, chunks), call.running.streams, call.principal.key_id)


def position_of(call: Call, after: str | None, execution: Execution) -> int | None:
    """The number to go on behind. A browser repeats its URL and adds the header, so that comes first.

    Raises `Invalid` for what is no number of an event of this execution.
    """
    resumed = call.request.headers.get("last-event-id")
    name, text = ("Last-Event-ID", resumed) if resumed else ("after", after)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise _wrong(name, f"{text[:_MOST_DIGITS]!r} is no number of an event.")
    position = int(text)
    if position > execution.seq:
        raise _wrong(name, f"{text} is beyond the last event of this execution, which is number {execution.seq}.")
    return position


def _wrong(name: str, detail: str) -> Invalid:
    fault = FieldError(name, "must be the number of an event that was received, or 0")
    return Invalid("event_number_invalid", detail, errors=(fault,))


_STREAM = {"description": "The events", **content({sse.MEDIA_TYPE: TEXT})}

for base, tag, suffix in (
    ("/executions", "executions", ""),
    ("/flows/executions", "executions, under flows", "_of_flow"),
):
    router.add_api_route(
        base + "/{executionId}/events",
        stream_events,
        methods=["GET"],
        name=stream_events.__name__ + suffix,
        tags=[tag],
        **doc(
            "Follow an execution",
            responses={200: _STREAM},
            problems=(400, 404, 429),
            extra={"parameters": [header("Last-Event-ID", "The last number received; before `after`.")]},
        ),
    )
