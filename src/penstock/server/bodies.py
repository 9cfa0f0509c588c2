"""Reading request bodies: within the limit, of the right type, and with the place named when they do not parse."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from penstock.errors import FieldError, Invalid, TooLarge, TooSlow, UnsupportedMedia
from penstock.server.problems import field_errors

JSON = "application/json"
NDJSON = "application/x-ndjson"
YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})

PATIENCE_SECONDS = 60.0
LEAST_BYTES_PER_SECOND = 1024
"""A body that comes more slowly only keeps its connection busy."""

_SMALL_BYTES = 64 * 1024
_PARSE_IN_THREAD_BYTES = 256 * 1024
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")

M = TypeVar("M", bound=BaseModel)


def media_type(request: Request) -> str:
    """The content type without parameters, in lower case; empty when the caller sent none.

    Raises `UnsupportedMedia` for a text that is not UTF-8.
    """
    value, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMedia("charset_unsupported", f"Send UTF-8; this says charset {charset[1]!r}.")
    return value.strip().lower()


def expect_type(request: Request, allowed: Collection[str]) -> str:
    """The content type, which must be one of `allowed`; JSON also goes by `application/*+json`, or by no name.

    Raises `UnsupportedMedia` naming what is read here.
    """
    found = media_type(request)
    if found in allowed:
        return found
    if JSON in allowed and (not found or (found.startswith("application/") and found.endswith("+json"))):
        return JSON
    readable = ", ".join(sorted(allowed))
    raise UnsupportedMedia("content_type_unsupported", f"{found or 'No content type'!r} is not read here: {readable}.")


async def read_bytes(request: Request, limit: int) -> bytes:
    """The whole body. Raises as `stream_bytes` does."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= min(limit, _SMALL_BYTES):
        # Nearly every body: it is there already, and the watch over each piece would cost more than reading it.
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await request.body()
        except TimeoutError:
            raise _too_slow() from None
    chunks = [chunk async for chunk in stream_bytes(request, limit)]
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def stream_bytes(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body in the pieces it arrives in.

    Raises `TooLarge` as soon as it is known to be over `limit` bytes, and `TooSlow` when nothing comes for
    `PATIENCE_SECONDS`, or when it is slower than `LEAST_BYTES_PER_SECOND` for longer than that.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    clock = asyncio.get_running_loop().time
    size, begun = 0, clock()
    async with aclosing(request.stream()) as chunks:
        while True:
            left = begun + PATIENCE_SECONDS + size / LEAST_BYTES_PER_SECOND - clock()
            try:
                async with asyncio.timeout(min(PATIENCE_SECONDS, left)):
                    chunk = await anext(chunks, None)
            except TimeoutError:
                raise _too_slow() from None
            if chunk is None:
                return
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            yield chunk


async def read_object(request: Request, limit: int, depth: int) -> dict[str, Any]:
    """The body as a JSON object, nested at most `depth` deep; an empty body is an empty object.

    Raises `UnsupportedMedia`, `TooLarge`, or `Invalid` with the line and column of the fault.
    """
    expect_type(request, (JSON,))
    body = await read_bytes(request, limit)
    if not body:
        return {}
    if len(body) > _PARSE_IN_THREAD_BYTES:
        value = await asyncio.to_thread(parse_json, body, depth)
    else:
        value = parse_json(body, depth)
    if not isinstance(value, dict):
        raise Invalid("object_expected", f"The body must be a JSON object, not {kind_of(value)}.")
    return value


async def read_model(request: Request, model: type[M], limit: int, depth: int) -> M:
    """The body as `model`. Raises as `read_object` does, or `Invalid` naming every field that does not fit."""
    value = await read_object(request, limit, depth)
    return validated(model, value)


def validated(model: type[M], value: Any, under: str = "") -> M:
    """`value` as `model`. Raises `Invalid` naming every field that does not fit."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = field_errors(error.errors(include_url=False, include_context=False, include_input=False), under)
        named = "; ".join(f"{fault.path}: {fault.message}" for fault in faults[:5])
        raise Invalid("body_invalid", named, errors=faults) from None


def parse_json(body: bytes, depth: int) -> Any:
    """JSON text as a value. Raises `Invalid` with line and column, or when it is nested deeper than `depth`."""
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep(depth) from None
    except msgspec.DecodeError as error:
        raise _invalid_json(body, str(error)) from None
    # Each level opens a bracket, so a text with few of them needs no walk.
    if body.count(b"[") + body.count(b"{") > depth and _deeper_than(value, depth):
        raise _too_deep(depth)
    return value


async def read_lines(request: Request, limit: int, line_limit: int, depth: int) -> AsyncIterator[Any]:
    """The values of an NDJSON body, one per line, as they arrive; empty lines are passed over.

    Raises `Invalid` naming the line that does not parse or is longer than `line_limit` bytes.
    """
    rest, number = b"", 0
    async for chunk in stream_bytes(request, limit):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            number += 1
            if line.strip():
                yield _line_value(line, number, depth)
        if len(rest) > line_limit:
            raise TooLarge("line_too_long", f"Line {number + 1} is longer than {line_limit:,} bytes.")
    if rest.strip():
        yield _line_value(rest, number + 1, depth)


def kind_of(value: Any) -> str:
    """What a JSON value is, for a sentence: `a list`, `null`, `a number`."""
    if value is None:
        return "null"
    kinds = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")


def _line_value(line: bytes, number: int, depth: int) -> Any:
    try:
        return parse_json(line, depth)
    except Invalid as error:
        fault = FieldError(f"line {number}", error.detail, line=number)
        raise Invalid(error.code, f"Line {number} of the body: {error.detail}", errors=(fault,)) from None


def _invalid_json(body: bytes, message: str) -> Invalid:
    at = _AT_BYTE.search(message)
    what = _AT_BYTE.sub("", message).removeprefix("JSON is malformed: ")
    if not body.strip():
        return Invalid("invalid_json", "There is nothing but white space; a JSON value was expected.")
    before = body[: int(at[1])] if at else body
    line = before.count(b"\n") + 1
    column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
    detail = f"The body is not valid JSON: {what} at line {line}, column {column}."
    return Invalid("invalid_json", detail, errors=(FieldError(f"line {line}, column {column}", what, line=line),))


def _too_large(limit: int) -> TooLarge:
    return TooLarge("body_too_large", f"The body is larger than {limit:,} bytes, the limit here.")


def _too_slow() -> TooSlow:
    return TooSlow("body_too_slow", f"The body did not arrive: nothing, or too little, came in {PATIENCE_SECONDS:g} s.")


def _too_deep(depth: int) -> Invalid:
    return Invalid("too_deep", f"The body is nested deeper than {depth} levels, the limit here.")


def _deeper_than(value: Any, depth: int) -> bool:
    level = _containers([value])
    for _ in range(depth):
        level = [
            inner for outer in level for inner in _containers(outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return bool(level)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, (dict, list))]
