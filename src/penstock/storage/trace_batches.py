"""What became of the executions that read uploaded files."""

from __future__ import annotations

from typing import Any

from penstock.storage.executions import loads
from penstock.storage.store import Transaction


def standing(project_id: str, batch_id: str) -> Transaction[tuple[str, int | None, int] | None]:
    """Status, end in milliseconds since 1970, and number of failed items; None where no execution reads the file."""
    rows: list[Any] = yield (
        "select status, finished_at, summary from executions where project_id = $1 and subject_id = $2"
        " order by id desc limit 1",
        project_id,
        batch_id,
    )
    if not rows:
        return None
    summary = loads(rows[0]["summary"]) or {}
    return rows[0]["status"], rows[0]["finished_at"], summary.get("counts", {}).get("failed", 0)
