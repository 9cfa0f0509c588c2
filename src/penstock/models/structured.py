"""Structured output: the answer's text as a value that fits its JSON Schema."""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from penstock.errors import StepError
from penstock.types import Json, JsonObject

if TYPE_CHECKING:
    from jsonschema_rs import Validator

    from penstock.workers import WorkerPool

MAX_FAULTS = 10
_MAX_FAULT_CHARS = 300
BACKTRACK_LIMIT = 100_000
MOST_CHECKS = 10_000
"""Schemas of inputs, which are checked where requests are answered, have at most so many checks of one place."""
_MOST_INLINE = 2_000_000
"""So many checks, places times characters, take some 30 ms at most. What may take more is done in another process."""
_SECONDS = 10.0
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_FENCE = re.compile(r"\A\s*```[a-zA-Z]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


class SchemaInvalid(ValueError):
    """A JSON Schema that is none, or that refers to something outside itself."""


class Mismatch(Exception):
    """An answer does not fit its schema; `faults` says where and why, for the model and for people."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def check_schema(schema: JsonObject) -> None:
    """Raises `SchemaInvalid` when the schema cannot be used."""
    _validator(msgspec.json.encode(schema))


async def parsed(text: str, schema: JsonObject) -> Json:
    """The value of an answer, as `parse` gives it, in limited time.

    A small schema whose references multiply can take a check for longer than anybody lives, and it cannot be
    interrupted. So what could take long is done in a process that is killed after some seconds.

    Raises as `parse` does, and `SchemaInvalid` also when it takes too long.
    """
    encoded = msgspec.json.encode(schema)
    _validator(encoded)
    if _most_checks(encoded) * len(text) <= _MOST_INLINE:
        return parse(text, schema)
    try:
        answer = await _workers().run({"text": text, "schema": schema}, seconds=_SECONDS)
    except StepError as error:
        raise SchemaInvalid(f"checking an answer against it failed: {error.message}") from error
    if answer["faults"]:
        raise Mismatch(tuple(answer["faults"]))
    return _decoded(text)


def parse(text: str, schema: JsonObject) -> Json:
    """The value of an answer. A code fence around the whole of it is taken off, since many models put one.

    Raises `Mismatch` when the text is no JSON or does not fit, `SchemaInvalid` when the schema is unusable.
    """
    validator = _validator(msgspec.json.encode(schema))
    value = _decoded(text)
    if validator.is_valid(value):
        return value
    faults = []
    for fault in validator.iter_errors(value):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.instance_path)
        faults.append(f"{path.lstrip('.') or 'the answer'}: {fault.message[:_MAX_FAULT_CHARS]}")
        if len(faults) == MAX_FAULTS:
            break
    raise Mismatch(tuple(faults))


def most_checks(schema: JsonObject) -> float:
    """How many parts of a schema may have to be checked of one place in a value: all of them, each as often as it is
    referred to. Infinite when a reference leads back to itself, or cannot be followed."""
    known: dict[int, float] = {}

    def count(part: Any) -> float:
        if isinstance(part, list):
            return sum(map(count, part))
        if not isinstance(part, dict):
            return 0.0
        if id(part) not in known:
            known[id(part)] = math.inf  # What it is worth when it is met on the way to itself.
            total = 1.0 + sum(map(count, part.values()))
            known[id(part)] = total + sum(count(_target(schema, part[word])) for word in _REFERENCES if word in part)
        return known[id(part)]

    try:
        return count(schema)
    except (LookupError, RecursionError):
        return math.inf


def _target(schema: JsonObject, reference: Any) -> Any:
    """What a reference within a schema leads to. Raises `LookupError` for any other."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        raise LookupError(reference)
    found: Any = schema
    for step in reference.split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal():
            found = found[int(name)]
        elif isinstance(found, dict):
            found = found[name]
        else:
            raise LookupError(reference)
    return found


def _decoded(text: str) -> Json:
    fenced = _FENCE.match(text)
    try:
        value: Json = msgspec.json.decode(fenced.group(1) if fenced else text)
    except msgspec.DecodeError as error:
        raise Mismatch((f"the answer is not JSON: {error}",)) from None
    return value


@cache
def _workers() -> WorkerPool:
    from penstock.workers import WorkerPool

    return WorkerPool(Path(__file__).with_name("structured_program.py"))


@lru_cache(maxsize=1_024)
def _most_checks(schema: bytes) -> float:
    return most_checks(msgspec.json.decode(schema))


@lru_cache(maxsize=1_024)
def _validator(schema: bytes) -> Validator:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            msgspec.json.decode(schema),
            # A schema comes from a user: it may neither fetch anything nor make a pattern run for ever.
            offline=True,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACK_LIMIT),
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaInvalid(str(error).partition("\n\nOn instance")[0]) from None
