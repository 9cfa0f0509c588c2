"""Annotations: what people said, what they said before, and how it stands beside what judges said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.storage.executions import dumps, loads
from penstock.storage.store import Transaction, chunked, placeholders
from penstock.types import Tenant

NO_ROW = -1
_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """What was labelled: a trace, a span of one, or a row of an evaluation's results (`row_number` from 0)."""

    trace_id: str = ""
    span_id: str = ""
    evaluation_id: str = ""
    row_number: int = NO_ROW


@dataclass(frozen=True, slots=True)
class Annotation:
    """One label by one author. Times in milliseconds since 1970.

    It answers a judge's question (`judge_id`, with the name the judge had then) or a `criterion` of people's own; the
    other one is empty. `answer` is from the judge's menu, or `pass` or `fail`, or any text or number for a criterion;
    `score` (0 to 1) and `passed` are what it is worth, None where it does not say. `weight` says how much it counts
    where several people are brought together.
    """

    id: str
    tenant: Tenant
    judge_id: str
    judge_name: str
    criterion: str
    subject: Subject
    author: str
    answer: str | int | float
    score: float | None
    passed: bool | None
    rationale: str | None
    weight: float
    revision: int
    created_at: int
    updated_at: int
    changed_by: str | None


@dataclass(frozen=True, slots=True)
class Revision:
    """What an annotation said before."""

    revision: int
    answer: str | int | float
    score: float | None
    passed: bool | None
    rationale: str | None
    weight: float
    said_at: int
    changed_by: str | None


@dataclass(frozen=True, slots=True)
class AnnotationFilter:
    """Which annotations; None does not ask. Takes ids, and authors as they are written."""

    judge_id: str | None = None
    criterion: str | None = None
    trace_id: str | None = None
    evaluation_id: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedTrace:
    """A trace with what a judge and people have said of it: a candidate to be labelled next.

    `verdicts` counts the judge's, `passes` those that pass, `latest_passed` is the last one; `labels` counts what
    others than the asking author said, `label_passes` and `label_fails` how.
    """

    trace_id: str
    trace_name: str
    verdicts: int
    passes: int
    low: float | None
    high: float | None
    latest_passed: bool | None
    labels: int
    label_passes: int
    label_fails: int


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    """What one version of a judge said of something last. `answer` is its pick from the menu."""

    answer: Any
    score: float
    passed: bool


_KEYS = "project_id, judge_id, criterion, trace_id, span_id, evaluation_id, row_number, author"

_PUT = f"""
insert into annotations (id, organization_id, {_KEYS}, judge_name, answer, score, passed, rationale, weight, revision,
  created_at, updated_at, changed_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 1, $17, $17, $18)
on conflict ({_KEYS}) do update
set judge_name = excluded.judge_name, answer = excluded.answer, score = excluded.score, passed = excluded.passed,
    rationale = excluded.rationale, weight = excluded.weight, revision = annotations.revision + 1,
    updated_at = excluded.updated_at, changed_by = excluded.changed_by
returning *
"""

_KEEP_REVISION = """
insert into annotation_revisions (annotation_id, project_id, revision, answer, score, passed, rationale, weight,
  said_at, changed_by)
select id, project_id, revision, answer, score, passed, rationale, weight, updated_at, changed_by
from annotations where id = $1 and project_id = $2
"""

_FIND_SAME = f"""
select * from annotations where ({_KEYS}) = ($1, $2, $3, $4, $5, $6, $7, $8)
"""

