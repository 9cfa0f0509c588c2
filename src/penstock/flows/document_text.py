"""Reading a flow document from YAML or JSON text, with the line of every place in it.

Only JSON's own types come out: YAML dates, `yes`/`no` and the like stay strings, anchors and tags are refused (they are
how a small file becomes a huge one), and a key that stands twice is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from penstock.errors import FieldError, TooLarge, Unprocessable
from penstock.flows.schemas import dotted

MAX_DOCUMENT_CHARS = 1_000_000
MAX_DEPTH = 50

_BOOLEANS = {"true": True, "false": False}
_NULLS = frozenset({"", "~", "null"})
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+)")

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Lines = dict[str, int]
"""Document path (`nodes.classify.prompt`) → line, counted from 1."""


def read_document(text: str) -> tuple[dict[str, Any], Lines]:
    """The document and the line of each place in it. JSON is read too, being a part of YAML.

    Raises `Unprocessable` with the line for text that is no YAML, `TooLarge` for too much of it.
    """
    if len(text) > MAX_DOCUMENT_CHARS:
        raise TooLarge("document_too_large", f"A flow document has at most {MAX_DOCUMENT_CHARS:,} characters.")
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise _not_yaml(str(error.problem or error), None if mark is None else mark.line + 1) from error
    except yaml.YAMLError as error:
        raise _not_yaml(str(error), None) from error
    lines: Lines = {}
    value = None if root is None else _value(root, (), lines, set())
    if not isinstance(value, dict):
        raise _not_yaml("a flow document is a mapping with at least `name` and `nodes`", 1)
    return value, lines


def line_of(path: str, lines: Lines) -> int | None:
    """The line of a place, or of the nearest place above it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return None


def _value(node: yaml.Node, path: tuple[str | int, ...], lines: Lines, met: set[int]) -> Any:
    line = node.start_mark.line + 1
    if id(node) in met:
        raise _not_yaml("anchors and aliases are not read here", line)
    met.add(id(node))
    lines[dotted(path)] = line
    if len(path) > MAX_DEPTH:
        raise _not_yaml(f"the document is nested deeper than {MAX_DEPTH}", line)
    if isinstance(node, yaml.MappingNode):
        return dict(_pairs(node, path, lines, met))
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*path, index), lines, met) for index, child in enumerate(node.value)]
    return node.value if getattr(node, "style", None) else _plain(node.value)


def _pairs(
    node: yaml.MappingNode, path: tuple[str | int, ...], lines: Lines, met: set[int]
) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise _not_yaml("a key must be a plain word", line)
        key = key_node.value
        if key in seen:
            raise _not_yaml(f"the key {key!r} stands twice", line)
        seen.add(key)
        value = _value(value_node, (*path, key), lines, met)
        lines[dotted((*path, key))] = line
        yield key, value


def _plain(text: str) -> Any:
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _NULLS:
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _not_yaml(message: str, line: int | None) -> Unprocessable:
    where = "" if line is None else f" (line {line})"
    return Unprocessable(
        "document_unreadable",
        f"The document cannot be read{where}: {message}.",
        errors=(FieldError("", message, line),),
    )
