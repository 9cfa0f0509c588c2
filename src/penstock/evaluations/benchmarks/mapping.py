"""Which field of a source row is which member of a benchmark's row."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import msgspec

from penstock.errors import FieldError, Invalid
from penstock.types import Json, JsonObject

USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id",),
    "input": ("input", "question", "prompt", "messages"),
    "truth": ("truth", "answer", "expected", "target", "output", "label"),
    "subset": ("subset", "category", "task"),
    "cluster": ("cluster", "group", "passage_id"),
    "context": ("context",),
    "metadata": ("metadata",),
}
"""The names under which each member is looked for when the caller does not say; the first that is there counts."""

_MISSING: Final = object()


class FieldMapping:
    """Turns source rows into objects with the members of a benchmark's row.

    `given` maps members to fields: a column's name, or a dotted path into one (`sample.answer`, `choices.0`). What it
    does not say is settled by the first row that has such a field, for all that follow; input and truth by the very
    first. Fields that are no member go into `metadata`.
    """

    def __init__(self, given: Mapping[str, str], *, require_truth: bool = True) -> None:
        unknown = tuple(
            FieldError(f"mapping.{member}", f"A row has no member {member!r}; it has {', '.join(USUAL)}.")
            for member in given.keys() - USUAL.keys()
        )
        if unknown:
            raise Invalid("mapping_invalid", unknown[0].message, errors=unknown)
        self._given = dict(given)
        self._required = ("input", "truth") if require_truth else ("input",)
        self._fields: dict[str, str] = {}

    def __call__(self, row: JsonObject) -> dict[str, Json]:
        """The members that the row has. Raises ValueError when it lacks one that every row must have.

        Raises `Invalid` when there is no telling from the first row which field is meant.
        """
        if len(self._fields) < len(USUAL):
            self._settle(row)
        fields = self._fields
        members: dict[str, Json] = {}
        for member, path in fields.items():
            value = _at(row, path)
            if value is not _MISSING:
                members[member] = value  # type: ignore[assignment]  # whatever is not the sentinel is JSON
            elif member in self._required:
                raise ValueError(f"it has no field {path!r}, which is to be its {member}")
        if fields.get("input") == "messages":
            members["input"] = _messages(members["input"])
        return {**members, "metadata": _metadata(row, fields, members.get("metadata"))}

    def _settle(self, row: JsonObject) -> None:
        for member, usual in USUAL.items():
            if member in self._fields:
                continue
            field = self._given.get(member) or next((name for name in usual if name in row), None)
            if field is not None:
                self._fields[member] = field
            elif member in self._required:
                raise _no_field(member, row)


def _metadata(row: JsonObject, fields: Mapping[str, str], own: Json) -> JsonObject:
    """What the row calls metadata, and every column that is nothing else."""
    used = {path if path in row else path.partition(".")[0] for path in fields.values()}
    rest = {name: value for name, value in row.items() if name not in used and value is not None}
    if own is None:
        return rest
    return {**rest, **own} if isinstance(own, Mapping) else {**rest, fields["metadata"]: own}


def _at(row: JsonObject, path: str) -> object:
    """What is at a dotted path; a column of that very name comes first."""
    if path in row:
        return row[path]
    value: Json = row
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _MISSING
    return value


def _messages(value: Json) -> Json:
    """A list of messages; a cell of a table holds them as JSON text. Raises ValueError when it is none."""
    if isinstance(value, str):
        with suppress(msgspec.DecodeError):
            value = msgspec.json.decode(value)
    if not isinstance(value, list) or not all(isinstance(part, Mapping) and "role" in part for part in value):
        raise ValueError("its messages are no list of {role, content}")
    return value


def _no_field(member: str, row: JsonObject) -> Invalid:
    columns = ", ".join(map(repr, list(row)[:20])) or "no fields at all"
    detail = (
        f"None of the fields ({columns}) is known as the {member} ({', '.join(USUAL[member])});"
        f" say which it is: mapping {member}:FIELD."
    )
    return Invalid("mapping_invalid", detail, errors=(FieldError(f"mapping.{member}", detail),))
