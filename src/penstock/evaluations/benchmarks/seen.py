"""Ids that were seen, for files with millions of them."""

from __future__ import annotations

import sqlite3


class SeenIds:
    """Where each id was seen first. They are kept in a temporary file that nobody else sees and that goes with the
    object, so that a file of millions of rows is checked in a few megabytes of memory. One thread at a time.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            "pragma journal_mode = off",
            "begin",
            "create table seen (id text primary key, line integer)",
        ):
            self._db.execute(statement)

    def first_line(self, row_id: str, line: int) -> int | None:
        """The line that has the id already; None when it is new, and now this line's."""
        added = self._db.execute("insert or ignore into seen values (?, ?)", (row_id, line)).rowcount
        if added:
            return None
        found: int = self._db.execute("select line from seen where id = ?", (row_id,)).fetchone()[0]
        return found

    def close(self) -> None:
        self._db.close()
