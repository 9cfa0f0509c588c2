"""What a convention of attributes is: a table from a span's field to the places where it may stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

_DECIMAL = re.compile(r"\d{1,12}(\.\d{1,30})?([eE][+-]?\d{1,2})?")
_LARGEST = 2**53
_MAX_DEPTH = 12
_NUMBERED = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender says of a span. An event has `name` and `attributes`."""

    name: str
    attributes: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]


Reader: TypeAlias = Callable[[Sent], Any]
"""Finds one field; None where nothing is said of it."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to name attributes. It is asked when an attribute or an event begins with one of `prefixes`
    (the first word of a dotted name); `fields` name a `Span`'s."""

    prefixes: frozenset[str]
    fields: Mapping[str, Sequence[Reader]]


def text(*names: str) -> Reader:
    """The first of these attributes that is a text and not empty."""

    def read(sent: Sent) -> str | None:
        for name in names:
            found = sent.attributes.get(name)
            if found and isinstance(found, str):
                return found
        return None

    return read


def count(*names: str) -> Reader:
    """The first that is a whole number and not negative, also as a text."""

    def read(sent: Sent) -> int | None:
        for name in names:
            found = sent.attributes.get(name)
            if found is not None and (whole := _whole(found)) is not None:
                return whole
        return None

    return read


def money(*names: str) -> Reader:
    """The first that is an amount, as a decimal text."""

    def read(sent: Sent) -> str | None:
        for name in names:
            value = sent.attributes.get(name)
            if value is None:
                continue
            shown = str(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
            if _DECIMAL.fullmatch(shown):
                return f"{Decimal(shown):f}"
        return None

    return read


def value(*names: str) -> Reader:
    """The first that is there; a text that is JSON as the value it stands for."""

    def read(sent: Sent) -> Any:
        for name in names:
            found = sent.attributes.get(name)
            if found is not None and found != "":
                return parsed(found)
        return None

    return read


def word(name: str, meanings: Mapping[str, str]) -> Reader:
    """What an attribute's word means, whatever its case."""

    def read(sent: Sent) -> str | None:
        found = sent.attributes.get(name)
        return meanings.get(found.lower()) if isinstance(found, str) else None

    return read


def parsed(value: Any) -> Any:
    """A text that is a JSON object or list as that; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def numbered(attributes: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """`prefix.0.role`, `prefix.0.calls.1.name` as a list of objects, in the order of their numbers."""
    tree: dict[str, Any] = {}
    begin = f"{prefix}."
    for name, value in attributes.items():
        if name.startswith(begin):
            _put(tree, name[len(begin) :].split(".", _MAX_DEPTH), value)
    return [entry for entry in _listed(tree) if isinstance(entry, dict)]


def _put(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        inner = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            # A name that is both a value and the beginning of others; the value came first, and stays.
            return
        tree = inner
    tree.setdefault(path[-1], value)


def _listed(tree: Mapping[str, Any]) -> list[Any]:
    numbers = sorted((int(name), name) for name in tree if _NUMBERED.fullmatch(name))
    return [_nested(tree[name]) for _, name in numbers]


def _nested(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(_NUMBERED.fullmatch(name) for name in value):
        return _listed(value)
    return {name: _nested(inner) for name, inner in value.items()}


def events_named(sent: Sent, names: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The role and the attributes of each event with one of these names."""
    for event in sent.events:
        role = names.get(event.get("name", ""))
        if role is not None:
            yield role, event.get("attributes") or {}


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value <= _LARGEST else None
