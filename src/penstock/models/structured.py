"""Structured output: the answer's text as a value that fits its JSON Schema."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from penstock.types import Json, JsonObject

if TYPE_CHECKING:
    from jsonschema_rs import Validator

MAX_FAULTS = 10
_MAX_FAULT_CHARS = 300
_BACKTRACK_LIMIT = 100_000
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


def parse(text: str, schema: JsonObject) -> Json:
    """The value of an answer. A code fence around the whole of it is taken off, since many models put one.

    Raises `Mismatch` when the text is no JSON or does not fit, `SchemaInvalid` when the schema is unusable.
    """
    validator = _validator(msgspec.json.encode(schema))
    fenced = _FENCE.match(text)
    try:
        value: Json = msgspec.json.decode(fenced.group(1) if fenced else text)
    except msgspec.DecodeError as error:
        raise Mismatch((f"the answer is not JSON: {error}",)) from None
    if validator.is_valid(value):
        return value
    faults = []
    for fault in validator.iter_errors(value):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.instance_path)
        faults.append(f"{path.lstrip('.') or 'the answer'}: {fault.message[:_MAX_FAULT_CHARS]}")
        if len(faults) == MAX_FAULTS:
            break
    raise Mismatch(tuple(faults))


@lru_cache(maxsize=1_024)
def _validator(schema: bytes) -> Validator:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(
            msgspec.json.decode(schema),
            # A schema comes from a user: it may neither fetch anything nor make a pattern run for ever.
            offline=True,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACK_LIMIT),
        )
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaInvalid(str(error).partition("\n\nOn instance")[0]) from None
