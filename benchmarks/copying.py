"""Many rows from a few, by SQL: a store of a size that no server would be asked to fill."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping


def numbers(database: sqlite3.Connection, last: int) -> None:
    """A table `numbers` with the column `n`, from 1 to the last."""
    database.execute("create temp table numbers (n integer primary key)")
    database.execute(
        "insert into numbers with recursive one(n) as (select 1 union all select n + 1 from one where n < ?1)"
        " select n from one",
        (last,),
    )


def copy_rows(
    database: sqlite3.Connection, table: str, source: str, own: Mapping[str, str], pattern: str | None = None
) -> None:
    """For each row of `source`, the rows of a pattern again, with columns of their own: SQL by name.

    The pattern is the first row of the table, where no other is given.
    """
    names = [row[1] for row in database.execute(f"pragma table_info({table})")]
    columns = ", ".join(f"{own.get(name, f'pattern.{name}')}" for name in names)
    rows = pattern or f"(select * from {table} limit 1)"
    database.execute(
        f"insert into {table} ({', '.join(names)}) select {columns} from {source} cross join {rows} pattern"
    )
