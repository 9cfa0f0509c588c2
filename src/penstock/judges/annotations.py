"""What people say of traces, spans and rows of evaluations, and how it stands beside what judges say."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from penstock.clock import now_ms
from penstock.errors import FieldError, Invalid, NotFound
from penstock.ids import new_id
from penstock.judges.agreement_report import JudgeAgreement, Standing, agreement_of, standing_of
from penstock.judges.labelling import Candidate, Queue, next_to_label
from penstock.judges.labels import Label, free_label, judged_label
from penstock.judges.model import Judge
from penstock.judges.service import Judges
from penstock.storage import annotations as rows
from penstock.storage import evaluations, traces
from penstock.storage.annotations import Annotation, AnnotationFilter, Revision, Subject
from penstock.storage.store import Store
from penstock.traces.model import Trace
from penstock.types import Json, Tenant

MAX_RATIONALE_CHARS = 20_000
MAX_AUTHOR_CHARS = 200
MAX_CRITERION_CHARS = 120
MAX_WEIGHT = 1000.0
MAX_REVISIONS = 100
"""So many of what was said before are shown; all are kept."""
_PAGE = 500
_NEWEST = "g"
"""Behind every id."""


@dataclass(frozen=True, slots=True)
class NewAnnotation:
    """What somebody says. It needs `judge` (id or name) or `criterion`, and `trace` (with or without `span`) or
    `evaluation` with `row`, the number of a row of its results. A trace is named by its own id or by its sender's."""

    label: Json
    author: str
    judge: str | None = None
    criterion: str | None = None
    trace: str | None = None
    span: str | None = None
    evaluation: str | None = None
    row: int | None = None
    rationale: str | None = None
    weight: float = 1.0


class Annotations:
    """The annotations of every project."""

    def __init__(self, store: Store, judges: Judges) -> None:
        self._store = store
        self._judges = judges

    async def add(self, tenant: Tenant, said: NewAnnotation, said_by: str | None = None) -> tuple[Annotation, bool]:
        """Say it, and whether it is new: what the author said of the same thing and question before is replaced, and
        kept as a revision. Raises `Invalid` naming what is wrong, `NotFound` for a judge, trace, span, or row."""
        annotation = await self.prepared(tenant, said, said_by)
        kept = await self._store.write(rows.put(annotation))
        return kept, kept.id == annotation.id

    async def prepared(self, tenant: Tenant, said: NewAnnotation, said_by: str | None) -> Annotation:
        """The annotation as it would be kept, checked, and not kept. Raises as `add` does."""
        _check(said)
        judge = None if said.judge is None else await self._judges.get(tenant, said.judge)
        label = free_label(said.label) if judge is None else judged_label(said.label, judge.latest)
        subject = await self._subject(tenant, said)
        return _annotation(tenant, said, (judge, label, subject), said_by)

    async def keep(self, annotations: list[Annotation]) -> tuple[int, int]:
        """Keep what was prepared; how many are new, and how many say something else than before."""
        return await self._store.write(rows.put_all(annotations))

    async def get(self, tenant: Tenant, annotation_id: str) -> Annotation:
        """One of them. Raises `NotFound`."""
        found = await self._store.read(rows.get(tenant, annotation_id))
        if found is None:
            raise _unknown(annotation_id)
        return found

    async def history(self, annotation: Annotation) -> list[Revision]:
        """What it said before, newest first, the last hundred."""
        return await self._store.read(rows.revisions(annotation, MAX_REVISIONS))

    async def page(
        self, tenant: Tenant, wanted: AnnotationFilter, *, before_id: str | None = None, limit: int = 100
    ) -> list[Annotation]:
        """Those that are wanted, newest first."""
        return await self._store.read(rows.page(tenant, wanted, before_id or _NEWEST, limit))

    async def all(self, tenant: Tenant, wanted: AnnotationFilter) -> AsyncIterator[list[Annotation]]:
        """All that are wanted, page by page, newest first."""
        before: str | None = None
        while found := await self.page(tenant, wanted, before_id=before, limit=_PAGE):
            yield found
            before = found[-1].id

    async def wanted(
        self, tenant: Tenant, wanted: AnnotationFilter, *, judge: str | None = None, trace: str | None = None
    ) -> AnnotationFilter:
        """The filter with the ids of a judge and a trace that are named; names of judges that are gone stay as they
        are, and so find nothing but what was said of an id. Raises `NotFound` for an unknown trace."""
        chosen = wanted
        if judge is not None:
            chosen = replace(chosen, judge_id=await self._judge_id(tenant, judge))
        if trace is not None:
            chosen = replace(chosen, trace_id=(await self._trace(tenant, trace)).id)
        return chosen

    async def delete(self, tenant: Tenant, annotation_id: str) -> None:
        """Delete one with what it said before. Raises `NotFound`."""
        if not await self._store.write(rows.delete(tenant, annotation_id)):
            raise _unknown(annotation_id)

    async def queue(self, tenant: Tenant, judge: str, author: str, limit: int = 20) -> Queue:
        """What this author should label next for a judge; see `judges.labelling`. Raises `NotFound`."""
        found = await self._judges.get(tenant, judge)
        candidates: list[Candidate] = await next_to_label(self._store, found, author, limit)
        return Queue(found, author, candidates)

    async def agreement(self, tenant: Tenant, judge: str, version: int | None = None) -> JudgeAgreement:
        """How far a version of a judge, the latest by default, agrees with people. Raises `NotFound`."""
        found, chosen = await self._judges.version(tenant, judge, version)
        labels = self.all(tenant, AnnotationFilter(judge_id=found.id))
        return await agreement_of(self._store, found, chosen, labels)

    async def standing(self, tenant: Tenant, judge: str, version: int | None = None) -> Standing | None:
        """The same in brief, to be shown beside the version's scores; None where there are no labels, and for a judge
        that is gone."""
        try:
            found, chosen = await self._judges.version(tenant, judge, version)
        except NotFound:
            return None
        return await standing_of(self._store, found, chosen, self.all(tenant, AnnotationFilter(judge_id=found.id)))

    async def _judge_id(self, tenant: Tenant, judge: str) -> str:
        try:
            return (await self._judges.get(tenant, judge)).id
        except NotFound:
            return judge

    async def _trace(self, tenant: Tenant, trace: str) -> Trace:
        found = await self._store.read(traces.find(tenant, trace))
        if found is None:
            raise NotFound("trace_unknown", f"There is no trace {trace!r} in this project.")
        return found

    async def _subject(self, tenant: Tenant, said: NewAnnotation) -> Subject:
        if said.trace is None:
            return await self._row(tenant, said.evaluation or "", said.row or 0)
        trace = await self._trace(tenant, said.trace)
        if said.span is None:
            return Subject(trace.id)
        if await self._store.read(traces.span_of(trace, said.span)) is None:
            raise NotFound("span_unknown", f"Trace {said.trace!r} has no span {said.span!r}.")
        return Subject(trace.id, said.span)

    async def _row(self, tenant: Tenant, evaluation_id: str, number: int) -> Subject:
        found = await self._store.read(evaluations.get(tenant, evaluation_id))
        if found is None:
            raise NotFound("evaluation_unknown", f"There is no evaluation {evaluation_id!r} in this project.")
        count = found.shape.rows * found.shape.epochs
        if number >= count:
            raise NotFound(
                "row_unknown", f"Evaluation {evaluation_id!r} has no row {number}; it has {count:,}, from 0."
            )
        return Subject(evaluation_id=found.id, row_number=number)


