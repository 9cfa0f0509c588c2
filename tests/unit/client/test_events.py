"""A run is followed over as many connections as it takes: nothing twice, nothing left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from client_test_api import every, now, problem

from penstock import (
    APIConnectionError,
    BadRequestError,
    DoneEvent,
    GoneEvent,
    ItemEvent,
    LogEvent,
    NotFoundError,
    ProgressEvent,
    SnapshotEvent,
    StatusEvent,
)
from penstock.client.events import Decoder

PATH = "/executions/e1/events"


def message(kind: str, body: dict[str, Any], number: int | None = None) -> bytes:
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(body)}\n\n".encode()


def item(number: int) -> bytes:
    return message("item", {"seq": number, "path": str(number), "status": "succeeded"}, number)


def status(number: int, name: str) -> bytes:
    return message("status", {"seq": number, "status": name, "at": "2026-11-21T00:00:00Z", "reason": None}, number)


def done(number: int) -> bytes:
    return message("done", {"executionId": "e1", "status": "completed"}, number)


def stream(*pieces: bytes, cut: bool = False) -> Any:
    """An answer of these pieces; `cut` breaks the connection behind them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if cut and request.transport is not None:
            request.transport.close()
        return response

    return answer


def refuse(code: int, word: str, **headers: str) -> Any:
    async def answer(request: web.Request) -> web.StreamResponse:
        return problem(code, word, "no", headers=headers)

    return answer


async def handle(api: Any, client: Any) -> Any:
    execution_id = (await now(client.flows.execute_async("slow"))).id
    found = await now(client.executions.get(execution_id))
    found._path = "/executions/e1"
    return found


def asked(api: Any) -> list[dict[str, str]]:
    return [seen.query for seen in api.seen if seen.path == PATH]


async def test_events_come_as_typed_values(api: Any, client: Any) -> None:
    failed = {"seq": 3, "path": "0", "status": "failed", "error": {"code": "http_status", "message": "404"}}
    api.fail(
        PATH,
        stream(
            b"retry: 1000\n\n:\n\n",
            message("snapshot", {"executionId": "e1", "status": "pending"}, 1),
            status(2, "running"),
            message("progress", {"executionId": "e1", "status": "running", "progress": 50}),
            message("log", {"seq": 7, "message": "node done"}),
            message("later", {"unknown": True}),
            message("item", failed, 3),
            done(4),
        ),
    )
    events = await every((await handle(api, client)).events(snapshot=True, logs=True))
    assert [type(event) for event in events] == [
        SnapshotEvent,
        StatusEvent,
        ProgressEvent,
        LogEvent,
        ItemEvent,
        DoneEvent,
    ]
    assert events[1].status == "running"
    assert events[2].progress.progress == 50
    assert events[4].error.code == "http_status"
    assert asked(api) == [{"snapshot": "true", "logs": "true", "logsAfter": "0"}]


async def test_a_lost_connection_is_taken_up_behind_the_last_event(api: Any, client: Any) -> None:
    log = message("log", {"seq": 9, "message": "line"})
    api.fail(
        PATH,
        stream(status(1, "pending"), item(2), log, b"id: 3\nevent: it", cut=True),
        refuse(503, "stopping"),
        stream(item(3)),
        stream(item(4), status(5, "completed"), done(5)),
    )
    events = await every((await handle(api, client)).events(logs=True))
    assert [event.seq for event in events if isinstance(event, StatusEvent | ItemEvent)] == [1, 2, 3, 4, 5]
    assert [query.get("after") for query in asked(api)] == [None, "2", "2", "3"]
    assert [query["logsAfter"] for query in asked(api)] == ["0", "9", "9", "9"]


async def test_a_deleted_run_ends_the_stream(api: Any, client: Any) -> None:
    api.fail(PATH, stream(status(1, "pending"), message("gone", {"executionId": "e1"})))
    events = await every((await handle(api, client)).events())
    assert events[-1] == GoneEvent("e1")


@pytest.mark.parametrize(("code", "error"), [(400, BadRequestError), (404, NotFoundError)])
async def test_a_refusal_is_raised_at_once(api: Any, client: Any, code: int, error: type[Exception]) -> None:
    api.fail(PATH, refuse(code, "no"))
    with pytest.raises(error):
        await every((await handle(api, client)).events(after=99))
    assert asked(api) == [{"after": "99"}]


async def test_too_many_streams_are_waited_for(api: Any, client: Any) -> None:
    api.fail(PATH, refuse(429, "too_many_streams", **{"Retry-After": "0"}), stream(done(1)))
    assert [type(event) for event in await every((await handle(api, client)).events())] == [DoneEvent]


async def test_a_server_that_stays_away_is_given_up(api: Any, client: Any) -> None:
    client._transport.stream_retries = 2
    api.fail(PATH, *(stream(cut=True) for _ in range(3)))
    with pytest.raises(APIConnectionError):
        await every((await handle(api, client)).events())
    assert len(asked(api)) == 3


def test_a_stream_may_be_cut_anywhere() -> None:
    whole = b": hello\r\n\r\n" + status(1, "pending") + item(2).replace(b"\n", b"\r\n") + done(3)
    expected = list(Decoder().feed(whole))
    assert [(one.kind, one.number) for one in expected] == [("status", 1), ("item", 2), ("done", 3)]
    for size in (1, 2, 7, 50):
        decoder = Decoder()
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert [one for piece in pieces for one in decoder.feed(piece)] == expected
