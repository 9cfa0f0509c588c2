"""The outbox: what is to be told outside, written in the transaction in which it happens: a crash loses none."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.clock import iso
from penstock.executions.model import Execution
from penstock.storage.store import Transaction
from penstock.storage.webhooks import any_enabled

_INSERT = """
insert into outbox (
  execution_no, organization_id, project_id, execution_id, status, seq, at, webhook_url, body
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


def announce(execution: Execution, at: int) -> Transaction[None]:
    """Note the status that an execution has just reached, where somebody wants to be told.

    The URL that came with the call is told of its end only; the project's endpoints of a pause, too.
    """
    told = execution.webhook_url is not None and execution.status.terminal
    if not told and not (yield from any_enabled(execution.tenant.project_id)):
        return
    yield (
        _INSERT,
        execution.no,
        execution.tenant.organization_id,
        execution.tenant.project_id,
        execution.id,
        execution.status,
        execution.seq,
        at,
        execution.webhook_url,
        msgspec.json.encode(_body(execution)).decode(),
    )


def waiting(limit: int) -> Transaction[list[Any]]:
    """The oldest rows. For the engine itself, which serves every tenant."""
    return (yield ("select * from outbox order by no limit $1", limit))


def take(no: int) -> Transaction[bool]:
    """Take a row away; False when that has been done."""
    return bool((yield ("delete from outbox where no = $1 returning no", no)))


def _body(execution: Execution) -> dict[str, Any]:
    """What an execution is now, for whoever is told: it may be reopened or deleted before they are."""
    summary: Any = execution.summary or {}
    return {
        "kind": execution.kind,
        "flowId": execution.subject_id,
        "flowName": execution.subject_name,
        "flowVersion": execution.subject_version,
        "generation": execution.generation,
        "counts": summary.get("counts"),
        "usage": summary.get("usage"),
        "error": execution.error,
        "metadata": execution.metadata,
        "createdAt": iso(execution.created_at),
        "finishedAt": None if execution.finished_at is None else iso(execution.finished_at),
    }
