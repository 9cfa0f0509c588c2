"""Column types: what is found, what is converted, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.datasets.columns import ColumnTypes, check_types, convert, merged, widen
from penstock.datasets.model import MAX_COLUMNS, Column, ColumnType
from penstock.errors import Invalid


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-20", "", "0"], "integer"),
        (["1", "2.5", "1e-3"], "number"),
        (["true", "FALSE"], "boolean"),
        (["[1, 2]", "[]"], "array"),
        (['{"a": 1}'], "object"),
        (["1", "n/a"], "string"),
        (["007"], "string"),
        (["[1, 2]", '{"a": 1}'], "string"),
        (["true", "1"], "string"),
        (["[broken"], "string"),
        (["9223372036854775807"], "integer"),
        (["9223372036854775808"], "number"),
        (["1e999"], "string"),
        (["nan"], "string"),
        (["٣"], "string"),
        (["1 "], "string"),
        (["", ""], None),
    ],
)
def test_a_column_of_texts_has_the_narrowest_type_that_holds_them_all(texts: list[str], kind: str | None) -> None:
    found: ColumnType | None = None
    for text in texts:
        found = widen(found, text)
    assert found == kind


@pytest.mark.parametrize(
    ("value", "kind", "result"),
    [
        ("12", "integer", 12),
        ("12", "number", 12),
        ("1.5", "number", 1.5),
        ("True", "boolean", True),
        ('{"a": [1]}', "object", {"a": [1]}),
        ("[1]", "array", [1]),
        ("", "integer", None),
        ("", "string", ""),
        (None, "integer", None),
        (12, "string", "12"),
        ([1, "a"], "string", '[1,"a"]'),
        (3, "number", 3),
        ("x", "any", "x"),
    ],
)
def test_a_value_is_converted(value: Any, kind: ColumnType, result: Any) -> None:
    converted = convert(value, kind)
    assert converted == result
    assert type(converted) is type(result)


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ("abc", "integer", "'abc' is not an integer"),
        ("1.5", "integer", "'1.5' is not an integer"),
        (1.5, "integer", "1.5 is not an integer"),
        (True, "number", "true is not a number"),
        ("yes", "boolean", "'yes' is not a boolean"),
        ("[1", "array", "is not a JSON array"),
        ({"a": 1}, "array", "is not a JSON array"),
        ("x" * 500, "integer", r"\.\.\. is not an integer"),
    ],
)
def test_a_value_of_another_type_is_refused_with_the_value(value: Any, kind: ColumnType, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        convert(value, kind)


def test_columns_are_learnt_in_the_order_they_appear() -> None:
    types = ColumnTypes()
    types.learn({"a": 1, "b": None})
    types.learn({"c": {}, "a": 1.5})
    types.learn({"b": [], "c": "text"})
    assert types.columns == (Column("a", "number"), Column("b", "array"), Column("c", "any"))


def test_the_number_of_columns_is_bounded() -> None:
    types = ColumnTypes()
    with pytest.raises(ValueError, match=str(MAX_COLUMNS)):
        types.learn({str(number): 1 for number in range(MAX_COLUMNS + 1)})
    assert len(types.columns) == MAX_COLUMNS


def test_columns_of_two_parts_hold_both() -> None:
    known = [Column("a", "integer"), Column("b", "string")]
    found = [Column("b", "integer"), Column("a", "number"), Column("c", "boolean")]
    assert merged(known, found) == (Column("a", "number"), Column("b", "any"), Column("c", "boolean"))


def test_an_unknown_type_is_named_with_those_that_exist() -> None:
    with pytest.raises(Invalid, match=r"'float'.*integer") as refused:
        check_types({"a": "string", "b": "float"})
    assert [error.path for error in refused.value.errors] == ["types.b"]
