from __future__ import annotations

import msgspec
import pytest

from penstock.models.providers.samples import sample
from penstock.models.structured import parse


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}}, "required": ["a", "b"]},
        {"type": "array", "items": {"type": "number", "minimum": 3}, "minItems": 2},
        {"type": "string", "minLength": 20},
        {"type": "string", "maxLength": 3},
        {"type": "integer", "exclusiveMinimum": 4, "maximum": 9},
        {"type": "integer", "maximum": -5},
        {"anyOf": [{"const": 7}, {"type": "null"}]},
        {"$ref": "#/$defs/x", "$defs": {"x": {"enum": ["one", "two"]}}},
        {"type": ["string", "null"]},
        {"type": "null"},
    ],
)
def test_fits_the_schema(schema: dict[str, object]) -> None:
    text = msgspec.json.encode(sample(schema)).decode()
    assert parse(text, schema) == sample(schema)  # type: ignore[arg-type]


def test_a_schema_that_contains_itself_ends() -> None:
    schema = {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}}}
    assert isinstance(sample(schema), dict)
