"""The results of an execution, read from its items: never held whole, unless they are few.

One object when there is one item by construction; else a list in item order, with null for each item that has no
output. Where a flow ends inside a split that nothing closes, each element of it is a result.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.errors import Conflict
from penstock.executions.model import Execution, ItemStatus
from penstock.executions.service import ExecutionService
from penstock.types import Tenant

NULL = b"null"
SMALLEST_RESULT_BYTES = 2
"""A digit and a comma."""


@dataclass(frozen=True, slots=True)
class Results:
    """Where the results of one execution are found. `labels` say which elements count, from the outermost split in."""

    executions: ExecutionService
    tenant: Tenant
    execution: Execution
    single: bool
    labels: tuple[str | None, ...]

    async def one(self) -> bytes:
        """The only item's output as JSON text. Raises `Conflict` when it has none."""
        if self.execution.output is not None:
            return self.execution.output.encode()
        async for page in self.pages():
            if page[0] is not NULL:
                return page[0]
        why = self.execution.error.message if self.execution.error else "its only item did not succeed"
        raise Conflict("no_results", f"The execution has no results: {why}")

    async def pages(self) -> AsyncIterator[Sequence[bytes]]:
        """Outputs as JSON texts, page after page."""
        reader = _Reader(self.labels)
        async for rows in self.executions.outputs(self.tenant, self.execution):
            found = [text for row in rows for text in reader.next(row)]
            if found:
                yield found
        if last := reader.end():
            yield last

    async def inline(self, limit: int) -> msgspec.Raw | None:
        """All results as one JSON value, None when they take more than `limit` bytes."""
        if not self.labels and (self.execution.total_items or 0) * SMALLEST_RESULT_BYTES > limit:
            return None
        if self.single:
            text = await self.one()
            return msgspec.Raw(text) if len(text) <= limit else None
        gathered: list[bytes] = []
        size = 2
        async for page in self.pages():
            size += sum(map(len, page)) + len(page)
            if size > limit:
                return None
            gathered.extend(page)
        return msgspec.Raw(b"[" + b",".join(gathered) + b"]")

    async def as_json(self) -> AsyncIterator[bytes]:
        """The pieces of one JSON value."""
        if self.single:
            yield await self.one()
            return
        before = b"["
        async for page in self.pages():
            yield before + b",\n".join(page)
            before = b",\n"
        yield b"[]" if before == b"[" else b"]"

    async def as_lines(self) -> AsyncIterator[bytes]:
        """One JSON text per line."""
        async for page in self.pages():
            yield b"\n".join(page) + b"\n"

    async def as_csv(self) -> AsyncIterator[bytes]:
        """A table with a header. The columns are those of all results together, so they are read twice.

        Values that are no text, number or boolean stand as JSON; a result that is no object stands under `result`.
        """
        columns: dict[str, None] = {}
        async for page in self.pages():
            for text in page:
                columns |= dict.fromkeys(_cells(text))
        yield _csv_lines([list(columns)])
        async for page in self.pages():
            yield _csv_lines([[cells.get(name, "") for name in columns] for cells in map(_cells, page)])


def results_of(executions: ExecutionService, tenant: Tenant, execution: Execution) -> Results:
    """The results of an execution that is over, also of one that did not complete.

    Raises `Conflict` while it is not over.
    """
    if not execution.status.terminal:
        raise Conflict("execution_not_over", f"The execution is {execution.status.value}: no results yet.")
    elements: Any = execution.spec.get("elements")
    single = bool(execution.spec.get("single")) and not elements
    return Results(executions, tenant, execution, single, tuple(elements or ()))


class _Reader:
    """Picks the results out of item rows that come in order.

    An item that failed before it was split has no elements, so it stands for itself: with one null. Whether it has
    any is known when the next row is there.
    """

    def __init__(self, labels: tuple[str | None, ...]) -> None:
        self._labels = labels
        self._childless: str | None = None

    def next(self, row: Any) -> Sequence[bytes]:
        path: str = row["path"]
        found = [] if self._childless is None or path.startswith(self._childless + ".") else [NULL]
        self._childless = None
        place = tuple(_label(part) for part in path.split(".")[1:])
        succeeded = row["status"] == ItemStatus.SUCCEEDED
        if place == self._labels:
            found.append(row["output"].encode() if succeeded and row["output"] is not None else NULL)
        elif not succeeded and place == self._labels[: len(place)]:
            self._childless = path
        return found

    def end(self) -> Sequence[bytes]:
        return [] if self._childless is None else [NULL]


def _label(part: str) -> str | None:
    label, colon, _ = part.rpartition(":")
    return label if colon else None


def _cells(text: bytes) -> dict[str, Any]:
    value = msgspec.json.decode(text)
    if value is None:
        return {}
    named = value if isinstance(value, dict) else {"result": value}
    return {name: _cell(cell) for name, cell in named.items()}


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) else msgspec.json.encode(value).decode()


def _csv_lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
