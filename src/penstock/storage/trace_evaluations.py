"""What judges said of traces, as SQL: one row for each verdict that was asked for, whether it has come or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.judges.model import TraceEvaluation, TraceEvaluationFilter, Unscorable, Verdict, VerdictOutcome
from penstock.storage.executions import dumps, loads
from penstock.storage.store import Many, Transaction, chunked, placeholders
from penstock.types import Tenant

_IDS_AT_ONCE = 400

_INSERT = """
insert into trace_evaluations (id, organization_id, project_id, execution_id, ordinal, trace_id, trace_name, judge_id,
  judge_name, judge_version, place, status, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'pending', $12)
"""

_RECORD = """
update trace_evaluations
set status = $3, score = $4, passed = $5, reasoning = $6, verdict = $7, judged_at = $8
where project_id = $1 and id = $2
"""

_COLUMNS = """
e.id, e.organization_id, e.project_id, e.execution_id, e.ordinal, e.trace_id, e.trace_name, e.place, e.status, e.score,
e.passed, e.reasoning, e.created_at, e.judged_at, x.spec, x.status as execution_status, x.started_at
"""
_FROM = "from trace_evaluations e join executions x on x.id = e.execution_id and x.project_id = e.project_id || ''"

_OUTCOMES: dict[VerdictOutcome, tuple[str, tuple[Any, ...]]] = {
    "pass": ("e.passed = ?", (True,)),
    "fail": ("e.passed = ?", (False,)),
    "unscorable": ("e.status = ?", ("unscorable",)),
    "error": ("e.status = ?", ("failed",)),
}

_ORPHANS = """
delete from trace_evaluations where id in (
  select e.id from trace_evaluations e where e.created_at < $1 and not exists (
    select 1 from executions x where x.id = e.execution_id and x.project_id = e.project_id)
  limit $2
) returning id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A verdict that is asked for: of which trace, by which of the execution's judges."""

    id: str
    ordinal: int
    trace_id: str
    trace_name: str
    judge_id: str
    judge_name: str
    judge_version: int
    place: int


@dataclass(frozen=True, slots=True)
class Tallied:
    """How many verdicts of a judge's version have the same status, score and outcome."""

    judge_id: str
    judge_name: str
    judge_version: int
    status: str
    score: float | None
    passed: bool | None
    count: int


def insert(tenant: Tenant, execution_id: str, wanted: Sequence[Wanted], now: int) -> Transaction[None]:
    """Make the places of verdicts that are still to come."""
    whose = (tenant.organization_id, tenant.project_id, execution_id)
    rows = [
        (
            one.id,
            *whose,
            one.ordinal,
            one.trace_id,
            one.trace_name,
            one.judge_id,
            one.judge_name,
            one.judge_version,
            one.place,
            now,
        )
        for one in wanted
    ]
    yield Many(_INSERT, rows)


def record(tenant: Tenant, evaluation_id: str, said: Verdict | Unscorable, now: int) -> Transaction[None]:
    """Write what a judge said; writing the same again changes nothing."""
    if isinstance(said, Unscorable):
        yield _RECORD, tenant.project_id, evaluation_id, "unscorable", None, None, said.reason, None, now
        return
    verdict = dumps(said)
    yield (
        _RECORD,
        tenant.project_id,
        evaluation_id,
        "scored",
        said.score,
        said.passed,
        said.reasoning,
        verdict,
        now,
    )


def fail(tenant: Tenant, evaluation_id: str, reason: str, now: int) -> Transaction[None]:
    """Write that a judge could not be asked; a retry may do better."""
    yield _RECORD, tenant.project_id, evaluation_id, "failed", None, None, reason, None, now


def get(tenant: Tenant, evaluation_id: str) -> Transaction[TraceEvaluation | None]:
    """One, with its whole verdict."""
    rows = yield (
        f"select {_COLUMNS}, e.verdict {_FROM} where e.project_id = $1 and e.id = $2",
        tenant.project_id,
        evaluation_id,
    )
    return evaluation_of(rows[0], rows[0]["verdict"]) if rows else None


def page(
    tenant: Tenant, wanted: TraceEvaluationFilter, before: str | None, limit: int
) -> Transaction[list[TraceEvaluation]]:
    """The newest first, behind an id; without what each verdict took."""
    where, args = _where(tenant, wanted)
    if before is not None:
        args.append(before)
        where += f" and e.id < ${len(args)}"
    rows = yield f"select {_COLUMNS} {_FROM} {where} order by e.id desc limit ${len(args) + 1}", *args, limit
    return [evaluation_of(row) for row in rows]


