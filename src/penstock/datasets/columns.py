"""Column types: found in values, found in texts, and applied."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import cast, get_args

import msgspec

from penstock.datasets.model import MAX_COLUMNS, Column, ColumnType
from penstock.errors import FieldError, Invalid
from penstock.types import Json

# No leading zeros: 007 is a name, not a number.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_LOW, _HIGH = -(2**63), 2**63 - 1
_TYPES: tuple[ColumnType, ...] = get_args(ColumnType)


class ColumnTypes:
    """The columns of some rows, learnt one row at a time: names in the order they appeared, and the type of each."""

    def __init__(self, columns: Iterable[Column] = ()) -> None:
        self._types: dict[str, ColumnType | None] = {column.name: column.type for column in columns}

    def learn(self, data: Mapping[str, Json]) -> None:
        """Widen the columns so that they describe this row too. Raises ValueError when there are too many."""
        for name, value in data.items():
            known = self._types.get(name)
            if name not in self._types:
                if len(self._types) == MAX_COLUMNS:
                    raise ValueError(f"{name[:60]!r} would be column {MAX_COLUMNS + 1}; the limit is {MAX_COLUMNS}")
                self._types[name] = None
            if known != "any" and value is not None:
                self._types[name] = _join(known, type_of_value(value), "any")

    def declare(self, types: Mapping[str, ColumnType]) -> None:
        """Say what columns are, whatever was learnt. Raises `Invalid` naming those that do not exist."""
        unknown = tuple(FieldError(f"types.{name}", "There is no such column.") for name in types.keys() - self._types)
        if unknown:
            raise Invalid("column_unknown", "A type is given for a column that does not exist.", errors=unknown)
        self._types.update(types)

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(Column(name, kind or "string") for name, kind in self._types.items())


def merged(known: Iterable[Column], found: Iterable[Column]) -> tuple[Column, ...]:
    """Columns that describe the rows of both."""
    types = {column.name: column.type for column in known}
    for column in found:
        types[column.name] = _join(types.get(column.name), column.type, "any")
    return tuple(Column(name, kind) for name, kind in types.items())


def type_of_value(value: Json) -> ColumnType:
    """The narrowest type of a JSON value that is not null."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if _LOW <= value <= _HIGH else "any"
    if isinstance(value, float):
        return "number"
    return "object" if isinstance(value, Mapping) else "array"


def widen(known: ColumnType | None, text: str) -> ColumnType | None:
    """The narrowest type that holds what was known of a column of texts and this text; empty texts say nothing."""
    if known == "string" or not text:
        return known
    return _join(known, _type_of_text(text), "string")


def _join(known: ColumnType | None, found: ColumnType, wide: ColumnType) -> ColumnType:
    if known is None or known == found:
        return found
    return "number" if {known, found} == {"integer", "number"} else wide


def _type_of_text(text: str) -> ColumnType:
    first = text[0]
    if first in "-0123456789":
        if _INTEGER.fullmatch(text) and _LOW <= int(text) <= _HIGH:
            return "integer"
        return "number" if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else "string"
    if first in "tTfF":
        return "boolean" if text.lower() in ("true", "false") else "string"
    if first in "[{":
        value = _json(text)
        return "string" if value is None else type_of_value(value)
    return "string"


def check_types(types: Mapping[str, str]) -> dict[str, ColumnType]:
    """Types that a caller asked for. Raises `Invalid` naming each that does not exist."""
    wrong = [(name, kind) for name, kind in types.items() if kind not in _TYPES]
    if wrong:
        known = ", ".join(_TYPES)
        errors = tuple(FieldError(f"types.{name}", f"{kind!r} is not a type; use {known}.") for name, kind in wrong)
        raise Invalid("column_type_unknown", f"{wrong[0][1]!r} is not a column type; use {known}.", errors=errors)
    return cast(dict[str, ColumnType], dict(types))


def convert(value: Json, kind: ColumnType) -> Json:
    """A value as a column's type; an empty text is null where the type is not `string`.

    Texts are read as what they say, anything is written as text where text is wanted; nothing else is converted.
    Raises ValueError with the reason.
    """
    if value is None or kind == "any":
        return value
    if kind == "string":
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    if isinstance(value, str):
        return _convert_text(value, kind)
    found = type_of_value(value)
    if found == kind:
        return value
    if kind == "number" and isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{_short(value)} is not {_WITH_ARTICLE[kind]}")


def _convert_text(text: str, kind: ColumnType) -> Json:
    if not text:
        return None
    found = _type_of_text(text)
    if found == kind or (kind == "number" and found == "integer"):
        if found == "integer":
            return int(text)
        if found == "number":
            return float(text)
        if found == "boolean":
            return text.lower() == "true"
        return _json(text)
    raise ValueError(f"{_short(text)} is not {_WITH_ARTICLE[kind]}")


_WITH_ARTICLE: dict[ColumnType, str] = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean (true or false)",
    "object": "a JSON object",
    "array": "a JSON array",
    "any": "a value",
}


def _short(value: Json) -> str:
    text = repr(value) if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."


def _json(text: str) -> Json:
    try:
        value: Json = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return value
