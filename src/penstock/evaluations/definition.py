"""What exactly was measured, as a value with a hash: the ground on which runs are resumed, cached and compared.

A definition has two halves. The *task* is what both sides of a comparison must share: the benchmark's content, which of
its rows, the scorers with their settings and versions, epochs and how they become one score. The *subject* is what a
comparison is about: the target, what it is told, and its parameters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.types import Json, JsonObject

TASK = "task"
SUBJECT = "subject"

_encode = msgspec.json.Encoder(order="deterministic").encode
_NOT_MEASURED = frozenset({"id", "key", "name", "version", "public", "datasetVersion", "datasetId"})
"""Of a benchmark: what it is called. What was measured is its content."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two definitions are not the same."""

    path: str
    first: Json
    second: Json

    def as_json(self) -> JsonObject:
        return {"path": self.path, "first": self.first, "second": self.second}


def definition_of(spec: JsonObject, variant: int) -> JsonObject:
    """The definition of one variant of an execution of kind `evaluation`, from its spec."""
    given: Mapping[str, Any] = spec
    chosen = given["variants"][variant]
    benchmark = {name: value for name, value in given["benchmark"].items() if name not in _NOT_MEASURED}
    return {
        TASK: {
            "benchmark": benchmark,
            "choice": given["choice"],
            "scorers": given["scorers"],
            "epochs": given["epochs"],
            "reducer": given["reducer"],
        },
        SUBJECT: {name: chosen[name] for name in ("target", "messages", "params", "inputs")},
    }


def definition_hash(definition: JsonObject) -> str:
    """64 hexadecimal digits; the same for the same definition, whatever the order of its members."""
    return hashlib.sha256(_encode(definition)).hexdigest()


def differences(first: Json, second: Json, path: str = "") -> Iterator[Difference]:
    """Where two values differ, member by member; a list is compared position by position."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for name in sorted({*first, *second}):
            yield from differences(first.get(name), second.get(name), f"{path}.{name}" if path else name)
    elif _is_list(first) and _is_list(second):
        for index, (one, other) in enumerate(_pairs(first, second)):
            yield from differences(one, other, f"{path}[{index}]")
    elif first != second:
        yield Difference(path, first, second)


def _is_list(value: Json) -> bool:
    return isinstance(value, list | tuple)


def _pairs(first: Any, second: Any) -> Iterator[tuple[Any, Any]]:
    for index in range(max(len(first), len(second))):
        yield first[index] if index < len(first) else None, second[index] if index < len(second) else None
