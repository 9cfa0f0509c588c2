"""Source rows made into a benchmark's rows, one at a time: each fault is named with its line, nothing is held.

What is learnt of the whole (how many rows, which subsets, whether there are clusters) is there at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import TypeAlias

import msgspec

from penstock.datasets.imports import SourceRows
from penstock.datasets.model import BadLine, SourceRow
from penstock.errors import Invalid, TooLarge
from penstock.evaluations.benchmarks.model import MAX_ROWS, MAX_SUBSETS, BenchmarkRow
from penstock.evaluations.benchmarks.seen import SeenIds
from penstock.types import Json, JsonObject

Convert: TypeAlias = Callable[[JsonObject], JsonObject]
"""A source row → the members of a benchmark's row. Raises ValueError saying what is wrong with the row."""

MAX_ID_CHARS = 200
_MAX_SUBSET_CHARS = 200
_ROLES = ("system", "developer", "user", "assistant", "tool")


class CheckedRows:
    """The rows of a source as rows of a benchmark, ready for an import."""

    def __init__(self, source: SourceRows, convert: Convert, *, require_truth: bool = True) -> None:
        self._source = source
        self._convert = convert
        self._require_truth = require_truth
        self._subsets: dict[str, None] = {}
        self.has_clusters = False
        self.count = 0

    @property
    def subsets(self) -> tuple[str, ...]:
        """In the order they appeared."""
        return tuple(self._subsets)

    def rows(self) -> SourceRows:
        """The rows; blocks while the source does. Raises `TooLarge` behind the last row a benchmark may have."""
        with closing(self._source) as source, closing(SeenIds()) as seen:
            for number, row in enumerate(source, 1):
                yield row if isinstance(row, BadLine) else self._checked(row, number, seen)

    def _checked(self, row: SourceRow, number: int, seen: SeenIds) -> SourceRow | BadLine:
        try:
            made = checked(self._convert(row.data), str(number), require_truth=self._require_truth)
        except ValueError as error:
            return BadLine(row.line, str(error))
        earlier = seen.first_line(made.id, row.line)
        if earlier is not None:
            return BadLine(row.line, f"the id {_short(made.id)} is that of line {earlier} already")
        self._learn(made)
        return SourceRow(row.line, msgspec.to_builtins(made))

    def _learn(self, row: BenchmarkRow) -> None:
        self.count += 1
        if self.count > MAX_ROWS:
            raise TooLarge("benchmark_too_large", f"A benchmark has at most {MAX_ROWS:,} rows.")
        self.has_clusters |= row.cluster is not None
        if row.subset is not None and row.subset not in self._subsets:
            if len(self._subsets) == MAX_SUBSETS:
                detail = f"There are more than {MAX_SUBSETS:,} subsets; map another field to the subset."
                raise Invalid("too_many_subsets", detail)
            self._subsets[row.subset] = None


def checked(members: JsonObject, number: str, *, require_truth: bool = True) -> BenchmarkRow:
    """A row of these members; `number` is its id when it has none. Raises ValueError saying what is wrong."""
    truth = members.get("truth")
    if _is_empty(truth):
        if require_truth:
            raise ValueError("its truth is empty")
        truth = None
    metadata = members.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise ValueError("its metadata is no object")
    return BenchmarkRow(
        id=_id(members.get("id"), number),
        input=_input(members.get("input")),
        truth=truth,
        subset=_label("subset", members.get("subset")),
        cluster=_label("cluster", members.get("cluster")),
        context=None if _is_empty(members.get("context")) else members.get("context"),
        metadata=dict(metadata),
    )


def _is_empty(value: Json) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _id(value: Json, number: str) -> str:
    if value is None or value == "":
        return number
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise ValueError("its id is neither a text nor a whole number")
    text = str(value)
    if len(text) > MAX_ID_CHARS:
        raise ValueError(f"its id is longer than {MAX_ID_CHARS} characters")
    return text


def _label(member: str, value: Json) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise ValueError(f"its {member} is neither a text nor a whole number")
    text = str(value)
    if len(text) > _MAX_SUBSET_CHARS:
        raise ValueError(f"its {member} is longer than {_MAX_SUBSET_CHARS} characters")
    return text


def _input(value: Json) -> Json:
    if _is_empty(value) or value in ([], {}):
        raise ValueError("its input is missing or empty")
    if isinstance(value, list) and any(
        isinstance(part, Mapping) and ("role" in part or "content" in part) for part in value
    ):
        _check_messages(value)
    return value


def _check_messages(messages: Sequence[Json]) -> None:
    for number, message in enumerate(messages, 1):
        if not isinstance(message, Mapping) or "content" not in message:
            raise ValueError(f"message {number} of its input is no {{role, content}}")
        if message.get("role") not in _ROLES:
            raise ValueError(
                f"message {number} of its input has the role {_short(message.get('role'))};"
                f" there are {', '.join(_ROLES)}"
            )


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