def _annotation(
    tenant: Tenant, said: NewAnnotation, read: tuple[Judge | None, Label, Subject], said_by: str | None
) -> Annotation:
    judge, label, subject = read
    now = now_ms()
    return Annotation(
        id=new_id(),
        tenant=tenant,
        judge_id=judge.id if judge else "",
        judge_name=judge.latest.name if judge else "",
        criterion=said.criterion or "",
        subject=subject,
        author=said.author,
        answer=label.answer,
        score=label.score,
        passed=label.passed,
        rationale=said.rationale or None,
        weight=said.weight,
        revision=1,
        created_at=now,
        updated_at=now,
        changed_by=said_by,
    )


def _check(said: NewAnnotation) -> None:
    faults = []
    if (said.judge is None) == (said.criterion is None):
        faults.append(FieldError("judge", "name either a judge or a criterion"))
    if said.criterion is not None and not _one_line(said.criterion, MAX_CRITERION_CHARS):
        faults.append(FieldError("criterion", f"must be one line of 1 to {MAX_CRITERION_CHARS} characters"))
    if (said.trace is None) == (said.evaluation is None):
        faults.append(FieldError("trace", "name either a trace or a row of an evaluation"))
    if said.span is not None and said.trace is None:
        faults.append(FieldError("span", "belongs to a trace; name that too"))
    if (said.evaluation is None) != (said.row is None):
        faults.append(FieldError("row", "an evaluation and the number of one of its rows go together"))
    if said.row is not None and said.row < 0:
        faults.append(FieldError("row", "is counted from 0"))
    if not _one_line(said.author, MAX_AUTHOR_CHARS):
        faults.append(FieldError("author", f"must be one line of 1 to {MAX_AUTHOR_CHARS} characters"))
    if said.rationale is not None and len(said.rationale) > MAX_RATIONALE_CHARS:
        faults.append(FieldError("rationale", f"is longer than {MAX_RATIONALE_CHARS:,} characters"))
    if not (math.isfinite(said.weight) and 0 < said.weight <= MAX_WEIGHT):
        faults.append(FieldError("weight", f"must be more than 0, and at most {MAX_WEIGHT:g}"))
    if faults:
        named = "; ".join(f"{fault.path}: {fault.message}" for fault in faults)
        raise Invalid("annotation_invalid", named, errors=tuple(faults))


def _one_line(text: str, most: int) -> bool:
    return 0 < len(text) <= most and text == text.strip() and text.isprintable()


def _unknown(annotation_id: str) -> NotFound:
    return NotFound("annotation_unknown", f"There is no annotation {annotation_id!r} in this project.")