def numbered(
    tenant: Tenant, wanted: TraceEvaluationFilter, offset: int, limit: int, *, descending: bool = True
) -> Transaction[tuple[list[TraceEvaluation], int]]:
    """Some by their places in the list, and how many there are. Costs more the more there are."""
    where, args = _where(tenant, wanted)
    counted = yield f"select count(*) as n {_FROM} {where}", *args
    order = "desc" if descending else "asc"
    rows = yield (
        f"select {_COLUMNS} {_FROM} {where} order by e.id {order} limit ${len(args) + 1} offset ${len(args) + 2}",
        *args,
        limit,
        offset,
    )
    return [evaluation_of(row) for row in rows], int(counted[0]["n"])


def ids_of_execution(tenant: Tenant, execution_id: str, limit: int) -> Transaction[list[str]]:
    """The first of those that an execution is to bring, in order."""
    rows = yield (
        "select id from trace_evaluations where project_id = $1 and execution_id = $2 order by ordinal limit $3",
        tenant.project_id,
        execution_id,
        limit,
    )
    return [row["id"] for row in rows]


def tally(tenant: Tenant, wanted: TraceEvaluationFilter) -> Transaction[list[Tallied]]:
    """What all that are wanted amount to, by judge and version."""
    where, args = _where(tenant, wanted)
    rows = yield (
        "select e.judge_id, max(e.judge_name) as judge_name, e.judge_version, e.status, e.score, e.passed,"
        f" count(*) as n {_FROM} {where} group by e.judge_id, e.judge_version, e.status, e.score, e.passed"
        " order by e.judge_id, e.judge_version, e.status, e.score",
        *args,
    )
    return [
        Tallied(
            judge_id=row["judge_id"],
            judge_name=row["judge_name"],
            judge_version=row["judge_version"],
            status=row["status"],
            score=row["score"],
            passed=None if row["passed"] is None else bool(row["passed"]),
            count=row["n"],
        )
        for row in rows
    ]


def latest(tenant: Tenant, trace_ids: Sequence[str], most: int) -> Transaction[dict[str, tuple[int, list[Any]]]]:
    """For each of these traces how many verdicts there are, and rows (judge_id, judge_name, judge_version, passed,
    score, created_at) of the newest `most`: for lists of traces."""
    found: dict[str, tuple[int, list[Any]]] = {}
    for trace_id in trace_ids:
        counted = yield (
            "select count(*) as n from trace_evaluations where project_id = $1 and trace_id = $2 and status = 'scored'",
            tenant.project_id,
            trace_id,
        )
        rows: list[Any] = []
        if counted[0]["n"]:
            rows = yield (
                "select judge_id, judge_name, judge_version, passed, score, created_at from trace_evaluations"
                " where project_id = $1 and trace_id = $2 and status = 'scored' order by id desc limit $3",
                tenant.project_id,
                trace_id,
                most,
            )
        found[trace_id] = int(counted[0]["n"]), rows
    return found


def delete_of(tenant: Tenant, trace_id: str) -> Transaction[None]:
    """Remove what judges said of a trace."""
    yield "delete from trace_evaluations where project_id = $1 and trace_id = $2", tenant.project_id, trace_id


def traces(tenant: Tenant, some_ids: Sequence[str]) -> Transaction[dict[str, tuple[str, str]]]:
    """Id and name of traces, by what they were asked for: their own ids, or their senders'."""
    found: dict[str, tuple[str, str]] = {}
    for some in chunked(some_ids, _IDS_AT_ONCE):
        listed = placeholders(len(some), 2)
        rows = yield (
            "select id, trace_id, name from traces"
            f" where project_id = $1 and (id in ({listed}) or trace_id in ({listed}))",
            tenant.project_id,
            *some,
        )
        # An id wins over another trace whose sender chose it.
        found |= {row["trace_id"]: (row["id"], row["name"]) for row in rows}
        found |= {row["id"]: (row["id"], row["name"]) for row in rows}
    return found


def new_traces(
    tenant: Tenant, after: str, still: int, waited_for: int, limit: int
) -> Transaction[tuple[list[tuple[str, str]], bool]]:
    """Id and name of so many traces behind an id, in the order of their coming, and whether there may be more.

    They end before the first that is not at rest: to which something came after `still`, though one that came before
    `waited_for` is not waited for any longer.
    """
    rows = yield (
        "select id, name, created_at, updated_at from traces where project_id = $1 and id > $2 order by id limit $3",
        tenant.project_id,
        after,
        limit,
    )
    found: list[tuple[str, str]] = []
    for row in rows:
        if row["updated_at"] > still and row["created_at"] > waited_for:
            return found, False
        found.append((row["id"], row["name"]))
    return found, len(rows) == limit


