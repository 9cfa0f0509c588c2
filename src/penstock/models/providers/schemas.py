"""JSON Schemas as providers want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.types import JsonObject

_WRAPPED = "value"


def is_object(schema: JsonObject) -> bool:
    """Whether an answer that fits the schema is an object by its declared type."""
    return schema.get("type") == "object"


def as_object(schema: JsonObject) -> JsonObject:
    """The schema itself, or, since providers take objects only, an object whose one property it is."""
    if is_object(schema):
        return schema
    inner = {key: value for key, value in schema.items() if key not in ("$defs", "definitions", "$schema")}
    outer: dict[str, Any] = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    return {
        **outer,
        "type": "object",
        "properties": {_WRAPPED: inner},
        "required": [_WRAPPED],
        "additionalProperties": False,
    }


def unwrapped(text: str, schema: JsonObject) -> str:
    """The answer to `as_object(schema)` as an answer to `schema`; other text is left as it is."""
    if is_object(schema):
        return text
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    if isinstance(value, dict) and value.keys() == {_WRAPPED}:
        return msgspec.json.encode(value[_WRAPPED]).decode()
    return text


def is_strict(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes the schema: every object closed, every property required.

    https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, Mapping):
        if "properties" in schema or schema.get("type") == "object":
            names = set(schema.get("properties", ()))
            if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != names:
                return False
        return all(is_strict(part) for part in schema.values())
    if isinstance(schema, list | tuple):
        return all(is_strict(part) for part in schema)
    return True
