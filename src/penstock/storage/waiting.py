"""Executions that wait for a process: who has some, which comes first, and how many stand before one.

For the engine itself, which serves every tenant. The conditions are those of the indexes `executions_waiting` and
`executions_running`, word for word: without them every execution there ever was is read.
"""

from __future__ import annotations

from typing import Any

from penstock.executions.model import Execution
from penstock.storage.store import Transaction

_PENDING = "status = 'pending'"

# Leaps from project to project by the index of those that wait: as many steps as projects, however many wait.
_PROJECTS = f"""
with recursive waiting (project_id) as (
  select (select e.project_id from executions e where e.{_PENDING} and e.lane = $1 order by e.project_id limit 1)
  union all
  select (
    select e.project_id from executions e
    where e.{_PENDING} and e.lane = $1 and e.project_id > w.project_id order by e.project_id limit 1
  )
  from waiting w where w.project_id is not null
)
select project_id from waiting where project_id is not null
"""


def projects(lane: str) -> Transaction[list[str]]:
    """The projects that have executions waiting in a lane."""
    rows = yield _PROJECTS, lane
    return [row["project_id"] for row in rows]


def oldest(lane: str, project_id: str, limit: int) -> Transaction[list[Any]]:
    """A project's executions that wait in a lane, oldest first: `no` and `lease_number`."""
    return (
        yield (
            f"select no, lease_number from executions where {_PENDING} and lane = $1 and project_id = $2"
            " order by no limit $3",
            lane,
            project_id,
            limit,
        )
    )


def orphans(owner: str, limit: int) -> Transaction[list[Any]]:
    """Executions that were running and whose owner is another process, or has let go of them; oldest first."""
    return (
        yield (
            "select no, lane, project_id, lease_number from executions"
            " where status = 'running' and (lease_owner is null or lease_owner <> $1) order by no limit $2",
            owner,
            limit,
        )
    )


def counts(lane: str) -> Transaction[dict[str, int]]:
    """How many executions each project has waiting in a lane."""
    rows = yield (
        f"select project_id, count(*) as n from executions where {_PENDING} and lane = $1 group by project_id",
        lane,
    )
    return {row["project_id"]: row["n"] for row in rows}


def before(execution: Execution) -> Transaction[int]:
    """How many executions of its own project wait in its lane before this one."""
    rows = yield (
        f"select count(*) as n from executions where {_PENDING} and lane = $1 and project_id = $2 and no < $3",
        execution.lane,
        execution.tenant.project_id,
        execution.no,
    )
    return int(rows[0]["n"])
