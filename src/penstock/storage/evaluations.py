"""Evaluations, and what their executions recorded of each item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.evaluations.model import Evaluation, EvaluationFilter, Order
from penstock.executions import paths
from penstock.storage.steps import OF_PATHS
from penstock.storage.store import Transaction, placeholders
from penstock.types import JsonObject, Tenant

_INSERT = """
insert into evaluations (id, organization_id, project_id, execution_id, variant, name, target_kind, target,
                         benchmark_id, benchmark_key, benchmark_version, definition_hash, tags, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""

_SELECT = """
select v.*, x.no as execution_no, x.spec, x.status, x.generation, x.started_at, x.finished_at, x.error
from evaluations v join executions x on x.id = v.execution_id and x.project_id = v.project_id
"""

_KEPT = "case when v.metrics_generation = x.generation then v.{0} end"
_ORDERS: dict[Order, str] = {
    "created": "v.id",
    "accuracy": _KEPT.format("primary_mean"),
    "duration": _KEPT.format("latency_mean_ms"),
}

_KEEP_METRICS = """
update evaluations set metrics = $3, metrics_generation = $4, primary_mean = $5, latency_mean_ms = $6
where project_id = $1 and id = $2
"""

_VARIANT = f"((cast(substr({{0}}.path, 1, {paths.WIDTH}) as integer) / ${{1}}) % ${{2}})"
"""Which variant an item or step is of (see `Shape`); the arguments are epochs and variants."""

_ORPHANS = """
delete from evaluations where id in (
  select v.id from evaluations v where v.created_at < $1 and not exists (
    select 1 from executions x where x.id = v.execution_id and x.project_id = v.project_id)
  limit $2
) returning id
"""

_OF_ELEMENTS = " union all ".join(
    "select p.no from chosen c cross join steps p where p.execution_no = $1"
    f" and p.path > c.path || '.' and p.path < c.path || '/' and p.status {which} 'aborted'"
    for which in ("<>", "=")
)
"""Numbers of the steps of chosen items' elements; aborted ones have an index of their own (see `OF_PATHS`)."""


def insert(evaluation: Evaluation) -> Transaction[None]:
    yield (
        _INSERT,
        evaluation.id,
        evaluation.tenant.organization_id,
        evaluation.tenant.project_id,
        evaluation.execution_id,
        evaluation.variant,
        evaluation.name,
        evaluation.target_kind,
        evaluation.target,
        evaluation.benchmark_id,
        evaluation.benchmark_key,
        evaluation.benchmark_version,
        evaluation.definition_hash,
        msgspec.json.encode(evaluation.tags).decode(),
        evaluation.created_at,
    )


def get(tenant: Tenant, evaluation_id: str) -> Transaction[Evaluation | None]:
    rows = yield f"{_SELECT} where v.project_id = $1 and v.id = $2", tenant.project_id, evaluation_id
    return evaluation_of(rows[0]) if rows else None


def of_execution(tenant: Tenant, execution_id: str) -> Transaction[list[Evaluation]]:
    """Those an execution runs, in the order of its variants."""
    rows = yield (
        f"{_SELECT} where v.project_id = $1 and v.execution_id = $2 order by v.variant",
        tenant.project_id,
        execution_id,
    )
    return [evaluation_of(row) for row in rows]


def page(
    tenant: Tenant, wanted: EvaluationFilter, offset: int, limit: int
) -> Transaction[tuple[list[Evaluation], int]]:
    """Some of the evaluations that are wanted, and how many there are in all."""
    where, args = _where(tenant, wanted)
    counted = yield (
        "select count(*) as n from evaluations v"
        f" join executions x on x.id = v.execution_id and x.project_id = v.project_id {where}",
        *args,
    )
    order = _ORDERS[wanted.order]
    direction = "desc" if wanted.descending else "asc"
    rows = yield (
        f"{_SELECT} {where} order by {order} is null, {order} {direction}, v.id desc"
        f" limit ${len(args) + 1} offset ${len(args) + 2}",
        *args,
        limit,
        offset,
    )
    return [evaluation_of(row) for row in rows], int(counted[0]["n"])


def _where(tenant: Tenant, wanted: EvaluationFilter) -> tuple[str, list[Any]]:
    args: list[Any] = [tenant.project_id]
    conditions = ["v.project_id = $1"]

    def among(columns: Sequence[str], values: Sequence[str]) -> None:
        if values:
            listed = placeholders(len(values), len(args) + 1)
            conditions.append("(" + " or ".join(f"{column} in ({listed})" for column in columns) + ")")
            args.extend(values)

    among(("v.benchmark_id", "v.benchmark_key"), wanted.benchmarks)
    among(("v.target",), wanted.targets)
    among(("x.status",), wanted.statuses)
    among(("v.execution_id",), () if wanted.execution_id is None else (wanted.execution_id,))
    if wanted.tag is not None:
        args.append(f"%{_escaped(msgspec.json.encode(wanted.tag).decode())}%")
        conditions.append(f"v.tags like ${len(args)} escape '\\'")
    if wanted.text is not None:
        args.append(f"%{_escaped(wanted.text.lower())}%")
        texts = " or ".join(f"lower(v.{column}) like ${len(args)} escape '\\'" for column in _TEXTS)
        conditions.append(f"({texts})")
    if wanted.latest_only:
        conditions.append(
            "not exists (select 1 from evaluations w join executions y on y.id = w.execution_id"
            " where w.project_id = v.project_id and w.benchmark_id = v.benchmark_id and w.target = v.target"
            " and w.id > v.id and y.status = x.status)"
        )
    return "where " + " and ".join(conditions), args


_TEXTS = ("name", "target", "benchmark_key")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def keep_metrics(evaluation: Evaluation, metrics: JsonObject, primary: float | None) -> Transaction[None]:
    """Note what the rows of the execution's present generation add up to."""
    latency: Any = metrics["latency"]
    yield (
        _KEEP_METRICS,
        evaluation.tenant.project_id,
        evaluation.id,
        msgspec.json.encode(metrics).decode(),
        evaluation.generation,
        primary,
        latency["meanMs"],
    )


def delete(tenant: Tenant, evaluation_id: str) -> Transaction[None]:
    yield "delete from evaluations where project_id = $1 and id = $2", tenant.project_id, evaluation_id


def delete_beside_others(evaluation: Evaluation) -> Transaction[bool]:
    """Remove one of several of an execution; False where it is the last, which goes with its execution."""
    tenant = evaluation.tenant
    others = yield (
        "select 1 from evaluations where project_id = $1 and execution_id = $2 and id <> $3 limit 1",
        tenant.project_id,
        evaluation.execution_id,
        evaluation.id,
    )
    if others:
        yield from delete(tenant, evaluation.id)
    return bool(others)


def forget_orphans(before: int, limit: int) -> Transaction[bool]:
    """Drop so many of those made before a moment whose execution is gone; True while there may be more."""
    rows = yield _ORPHANS, before, limit
    return len(rows) == limit


def running_on(tenant: Tenant, benchmark_id: str) -> Transaction[bool]:
    """Whether an evaluation that is not over reads the benchmark."""
    rows = yield (
        "select 1 from evaluations v join executions x on x.id = v.execution_id"
        " where v.project_id = $1 and v.benchmark_id = $2 and x.status in ('pending', 'running', 'paused') limit 1",
        tenant.project_id,
        benchmark_id,
    )
    return bool(rows)


def being_rescored(tenant: Tenant, evaluation_id: str) -> Transaction[bool]:
    """Whether an evaluation that is not over reads the answers of this one."""
    source = msgspec.json.encode({"source": {"evaluation": evaluation_id}}).decode()[1:-2]
    rows = yield (
        "select 1 from evaluations v join executions x on x.id = v.execution_id"
        " where v.project_id = $1 and x.status in ('pending', 'running', 'paused')"
        " and x.spec like $2 escape '\\' limit 1",
        tenant.project_id,
        f"%{_escaped(source)}%",
    )
    return bool(rows)


def items(tenant: Tenant, execution_no: int, chosen: Sequence[str]) -> Transaction[list[Any]]:
    """Recorded items with these stored paths (at most 1,000)."""
    return (
        yield (
            "select i.path, i.status, i.input, i.output, i.error from items i"
            " join executions e on e.no = i.execution_no and e.project_id = $2"
            f" where i.execution_no = $1 and i.path in ({placeholders(len(chosen), 3)}) order by i.path",
            execution_no,
            tenant.project_id,
            *chosen,
        )
    )


def steps(tenant: Tenant, execution_no: int, chosen: Sequence[str]) -> Transaction[list[Any]]:
    """Their steps and those of the elements that splitters made of them, of all generations, oldest first."""
    listed = ", ".join(f"(${n})" for n in range(3, 3 + len(chosen)))
    return (
        yield (
            f"with chosen (path) as (values {listed})"
            f" select substr(s.path, 1, {paths.WIDTH}) as path, s.node, s.status, s.output, s.model_calls,"
            " s.input_tokens, s.output_tokens, s.cached_tokens, s.cost_nanos, s.unpriced_calls, s.ecu_micros"
            " from steps s join executions e on e.no = s.execution_no and e.project_id = $2"
            f" where s.no in ({OF_PATHS.format('in (select path from chosen)')} union all {_OF_ELEMENTS})"
            " order by s.generation, s.no",
            execution_no,
            tenant.project_id,
            *chosen,
        )
    )


def unusual_paths(tenant: Tenant, execution_no: int, status: str, after: str, limit: int) -> Transaction[list[str]]:
    """Stored paths of items that did not succeed, of one status, in order from behind a path."""
    rows = yield (
        "select i.path from items i join executions e on e.no = i.execution_no and e.project_id = $5"
        " where i.execution_no = $1 and i.status = $2 and i.status <> 'succeeded' and i.path > $3"
        " order by i.path limit $4",
        execution_no,
        status,
        after,
        limit,
        tenant.project_id,
    )
    return [row["path"] for row in rows]


def outputs(evaluation: Evaluation, after: str, limit: int) -> Transaction[list[Any]]:
    """Path, status and output of an evaluation's items, in order from behind a stored path."""
    shape = evaluation.shape
    return (
        yield (
            "select i.path, i.status, i.output from items i"
            " join executions e on e.no = i.execution_no and e.project_id = $4"
            " where i.execution_no = $1 and i.path > $2 and length(i.path) = $5"
            f" and {_VARIANT.format('i', 6, 7)} = $8 order by i.path limit $3",
            evaluation.execution_no,
            after,
            limit,
            evaluation.tenant.project_id,
            paths.WIDTH,
            shape.epochs,
            shape.variants,
            evaluation.variant,
        )
    )


def usage(evaluation: Evaluation) -> Transaction[Any]:
    """What the steps of an evaluation's items consumed, of all generations; null where there are none."""
    shape = evaluation.shape
    rows = yield (
        "select sum(s.model_calls) as model_calls, sum(s.input_tokens) as input_tokens,"
        " sum(s.output_tokens) as output_tokens, sum(s.cached_tokens) as cached_tokens,"
        " sum(s.cost_nanos) as cost_nanos, sum(s.unpriced_calls) as unpriced_calls, sum(s.ecu_micros) as ecu_micros"
        " from steps s join executions e on e.no = s.execution_no and e.project_id = $2"
        f" where s.execution_no = $1 and {_VARIANT.format('s', 3, 4)} = $5",
        evaluation.execution_no,
        evaluation.tenant.project_id,
        shape.epochs,
        shape.variants,
        evaluation.variant,
    )
    return rows[0]


def evaluation_of(row: Any) -> Evaluation:
    current = row["metrics_generation"] == row["generation"]
    return Evaluation(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        execution_id=row["execution_id"],
        execution_no=row["execution_no"],
        variant=row["variant"],
        name=row["name"],
        target_kind=row["target_kind"],
        target=row["target"],
        benchmark_id=row["benchmark_id"],
        benchmark_key=row["benchmark_key"],
        benchmark_version=row["benchmark_version"],
        definition_hash=row["definition_hash"],
        tags=tuple(msgspec.json.decode(row["tags"])),
        spec=msgspec.json.decode(row["spec"]),
        status=row["status"],
        generation=row["generation"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        error=None if row["error"] is None else msgspec.json.decode(row["error"]),
        metrics=msgspec.json.decode(row["metrics"]) if current and row["metrics"] else None,
        primary_mean=row["primary_mean"] if current else None,
        latency_mean_ms=row["latency_mean_ms"] if current else None,
    )
