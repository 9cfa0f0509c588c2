from __future__ import annotations

import pytest

from penstock.evaluations.scorers.base import Unscorable
from penstock.evaluations.scorers.json_schema import JsonSchema, JsonSchemaSettings

SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}}


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ('{"n": 1}', 1),
        ('```json\n{"n": 1}\n```', 1),
        ({"n": 1}, 1),
        ('{"n": 0}', 0),
        ('{"n": "1"}', 0),
        ("{}", 0),
        ('{"n": 1', 0),
        ('{"n": NaN}', 0),
        ('{"n": Infinity}', 0),
        ("{'n': 1}", 0),
        ('Sure! {"n": 1}', 0),
        ("", 0),
        ("I cannot do that.", 0),
        ("[" * 100_000, 0),
        (None, 0),
    ],
)
def test_an_answer_fits_its_schema(grade, answer, value) -> None:
    outcome = grade("json_schema", answer, schema=SCHEMA)
    assert outcome.value == value
    assert bool(outcome.explanation) == (value == 0)


def test_the_schema_may_come_with_the_row_and_json_among_words_may_be_accepted(grade) -> None:
    metadata = {"schema": SCHEMA}
    assert grade("json_schema", 'Sure! {"n": 1} is it.', metadata=metadata, find=True).value == 1
    assert "n" in grade("json_schema", '{"n": 0}', metadata=metadata).explanation


@pytest.mark.parametrize("metadata", [{}, {"schema": "object"}, {"schema": {"type": "no such type"}}])
def test_a_row_without_a_usable_schema_cannot_be_scored(grade, metadata) -> None:
    assert isinstance(grade("json_schema", "{}", metadata=metadata), Unscorable)


def test_a_schema_that_cannot_be_used_is_refused() -> None:
    assert not list(JsonSchema.check(JsonSchemaSettings(schema=SCHEMA)))
    for schema in ({"type": "no such type"}, {"$ref": "https://example.com/schema.json"}):
        assert [fault[0] for fault in JsonSchema.check(JsonSchemaSettings(schema=schema))] == ["schema"]
