from __future__ import annotations

from pathlib import Path

import pytest

from penstock.models.structured import MAX_FAULTS, Mismatch, SchemaInvalid, check_schema, parse

SCHEMA = {
    "type": "object",
    "properties": {"label": {"enum": ["good", "bad"]}, "score": {"type": "integer"}},
    "required": ["label"],
}


@pytest.mark.parametrize(
    "text",
    ['{"label":"good"}', '```json\n{"label":"good"}\n```', ' ```\n{"label":"good"}```\n', '\n{"label": "good"} '],
)
def test_reads_json_bare_or_in_a_fence(text: str) -> None:
    assert parse(text, SCHEMA) == {"label": "good"}


def test_names_each_fault_with_its_place() -> None:
    with pytest.raises(Mismatch) as caught:
        parse('{"label":"fine","score":"x"}', SCHEMA)
    assert len(caught.value.faults) == 2
    assert any(fault.startswith("label: ") for fault in caught.value.faults)
    assert any(fault.startswith("score: ") for fault in caught.value.faults)


def test_text_that_is_no_json_is_a_mismatch() -> None:
    with pytest.raises(Mismatch, match="not JSON"):
        parse("I think it is good", SCHEMA)


def test_faults_are_limited() -> None:
    with pytest.raises(Mismatch) as caught:
        parse("[" + ",".join(["1"] * 1_000) + "]", {"items": {"type": "string"}})
    assert len(caught.value.faults) == MAX_FAULTS


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(SchemaInvalid, match="wat"):
        check_schema({"type": "wat"})


def test_a_schema_may_not_reach_outside_itself(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"type": "string"}')
    with pytest.raises(SchemaInvalid):
        check_schema({"$ref": other.as_uri()})


def test_a_hostile_pattern_ends() -> None:
    with pytest.raises(Mismatch):
        parse('"' + "a" * 60 + 'b"', {"type": "string", "pattern": r"^(?=(a+)+$)(a|aa)+$"})