# The last verdicts of a judge, those of one trace together, beside what others have said of the trace.
_CANDIDATES = """
with recent as (
  select id, trace_id, score, passed from trace_evaluations
  where project_id = $1 and judge_id = $2 and status = 'scored'
  order by id desc limit $4
), judged as (
  select trace_id, count(*) as verdicts, sum(case when passed then 1 else 0 end) as passes,
    min(score) as low, max(score) as high, max(id) as latest
  from recent group by trace_id
), labelled as (
  select trace_id, sum(case when author = $3 then 1 else 0 end) as mine, count(*) as labels,
    sum(case when passed then 1 else 0 end) as label_passes,
    sum(case when passed is not null and not passed then 1 else 0 end) as label_fails
  from annotations
  where project_id = $1 and judge_id = $2 and criterion = '' and span_id = ''
    and trace_id in (select trace_id from judged)
  group by trace_id
)
select j.trace_id, t.name as trace_name, j.verdicts, j.passes, j.low, j.high, r.passed as latest_passed,
  coalesce(l.labels, 0) as labels, coalesce(l.label_passes, 0) as label_passes,
  coalesce(l.label_fails, 0) as label_fails
from judged j
join recent r on r.id = j.latest
join traces t on t.id = j.trace_id and t.project_id = $1
left join labelled l on l.trace_id = j.trace_id
where coalesce(l.mine, 0) = 0
"""

_NOT_JUDGED = """
with newest as (
  select id, name from traces where project_id = $1 order by id desc limit $4
)
select n.id as trace_id, n.name as trace_name from newest n
where not exists (
  select 1 from trace_evaluations e
  where e.project_id = $1 and e.trace_id = n.id and e.judge_id = $2 and e.status = 'scored'
) and not exists (
  select 1 from annotations a
  where a.project_id = $1 and a.trace_id = n.id and a.judge_id = $2 and a.author = $3 and a.span_id = ''
)
"""


def put(annotation: Annotation) -> Transaction[Annotation]:
    """Say it, or say anew what the same author said of the same thing; the revision of the answer tells which.

    Whoever says the same again changes nothing.
    """
    before = yield from _same(annotation)
    if before is not None:
        if _content(before) == _content(annotation):
            return before
        yield _KEEP_REVISION, before.id, before.tenant.project_id
    rows = yield (
        _PUT,
        annotation.id,
        annotation.tenant.organization_id,
        *_key(annotation),
        annotation.judge_name,
        dumps(annotation.answer),
        annotation.score,
        annotation.passed,
        annotation.rationale,
        annotation.weight,
        annotation.created_at,
        annotation.changed_by,
    )
    return _annotation_of(rows[0])


def put_all(annotations: Sequence[Annotation]) -> Transaction[tuple[int, int]]:
    """Say them all; how many are new, and how many say something else than before."""
    added = changed = 0
    for annotation in annotations:
        kept = yield from put(annotation)
        added += kept.id == annotation.id
        changed += kept.id != annotation.id and kept.updated_at == annotation.created_at
    return added, changed


def get(tenant: Tenant, annotation_id: str) -> Transaction[Annotation | None]:
    """One annotation."""
    rows = yield "select * from annotations where project_id = $1 and id = $2", tenant.project_id, annotation_id
    return _annotation_of(rows[0]) if rows else None


def revisions(annotation: Annotation, limit: int) -> Transaction[list[Revision]]:
    """What it said before, newest first."""
    rows = yield (
        "select * from annotation_revisions where project_id = $1 and annotation_id = $2"
        " order by revision desc limit $3",
        annotation.tenant.project_id,
        annotation.id,
        limit,
    )
    return [
        Revision(
            revision=row["revision"],
            answer=loads(row["answer"]),
            score=row["score"],
            passed=_flag(row["passed"]),
            rationale=row["rationale"],
            weight=float(row["weight"]),
            said_at=row["said_at"],
            changed_by=row["changed_by"],
        )
        for row in rows
    ]


def page(tenant: Tenant, wanted: AnnotationFilter, before_id: str, limit: int) -> Transaction[list[Annotation]]:
    """Those that are wanted, newest first, behind an id."""
    where, args = "project_id = $1 and id < $2", [tenant.project_id, before_id]
    for column in wanted.__slots__:
        value = getattr(wanted, column)
        if value is not None:
            args.append(value)
            where += f" and {column} = ${len(args)}"
    sql = f"select * from annotations where {where} order by id desc limit ${len(args) + 1}"
    rows = yield (sql, *args, limit)
    return [_annotation_of(row) for row in rows]


