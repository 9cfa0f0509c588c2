"""Finding the JSON value that an answer gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NoReturn

import msgspec

from penstock.types import Json

_FENCE = "```"
MAX_STARTS = 100


class NotJson(ValueError):
    """There is no JSON in the answer; the message says why."""


def json_of(output: Json, *, find: bool) -> Json:
    """The value an answer gives: the output itself where it is no text, else the text read as JSON.

    A code fence around all of the text is taken off. With `find`, the value may also stand among other text: in the
    last fenced block that is JSON, else the first object or list. Raises `NotJson`.
    """
    if not isinstance(output, str):
        return output
    text = output.strip()
    try:
        return _decoded(_unfenced(text))
    except NotJson:
        if not find:
            raise
    for block in reversed(_fenced(text)):
        try:
            return _decoded(block)
        except NotJson:
            continue
    for value in _among(text):
        return value
    raise NotJson("there is no JSON in the answer")


def _decoded(text: str) -> Json:
    if not text:
        raise NotJson("the answer is empty")
    try:
        value: Json = msgspec.json.decode(text)
    except RecursionError:
        raise NotJson("the answer is JSON nested too deeply") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotJson(f"the answer is not JSON: {error}") from None
    return value


def _unfenced(text: str) -> str:
    if not (text.startswith(_FENCE) and text.endswith(_FENCE) and text.count(_FENCE) == 2):
        return text
    return _block(text.removeprefix(_FENCE).removesuffix(_FENCE))


def _fenced(text: str) -> list[str]:
    parts = text.split(_FENCE)
    return [_block(part) for part in parts[1:-1:2]]


def _block(fenced: str) -> str:
    """What a fence encloses, without the language's name on its first line."""
    first, end, rest = fenced.partition("\n")
    return (rest if end and first.strip().isalnum() else fenced).strip()


def _among(text: str) -> Iterator[Json]:
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    place = -1
    for _ in range(MAX_STARTS):
        place = min((at for at in (text.find("{", place + 1), text.find("[", place + 1)) if at >= 0), default=-1)
        if place < 0:
            return
        try:
            yield decoder.raw_decode(text, place)[0]
        except (ValueError, RecursionError):
            continue


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
