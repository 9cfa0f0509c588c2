"""What was used on each day, as SQL: for reports that cost the same however many executions there were.

Each day, kind, key and model of a project has a row, and one without a model counts executions: each once, whatever
models it called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from penstock.executions.model import Execution
from penstock.models.usage import Usage
from penstock.storage.compute_units import columns_of
from penstock.storage.store import Transaction
from penstock.types import Tenant

DAY_MS = 86_400_000

Group = Literal["day", "project", "kind", "key", "model"]

_COLUMN: Mapping[Group, str] = {
    "day": "day",
    "project": "project_id",
    "kind": "kind",
    "key": "key_id",
    "model": "model",
}
_SUMMED = (
    "model_calls",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cost_nanos",
    "unpriced_calls",
    "ecu_micros",
)

_ADD = f"""
insert into usage_days (organization_id, project_id, day, kind, key_id, model, executions, {", ".join(_SUMMED)})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (project_id, day, kind, key_id, model) do update set
 executions = usage_days.executions + excluded.executions,
 {", ".join(f"{name} = usage_days.{name} + excluded.{name}" for name in _SUMMED)}
"""


@dataclass(frozen=True, slots=True)
class Period:
    """Days since 1970 (UTC), the last one included."""

    first_day: int
    last_day: int


def add(execution: Execution, usage: Mapping[str, Usage], new: frozenset[str]) -> Transaction[None]:
    """Count what an execution has used since it was counted last, by model, on the day it ended.

    `new` are the models (and the empty one, for the execution itself) that it is counted for the first time for.
    """
    day = (execution.finished_at or 0) // DAY_MS
    tenant, key_id = execution.tenant, execution.created_by or ""
    for model in sorted(usage.keys() | new):
        yield (
            _ADD,
            tenant.organization_id,
            tenant.project_id,
            day,
            execution.kind,
            key_id,
            model,
            int(model in new),
            *columns_of(usage.get(model) or Usage()),
        )


def report(
    tenant: Tenant, period: Period, by: Sequence[Group], after: Sequence[Any] | None, limit: int
) -> Transaction[list[Any]]:
    """Sums of a period by these groups, in their order, behind the group `after`.

    By project they are those of the whole organization, otherwise of the tenant's project.
    """
    columns = [_COLUMN[group] for group in by]
    scope, owner = _scope(tenant, by)
    args: list[Any] = [owner, period.first_day, period.last_day, limit]
    where = f"{scope} and day >= $2 and day <= $3"
    if "model" in by:
        where += " and (model <> '' or model_calls > 0)"
    if after is not None:
        marks = ", ".join(f"${len(args) + n}" for n in range(1, len(columns) + 1))
        where += f" and ({', '.join(columns)}) > ({marks})"
        args += after
    named = ", ".join(columns)
    sql = f"select {named}, {_sums(by)} from usage_days where {where} group by {named} order by {named} limit $4"
    return (yield sql, *args)


def total(tenant: Tenant, period: Period, by: Sequence[Group]) -> Transaction[Any]:
    """The sum of a period, of the same rows as `report` with these groups."""
    scope, owner = _scope(tenant, by)
    rows = yield (
        f"select {_sums(())} from usage_days where {scope} and day >= $2 and day <= $3",
        owner,
        period.first_day,
        period.last_day,
    )
    return rows[0]


def _scope(tenant: Tenant, by: Sequence[Group]) -> tuple[str, str]:
    if "project" in by:
        return "organization_id = $1", tenant.organization_id
    return "project_id = $1", tenant.project_id


def _sums(by: Sequence[Group]) -> str:
    counted = "executions" if "model" in by else "case when model = '' then executions else 0 end"
    return ", ".join(
        [
            f"coalesce(sum({counted}), 0) as executions",
            *(f"coalesce(sum({name}), 0) as {name}" for name in _SUMMED),
        ]
    )