def delete(tenant: Tenant, annotation_id: str) -> Transaction[bool]:
    """Delete an annotation with what it said before; False when there is none."""
    rows = yield (
        "delete from annotations where project_id = $1 and id = $2 returning id",
        tenant.project_id,
        annotation_id,
    )
    yield (
        "delete from annotation_revisions where project_id = $1 and annotation_id = $2",
        tenant.project_id,
        annotation_id,
    )
    return bool(rows)


def candidates(tenant: Tenant, judge_id: str, author: str, newest: int) -> Transaction[list[JudgedTrace]]:
    """Traces of the judge's newest verdicts that this author has not labelled, in no order."""
    rows = yield _CANDIDATES, tenant.project_id, judge_id, author, newest
    return [
        JudgedTrace(
            trace_id=row["trace_id"],
            trace_name=row["trace_name"],
            verdicts=row["verdicts"],
            passes=row["passes"],
            low=row["low"],
            high=row["high"],
            latest_passed=_flag(row["latest_passed"]),
            labels=row["labels"],
            label_passes=row["label_passes"],
            label_fails=row["label_fails"],
        )
        for row in rows
    ]


def not_judged(tenant: Tenant, judge_id: str, author: str, newest: int) -> Transaction[list[JudgedTrace]]:
    """Among the newest traces those that the judge has not judged, nor the author labelled, in no order."""
    rows = yield _NOT_JUDGED, tenant.project_id, judge_id, author, newest
    return [JudgedTrace(row["trace_id"], row["trace_name"], 0, 0, None, None, None, 0, 0, 0) for row in rows]


def last_verdicts(
    tenant: Tenant, judge_id: str, version: int, trace_ids: Sequence[str]
) -> Transaction[dict[str, JudgeVerdict]]:
    """The last verdict of a version on each of these traces that it has judged."""
    found: dict[str, JudgeVerdict] = {}
    for some in chunked(trace_ids, _IDS_AT_ONCE):
        rows = yield (
            "select trace_id, score, passed, verdict from trace_evaluations"
            f" where project_id = $1 and judge_id = $2 and judge_version = $3 and status = 'scored'"
            f" and trace_id in ({placeholders(len(some), 4)}) order by id",
            tenant.project_id,
            judge_id,
            version,
            *some,
        )
        for row in rows:
            said: Any = loads(row["verdict"]) or {}
            found[row["trace_id"]] = JudgeVerdict(said.get("answer"), row["score"], bool(row["passed"]))
    return found


def verdict_count(tenant: Tenant, judge_id: str, version: int) -> Transaction[int]:
    """How many traces a version has judged."""
    rows = yield (
        "select count(distinct trace_id) as n from trace_evaluations"
        " where project_id = $1 and judge_id = $2 and judge_version = $3 and status = 'scored'",
        tenant.project_id,
        judge_id,
        version,
    )
    return int(rows[0]["n"])


def _same(annotation: Annotation) -> Transaction[Annotation | None]:
    rows = yield (_FIND_SAME, *_key(annotation))
    return _annotation_of(rows[0]) if rows else None


def _key(annotation: Annotation) -> tuple[Any, ...]:
    subject = annotation.subject
    return (
        annotation.tenant.project_id,
        annotation.judge_id,
        annotation.criterion,
        subject.trace_id,
        subject.span_id,
        subject.evaluation_id,
        subject.row_number,
        annotation.author,
    )


def _content(annotation: Annotation) -> tuple[Any, ...]:
    said = annotation
    return said.answer, said.score, said.passed, said.rationale, said.weight


def _flag(value: Any) -> bool | None:
    return None if value is None else bool(value)


def _annotation_of(row: Any) -> Annotation:
    return Annotation(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        judge_id=row["judge_id"],
        judge_name=row["judge_name"],
        criterion=row["criterion"],
        subject=Subject(row["trace_id"], row["span_id"], row["evaluation_id"], row["row_number"]),
        author=row["author"],
        answer=loads(row["answer"]),
        score=row["score"],
        passed=_flag(row["passed"]),
        rationale=row["rationale"],
        weight=float(row["weight"]),
        revision=row["revision"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        changed_by=row["changed_by"],
    )
