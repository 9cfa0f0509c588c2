"""`/executions` (and the same under `/flows/executions`): look, wait, read, delete."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from penstock.clock import parse_iso
from penstock.errors import FieldError, Invalid, NotFound
from penstock.executions.model import Execution, ExecutionFilter, ItemFilter, ItemStatus, Status
from penstock.executions.paths import LARGEST_ORDINAL
from penstock.executions.results import results_of
from penstock.executions.service import LogFilter
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.bodies import NDJSON
from penstock.server.describe import MAX_PAGE, TEXT, Cursor, Limit, content, doc, header, page_of, path_id, ref
from penstock.server.execution_answers import entity_tag, item_bodies, links, log_line, pace, progress, retry_after
from penstock.server.execution_schemas import SCHEMAS as ANSWERS
from penstock.server.execution_schemas import Item, ItemCounts, LogLine, Pace, Progress
from penstock.server.waiting import ServerStopping, wait_for_end
from penstock.storage.steps import LogLevel

router = APIRouter()
Reads = Annotated[Call, needs("executions:read")]
Runs = Annotated[Call, needs("executions:run")]
S = TypeVar("S", bound=StrEnum)
ExecutionId = Annotated[str, path_id("executionId")]

LONGEST_POLL_SECONDS = 60.0
CSV = "text/csv"


SCHEMAS = ANSWERS


async def list_executions(
    call: Reads,
    cursor: Cursor = None,
    limit: Limit = 50,
    status: Annotated[str | None, Query(max_length=200, description="One status, or several with commas.")] = None,
    flow: Annotated[str | None, Query(alias="flowId", max_length=300, description="Id or name.")] = None,
    kind: Annotated[str | None, Query(max_length=50)] = None,
    created_after: Annotated[str | None, Query(alias="createdAfter", max_length=50, description="ISO 8601.")] = None,
    created_before: Annotated[str | None, Query(alias="createdBefore", max_length=50, description="ISO 8601.")] = None,
    text: Annotated[
        str | None, Query(alias="q", max_length=200, description="Part of the name, or how the id begins.")
    ] = None,
    queue: Annotated[bool, Query(description="Also say where those stand that wait to start.")] = False,
) -> Response:
    """Newest first; a page costs the same however many there are."""
    wanted = ExecutionFilter(
        statuses=_statuses(Status, status),
        kind=kind,
        subject_id=None if flow is None else await _flow_id(call, flow),
        created_after=_moment("createdAfter", created_after),
        created_before=_moment("createdBefore", created_before),
        text=text,
    )
    found, following = await call.engine.executions.page(call.tenant, wanted, cursor, limit, queue=queue)
    return page([{**body, "links": links(call, body["executionId"])} for body in found], following)


async def get_execution(
    call: Reads,
    execution_id: ExecutionId,
    wait: Annotated[
        float, Query(ge=0, le=LONGEST_POLL_SECONDS, description="Seconds to wait for the end, or a pause.")
    ] = 0,
    strict: Annotated[bool, Query(description="Answer 202 until it is over.")] = False,
) -> Response:
    """How far it is, with its results when it is completed and they take at most 1 MB.

    200 also while it runs. `ETag` and `If-None-Match` save the body, `Retry-After` says when to look again.
    """
    if wait > 0:
        await _end_or_time(call, execution_id, wait)
    execution, body = await progress(call, execution_id)
    tag = entity_tag(body)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if not execution.status.terminal:
        headers["Retry-After"] = retry_after(body)
    known = call.request.headers.get("if-none-match", "")
    if tag in (part.strip() for part in known.split(",")):
        return Response(status_code=304, headers=headers)
    return answer(body, 202 if strict and not execution.status.terminal else 200, headers)


async def list_items(
    call: Reads,
    execution_id: ExecutionId,
    status: Annotated[str | None, Query(max_length=200, description="One status, or several with commas.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    skip: Annotated[int, Query(ge=0, le=LARGEST_ORDINAL, description="So many are passed over, unread.")] = 0,
    preview: Annotated[
        int | None, Query(ge=1, le=10_000, description="`input` and `output` as JSON text of so many characters.")
    ] = None,
) -> Response:
    """In order, with input, output, error, what each node did, tokens and cost.

    `Accept: application/x-ndjson` streams all of them, one per line.
    """
    execution = await call.engine.executions.get(call.tenant, execution_id)
    wanted = ItemFilter(_statuses(ItemStatus, status), skip)
    if _accepted(call, ("application/json", NDJSON)) == NDJSON:
        return StreamingResponse(_item_lines(call, execution, wanted, cursor), media_type=NDJSON)
    rows, following = await call.engine.executions.items(call.tenant, execution_id, wanted, cursor, limit)
    return page(await item_bodies(call, execution, rows, preview), following)


async def get_item(call: Reads, execution_id: ExecutionId, path: Annotated[str, path_id("itemPath")]) -> Response:
    """By its path, such as 3 or 3.7, as soon as it is recorded."""
    execution = await call.engine.executions.get(call.tenant, execution_id)
    row = await call.engine.executions.item(call.tenant, execution, path)
    return answer((await item_bodies(call, execution, [row]))[0])


async def count_items(call: Reads, execution_id: ExecutionId) -> Response:
    """Of those that `…/items` lists; rows of a data set that have not begun are not among them."""
    execution = await call.engine.executions.get(call.tenant, execution_id)
    recorded = await call.engine.executions.item_counts(execution)
    return answer(ItemCounts(**{status.value: recorded.get(status, 0) for status in ItemStatus}))


async def get_pace(call: Reads, execution_id: ExecutionId) -> Response:
    """Throughput and latency over its time: how many items finished when, and the percentiles of their durations."""
    execution = await call.engine.executions.get(call.tenant, execution_id)
    return answer(await pace(call, execution))


async def get_results(call: Reads, execution_id: ExecutionId) -> Response:
    """Streamed, as JSON, NDJSON or CSV by `Accept`.

    One object when the execution had one item by construction; else a list in item order, with null for each item
    that has no output. 409 while it is not over.
    """
    execution = await call.engine.executions.get(call.tenant, execution_id)
    results = results_of(call.engine.executions, call.tenant, execution)
    media = _accepted(call, ("application/json", NDJSON, CSV))
    pieces = {NDJSON: results.as_lines, CSV: results.as_csv}.get(media, results.as_json)()
    first = await anext(pieces, b"")
    return StreamingResponse(_behind(first, pieces), media_type=media)


async def list_logs(
    call: Reads,
    execution_id: ExecutionId,
    level: Annotated[LogLevel, Query(description="This level and above.")] = "info",
    node: Annotated[str | None, Query(max_length=300)] = None,
    item: Annotated[str | None, Query(max_length=300, description="An item's path, such as 3 or 3.7.")] = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="`seq` of the last line seen.")] = 0,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """What each node did for each item, in the order it was recorded, with timing, tokens and cost.

    `error`: it failed, and its item with it. `warn`: it took several attempts, was cut off, or the item went on.
    """
    if cursor is not None:
        if not cursor.isdecimal() or len(cursor) > 18:
            raise Invalid("cursor_invalid", "This cursor was not made here; take nextCursor of the page before.")
        after = int(cursor)
    wanted = LogFilter(after=after, limit=limit + 1, node=node, path=item, level=level)
    _, rows = await call.engine.executions.logs(call.tenant, execution_id, wanted)
    following = str(rows[limit - 1]["no"]) if len(rows) > limit else None
    return page([log_line(row) for row in rows[:limit]], following)


async def delete_execution(call: Runs, execution_id: ExecutionId) -> Response:
    """With its items, steps and logs. Only one that is over."""
    await call.engine.executions.delete(call.tenant, execution_id)
    return nothing()


Handler = Callable[..., Awaitable[Response]]
_NOT_MODIFIED = {"description": "As the caller knows it already"}
_STREAM = {"description": "The results, streamed", **content({"application/json": {}, NDJSON: TEXT, CSV: TEXT})}

_ROUTES: tuple[tuple[str, str, Handler, dict[str, Any]], ...] = (
    ("GET", "", list_executions, doc("List executions", returns=page_of(Progress), problems=(400,))),
    (
        "GET",
        "/{executionId}",
        get_execution,
        doc(
            "Get an execution",
            returns=ref(Progress),
            responses={
                202: {"description": "It is not over (`strict`)", **content({"application/json": ref(Progress)})},
                304: _NOT_MODIFIED,
            },
            problems=(404,),
            extra={"parameters": [header("If-None-Match", "The `ETag` of the answer before.")]},
        ),
    ),
    ("DELETE", "/{executionId}", delete_execution, doc("Delete an execution", status=204, problems=(404, 409))),
    (
        "GET",
        "/{executionId}/items",
        list_items,
        doc(
            "Read items",
            responses={
                200: {
                    "description": "A page of items, or all of them as NDJSON",
                    **content({"application/json": page_of(Item), NDJSON: ref(Item)}),
                }
            },
            problems=(400, 404),
        ),
    ),
    (
        "GET",
        "/{executionId}/items/{itemPath}",
        get_item,
        doc("Read an item", returns=ref(Item), problems=(400, 404)),
    ),
    (
        "GET",
        "/{executionId}/item-counts",
        count_items,
        doc("Count items", returns=ref(ItemCounts), problems=(404,)),
    ),
    ("GET", "/{executionId}/pace", get_pace, doc("Read throughput and latency", returns=ref(Pace), problems=(404,))),
    (
        "GET",
        "/{executionId}/results",
        get_results,
        doc("Read results", responses={200: _STREAM}, problems=(404, 409)),
    ),
    ("GET", "/{executionId}/logs", list_logs, doc("Read the log", returns=page_of(LogLine), problems=(400, 404))),
)

for base, tag, suffix in (
    ("/executions", "executions", ""),
    ("/flows/executions", "executions, under flows", "_of_flow"),
):
    for method, path, handler, described in _ROUTES:
        name = handler.__name__ + suffix
        router.add_api_route(base + path, handler, methods=[method], name=name, tags=[tag], **described)


async def _end_or_time(call: Call, execution_id: str, seconds: float) -> None:
    """Long polling: when the server stops, the caller is told how far the execution is, and asks again.

    One that is paused meanwhile is news, so it is told at once; for whoever asks of a paused one it is none.
    """
    execution = await call.engine.executions.get(call.tenant, execution_id)
    until_paused = execution.status != Status.PAUSED
    try:
        await wait_for_end(call, execution, seconds, until_paused=until_paused)
    except ServerStopping:
        return


async def _item_lines(call: Call, execution: Execution, wanted: ItemFilter, cursor: str | None) -> AsyncIterator[bytes]:
    while True:
        rows, cursor = await call.engine.executions.items(call.tenant, execution.id, wanted, cursor, MAX_PAGE)
        wanted = ItemFilter(wanted.statuses)
        for body in await item_bodies(call, execution, rows):
            yield msgspec.json.encode(body) + b"\n"
        if cursor is None:
            return


async def _behind(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The first piece is asked for before the answer begins, so that a refusal can still be one."""
    yield first
    async for piece in pieces:
        yield piece


def _accepted(call: Call, offered: tuple[str, ...]) -> str:
    """The first media type of `Accept` that is offered; the first one offered when there is none."""
    for part in call.request.headers.get("accept", "").split(","):
        media = part.partition(";")[0].strip().lower()
        if media in offered:
            return media
    return offered[0]


async def _flow_id(call: Call, flow: str) -> str:
    """The id of a flow by id or name; executions of a deleted flow are still found by its id."""
    try:
        return (await call.engine.library.get(call.tenant, flow)).id
    except NotFound:
        return flow


def _statuses(kind: type[S], text: str | None) -> tuple[S, ...]:
    try:
        return () if text is None else tuple(kind(part.strip()) for part in text.split(","))
    except ValueError:
        known = ", ".join(kind)
        fault = FieldError("status", f"must be one of {known}")
        raise Invalid("status_unknown", f"{text!r} is no status; there are {known}.", errors=(fault,)) from None


def _moment(name: str, text: str | None) -> int | None:
    try:
        return None if text is None else parse_iso(text)
    except (ValueError, OverflowError):
        fault = FieldError(name, "must be an ISO 8601 time")
        raise Invalid("time_invalid", f"{text!r} is no ISO 8601 time.", errors=(fault,)) from None