def judged_up_to(tenant: Tenant, schedule_id: str) -> Transaction[str | None]:
    """The last trace that a schedule has taken; None before its first time."""
    rows = yield (
        "select trace_id from judged_up_to where schedule_id = $1 and project_id = $2",
        schedule_id,
        tenant.project_id,
    )
    return rows[0]["trace_id"] if rows else None


def judge_up_to(tenant: Tenant, schedule_id: str, before: str | None, trace_id: str) -> Transaction[bool]:
    """Note that a schedule takes all traces up to one; False when another firing has done so since."""
    now = yield from judged_up_to(tenant, schedule_id)
    if now != before:
        return False
    yield (
        "insert into judged_up_to (schedule_id, project_id, trace_id) values ($1, $2, $3)"
        " on conflict (schedule_id) do update set trace_id = excluded.trace_id",
        schedule_id,
        tenant.project_id,
        trace_id,
    )
    return True


def alert_once(tenant: Tenant, execution_id: str, generation: int, place: int) -> Transaction[bool]:
    """Note that a threshold of a run is told of; False when it was before."""
    return bool(
        (
            yield (
                "insert into threshold_alerts (project_id, execution_id, generation, place) values ($1, $2, $3, $4)"
                " on conflict (execution_id, generation, place) do nothing returning place",
                tenant.project_id,
                execution_id,
                generation,
                place,
            )
        )
    )


def forget_orphans(before: int, limit: int) -> Transaction[bool]:
    """Drop so many of those made before a moment whose execution is gone; True while there may be more."""
    rows = yield _ORPHANS, before, limit
    yield ("delete from threshold_alerts where not exists (select 1 from executions x where x.id = execution_id)",)
    yield ("delete from judged_up_to where not exists (select 1 from schedules s where s.id = schedule_id)",)
    return len(rows) == limit


def evaluation_of(row: Any, verdict: str | None = None) -> TraceEvaluation:
    spec: Any = loads(row["spec"])
    return TraceEvaluation(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        execution_id=row["execution_id"],
        execution_status=row["execution_status"],
        ordinal=row["ordinal"],
        trace_id=row["trace_id"],
        trace_name=row["trace_name"],
        place=row["place"],
        snapshot=spec["judges"][row["place"]],
        status=row["status"],
        score=row["score"],
        passed=None if row["passed"] is None else bool(row["passed"]),
        reasoning=row["reasoning"],
        verdict=None if verdict is None else msgspec.json.decode(verdict, type=Verdict),
        created_at=row["created_at"],
        started_at=row["started_at"],
        judged_at=row["judged_at"],
    )


def _where(tenant: Tenant, wanted: TraceEvaluationFilter) -> tuple[str, list[Any]]:
    args: list[Any] = [tenant.project_id]
    # What an execution is to bring is found by its own index: those of the project lead past all of its verdicts. An
    # index is not used for an expression, here and where the two tables are joined.
    conditions = ["e.project_id = $1" if wanted.execution_id is None else "e.project_id || '' = $1"]

    def add(sql: str, *values: Any) -> None:
        head, *tail = sql.split("?")
        for value, part in zip(values, tail, strict=True):
            args.append(value)
            head += f"${len(args)}{part}"
        conditions.append(head)

    simple = (
        ("e.judge_version = ?", wanted.judge_version),
        ("e.trace_id = ?", wanted.trace_id),
        ("e.execution_id = ?", wanted.execution_id),
        ("e.created_at >= ?", wanted.since),
        ("e.created_at < ?", wanted.until),
    )
    for sql, value in simple:
        if value is not None:
            add(sql, value)
    if wanted.judge is not None:
        add("(e.judge_id = ? or e.judge_name = ?)", wanted.judge, wanted.judge)
    if wanted.outcome is not None:
        sql, values = _OUTCOMES[wanted.outcome]
        add(sql, *values)
    if wanted.text is not None:
        escaped = wanted.text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        texts = " or ".join(f"lower({column}) like ? escape '\\'" for column in _TEXTS)
        add(f"({texts})", *[f"%{escaped}%"] * len(_TEXTS))
    return "where " + " and ".join(conditions), args


_TEXTS = ("coalesce(e.reasoning, '')", "e.trace_name", "e.judge_name")
