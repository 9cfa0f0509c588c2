"""What a store is: it runs transactions, and a transaction is a generator.

    def rename(project_id: str, flow_id: str, name: str) -> Transaction[bool]:
        sql = "update flows set name = $1 where id = $2 and project_id = $3 returning id"
        rows = yield sql, name, flow_id, project_id
        return bool(rows)

    renamed = await store.write(rename(...))

The generator yields `(sql, *args)` and receives the rows; what it returns is the transaction's value; what it raises
rolls the transaction back. It must be pure otherwise: no I/O, no waiting. So the same text runs on SQLite (whole, in
the writer's thread) and on PostgreSQL (each yield awaited), and a test can feed it rows by hand.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

T = TypeVar("T")


class Row(Protocol):
    """One row of a result; columns by name."""

    def __getitem__(self, column: str, /) -> Any: ...

    def keys(self) -> Any: ...


@dataclass(frozen=True)
class Many:
    """One statement run for many rows of arguments; returns no rows."""

    sql: str
    rows: Sequence[Sequence[Any]]


Statement: TypeAlias = tuple[Any, ...] | Many
Transaction: TypeAlias = Generator[Statement, list[Any], T]


class UniqueViolation(Exception):
    """A row with this key is already there. Raised into the transaction at the yield that caused it."""


class Store(Protocol):
    """Where everything is kept. Both methods may be called from any task; order of writes is order of calls."""

    async def write(self, transaction: Transaction[T]) -> T:
        """Run a transaction and return when it is on disk.

        Raises `Unavailable` when the store cannot write (full, read-only, broken); then nothing of it was kept.
        """
        ...

    async def read(self, transaction: Transaction[T]) -> T:
        """Run a transaction that only reads, on one consistent snapshot."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go of the files or connections."""
        ...


def rows_of(statement: str, *args: Any) -> Transaction[list[Any]]:
    """The transaction of one statement; its value is the rows."""
    return (yield (statement, *args))


def placeholders(count: int, start: int = 1) -> str:
    """`$1, $2, $3` for an `in (...)` list."""
    return ", ".join(f"${n}" for n in range(start, start + count))


def chunked(rows: Iterable[T], size: int) -> Generator[list[T], None, None]:
    """Lists of at most `size` elements, in order."""
    chunk: list[T] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
