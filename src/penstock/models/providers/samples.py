"""Answers that scripted models give when nobody wrote one: the same for the same question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MAX_DEPTH = 12


def sample(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """A small value that fits a JSON Schema: first choices, lower bounds, required properties and the declared ones.

    Covers what people write for structured output; patterns and formats are not looked at.
    """
    root = schema if root is None else root
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return None
    if "$ref" in schema:
        return sample(_resolve(str(schema["$ref"]), root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    for choices in ("enum", "examples"):
        if schema.get(choices):
            return schema[choices][0]
    for parts in ("anyOf", "oneOf", "allOf"):
        if schema.get(parts):
            return sample(schema[parts][0], root, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {name: sample(part, root, depth + 1) for name, part in properties.items()}
    if kind == "array":
        return [sample(schema.get("items", {}), root, depth + 1) for _ in range(max(1, schema.get("minItems", 0)))]
    return _scalar(kind, schema)


def _scalar(kind: Any, schema: Mapping[str, Any]) -> Any:
    if kind == "string":
        return "scripted".ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 1_000)]
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
        return min(low, schema["maximum"]) if "maximum" in schema else low
    return kind == "boolean" or None


def _resolve(reference: str, root: Any) -> Any:
    found = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        found = found.get(part) if isinstance(found, Mapping) and part else found
    return found
