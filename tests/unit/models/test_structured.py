from __future__ import annotations

import math
from pathlib import Path

import pytest

from penstock.models import structured
from penstock.models.structured import MAX_FAULTS, Mismatch, SchemaInvalid, check_schema, most_checks, parse, parsed

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


def doubled(levels: int) -> dict[str, object]:
    """A short schema that asks for 2 ** levels checks of one value."""
    steps = {f"s{n}": {"allOf": [{"$ref": f"#/$defs/s{n - 1}"}] * 2} for n in range(1, levels + 1)}
    return {"$defs": {"s0": {"type": "integer"}, **steps}, "$ref": f"#/$defs/s{levels}"}


LIST = {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#"}}}


@pytest.mark.parametrize(
    ("schema", "checks"),
    [
        ({"type": "integer"}, 1),
        ({"properties": {"a": {"type": "string"}, "b": {"items": {}}}}, 5),
        ({"$defs": {"a": {}}, "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/allOf/0"}]}, 8),
        (LIST, math.inf),
        ({"$ref": "other.json"}, math.inf),
        ({"$ref": "#/$defs/none"}, math.inf),
        ({"$ref": "#name", "$defs": {"a": {"$anchor": "name"}}}, math.inf),
    ],
)
def test_what_a_schema_can_ask_for_is_counted(schema: dict[str, object], checks: float) -> None:
    assert most_checks(schema) == checks
    assert most_checks(doubled(60)) > 2**60


async def test_a_schema_that_would_be_checked_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structured, "_SECONDS", 1.0)
    with pytest.raises(SchemaInvalid, match="took longer than 1 s"):
        await parsed("1", doubled(60))


async def test_a_schema_that_refers_to_itself_is_checked_elsewhere_with_the_same_outcome() -> None:
    assert await parsed('{"n": 1, "next": {"n": 2}}', LIST) == {"n": 1, "next": {"n": 2}}
    with pytest.raises(Mismatch) as caught:
        await parsed('{"n": 1, "next": {"n": "2"}}', LIST)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["next.n"]
    with pytest.raises(Mismatch, match="not JSON"):
        await parsed("{", LIST)
