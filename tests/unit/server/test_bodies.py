"""Bodies: refused while they are read, and with the place of the fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from penstock.errors import Invalid, TooLarge, TooSlow, UnsupportedMedia
from penstock.server import bodies


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    count: int
    rows: list[Row] = []


def request_of(*chunks: bytes, content_type: str | None = "application/json", length: int | None = None) -> Request:
    headers = [] if content_type is None else [(b"content-type", content_type.encode())]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)
    request.state.unread = waiting
    return request


async def read_list(request: Request, limit: int, depth: int) -> Any:
    bodies.expect_type(request, (bodies.JSON,))
    return bodies.parse_json(await bodies.read_bytes(request, limit), depth)


async def lines_of(request: Request, line_limit: int = 100) -> list[Any]:
    lines: AsyncIterator[Any] = bodies.read_lines(request, 10_000, line_limit, 5)
    return [value async for value in lines]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"a": 1,\n  "b": }', "line 2, column 8"),
        (b'{"a"', "line 1, column 5"),
        ('{"é": "ü",\n"ö" 1}'.encode(), "line 2, column 5"),
        (b"\n\n  [1, 2", "line 3, column 8"),
        (b'{"a": NaN}', "line 1, column 7"),
    ],
)
async def test_invalid_json_names_line_and_column(body: bytes, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        await read_list(request_of(body), 1000, 10)
    assert caught.value.code == "invalid_json"
    assert place in caught.value.detail
    assert caught.value.errors[0].path == place


async def test_an_empty_body_is_an_empty_object() -> None:
    assert await bodies.read_object(request_of(), 1000, 10) == {}
    with pytest.raises(Invalid, match="white space"):
        await bodies.read_object(request_of(b" "), 1000, 10)


async def test_a_long_body_is_refused_before_it_is_read() -> None:
    request = request_of(b"x" * 11, length=11)
    with pytest.raises(TooLarge, match="10 bytes"):
        await bodies.read_bytes(request, 10)
    assert len(request.state.unread) == 2


async def test_a_body_without_a_length_is_refused_when_the_limit_is_passed() -> None:
    request = request_of(*[b"x" * 4] * 100)
    with pytest.raises(TooLarge):
        await bodies.read_bytes(request, 10)
    assert len(request.state.unread) == 98


async def test_a_body_at_the_limit_is_read() -> None:
    assert await bodies.read_bytes(request_of(b"12345", b"67890"), 10) == b"1234567890"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=UTF-8", "application/x+json", None]
)
async def test_json_by_its_names(content_type: str | None) -> None:
    assert await read_list(request_of(b"[1]", content_type=content_type), 10, 10) == [1]


@pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", "application/json; charset=latin-1"])
async def test_other_types_are_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMedia):
        await read_list(request_of(b"[1]", content_type=content_type), 10, 10)


@pytest.mark.parametrize(("levels", "accepted"), [(5, True), (6, False), (100_000, False)])
async def test_the_depth_has_a_limit(levels: int, accepted: bool) -> None:
    body = b"[" * levels + b"]" * levels
    if accepted:
        await read_list(request_of(body), 1_000_000, 5)
        return
    with pytest.raises(Invalid) as caught:
        await read_list(request_of(body), 1_000_000, 5)
    assert caught.value.code == "too_deep"


async def test_many_shallow_brackets_are_not_deep() -> None:
    assert len(await read_list(request_of(b"[" + b",".join([b"{}"] * 100) + b"]"), 1000, 2)) == 100


async def test_every_field_that_does_not_fit_is_named() -> None:
    body = b'{"count": "1", "rows": [{"name": "a"}, {"name": 2, "x": 1}], "more": true}'
    with pytest.raises(Invalid) as caught:
        await bodies.read_model(request_of(body), Body, 1000, 10)
    assert {error.path for error in caught.value.errors} == {"count", "rows[1].name", "rows[1].x", "more"}


@pytest.mark.parametrize(
    ("body", "kind"), [(b"[1]", "a list"), (b"null", "null"), (b"true", "a boolean"), (b'"x"', "a string")]
)
async def test_an_object_is_expected(body: bytes, kind: str) -> None:
    with pytest.raises(Invalid, match=kind):
        await bodies.read_object(request_of(body), 1000, 10)


async def test_lines_arrive_however_they_are_cut() -> None:
    request = request_of(b'{"a"', b':1}\n\n{"a":2}\r\n{"', b'a":3}')
    assert await lines_of(request) == [{"a": 1}, {"a": 2}, {"a": 3}]


async def test_a_bad_line_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        await lines_of(request_of(b"{}\n\n{]\n{}"))
    assert caught.value.errors[0].line == 3


async def test_an_endless_line_is_refused() -> None:
    with pytest.raises(TooLarge, match="Line 2"):
        await lines_of(request_of(b"{}\n", *[b"x" * 60] * 3))


async def test_a_body_that_stops_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.05)
    pieces = [b"[1,"]

    async def receive() -> dict[str, Any]:
        if not pieces:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": pieces.pop(), "more_body": True}

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    with pytest.raises(TooSlow, match="did not arrive"):
        await bodies.read_bytes(request, 1000)
    assert not pieces


async def test_a_body_that_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.05)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"1", "more_body": True}

    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)
    with pytest.raises(TooSlow):
        await bodies.read_bytes(request, 1000)
