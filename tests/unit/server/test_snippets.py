"""Snippets are code: whatever stands in the example must not break out of its literal."""

from __future__ import annotations

import ast
import json
import re
import shlex
from typing import Any

import pytest

from penstock.server.snippets import Snippet, example_of, snippets

NASTY = """it's "quoted" `ticked` $HOME ${x} \\ back\nline </script> é 😀 \u2028 {{ x }}"""
ADDRESS = "http://localhost:7788"


def by_label(example: dict[str, Any]) -> dict[str, Snippet]:
    return {snippet.label: snippet for snippet in snippets(ADDRESS, "abc", example)}


@pytest.mark.parametrize("example", [{"review": NASTY}, {"n": 1, "flag": True, "none": None, "list": [NASTY] * 5}])
def test_the_example_survives_every_language(example: dict[str, Any]) -> None:
    found = by_label(example)
    words = shlex.split(found["curl"].code.replace("\\\n", " "))
    assert words[1] == f"{ADDRESS}/flows/abc/execute"
    assert json.loads(words[words.index("-d") + 1]) == example
    for label, keyword in (("Python, requests", "json"), ("Python, Penstock SDK", None)):
        calls = [node for node in ast.walk(ast.parse(found[label].code)) if isinstance(node, ast.Call)]
        values = [k.value for call in calls for k in call.keywords if k.arg == keyword] if keyword else []
        values = values or [argument for call in calls for argument in call.args if isinstance(argument, ast.Dict)]
        assert [ast.literal_eval(value) for value in values] == [example]
    body = re.search(r"JSON\.stringify\((.*)\),$", found["JavaScript"].code, re.MULTILINE)
    assert body is not None
    assert json.loads(body[1]) == example
    literal = re.search(r"NewReader\((.*)\)$", found["Go"].code, re.MULTILINE)
    assert literal is not None
    assert json.loads(json.loads(literal[1])) == example


def test_no_snippet_holds_a_key() -> None:
    assert all("PENSTOCK_API_KEY" in snippet.code for snippet in by_label({}).values())


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string", "examples": ["a"], "default": "b"}, "a"),
        ({"type": "string", "default": "b", "enum": ["c"]}, "b"),
        ({"enum": ["c", "d"]}, "c"),
        ({"type": "string"}, "…"),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "array", "items": {"type": "boolean"}}, [True]),
        ({"type": "array"}, []),
        (
            {
                "type": "object",
                "required": ["a"],
                "properties": {"a": {"type": "number"}, "b": {"type": "string"}, "c": {"examples": [7]}},
            },
            {"a": 1, "c": 7},
        ),
    ],
)
def test_an_example_fits_its_schema(schema: dict[str, Any], example: Any) -> None:
    assert example_of(schema) == example
