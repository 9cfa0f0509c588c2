"""Drafts of benchmarks: begun from documents, written by a model, reviewed by people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from penstock.datasets.model import SourceRow
from penstock.errors import Conflict, FieldError, Invalid, StepError
from penstock.evaluations.benchmarks import importing
from penstock.evaluations.benchmarks.checking import CheckedRows
from penstock.evaluations.benchmarks.importing import BenchmarkReport
from penstock.evaluations.benchmarks.model import Benchmark, BenchmarkRow, Details, RowChoice
from penstock.evaluations.benchmarks.service import BenchmarkService, check_key, check_templates
from penstock.evaluations.benchmarks.smart.documents import Document, Passage, passages_of
from penstock.evaluations.benchmarks.smart.job import KIND, MAX_QUESTIONS_PER_PASSAGE, DraftJob
from penstock.executions.model import Execution, Options, Submission, Submitted
from penstock.executions.service import ExecutionService
from penstock.flows.services import Services
from penstock.settings import Limits
from penstock.storage import benchmarks
from penstock.storage.store import Store
from penstock.types import Json, Tenant

MAX_QUESTIONS = 4_000
DEFAULT_QUESTIONS = 50
_CONCURRENCY = 8
_SCORERS: tuple[Json, ...] = ({"type": "contains", "ignoreCase": True},)
_EDITABLE = ("input", "truth", "subset", "context")


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """What to draft. `instructions` are the caller's own words to the model; `model` is the default one by default."""

    key: str
    details: Details
    documents: tuple[Document, ...]
    questions: int = DEFAULT_QUESTIONS
    instructions: str = ""
    model: str | None = None
    webhook_url: str | None = None
    idempotency_key: str | None = None
    request_hash: str = ""
    created_by: str | None = None


class Drafts:
    """Benchmarks of kind `smart`: there from the beginning, as a draft without rows until the model is done."""

    def __init__(
        self,
        store: Store,
        executions: ExecutionService,
        services: Services,
        library: BenchmarkService,
        limits: Limits,
    ) -> None:
        self._store = store
        self._executions = executions
        self._services = services
        self._library = library
        self._limits = limits

    async def start(self, tenant: Tenant, request: DraftRequest) -> Submitted:
        """Accept a draft; the execution's `subject_id` is the benchmark's id.

        Raises `Invalid` naming each document that cannot be read, or a model that cannot be called, `Conflict`
        (`benchmark_exists`) when the key is taken.
        """
        check_key(request.key)
        check_templates(request.details)
        if not 1 <= request.questions <= MAX_QUESTIONS:
            detail = f"Ask for 1 to {MAX_QUESTIONS:,} questions."
            raise Invalid("questions_invalid", detail, errors=(FieldError("questions", detail),))
        passages = await passages_of(list(request.documents))
        model = await self._model(tenant, request.model)
        details = replace(request.details, scorers=request.details.scorers or _SCORERS)
        made = {"model": model, "documents": [document.name for document in request.documents]}
        blank = importing.blank(tenant, request.key, "smart", details, made)
        blank = replace(blank, latest=replace(blank.latest, state="draft"))
        return await self._executions.submit(self._submission(request, blank, passages, model))

    def _submission(
        self, request: DraftRequest, blank: Benchmark, passages: Sequence[Passage], model: str
    ) -> Submission:
        per_passage = min(MAX_QUESTIONS_PER_PASSAGE, math.ceil(request.questions / len(passages)))
        spec: dict[str, Json] = {
            "model": model,
            "instructions": request.instructions,
            "questions": request.questions,
            "questionsPerPassage": per_passage,
            "passages": [msgspec.to_builtins(passage) for passage in passages],
        }
        return Submission(
            tenant=blank.tenant,
            kind=KIND,
            subject_id=blank.id,
            subject_name=blank.key,
            subject_version=None,
            lane="batch",
            spec=spec,
            options=Options(concurrency=min(_CONCURRENCY, self._limits.max_concurrency)),
            deadline_ms=self._limits.deadline_ms(None),
            total_items=len(passages),
            webhook_url=request.webhook_url,
            idempotency_key=request.idempotency_key,
            request_hash=request.request_hash,
            created_by=request.created_by,
            alongside=lambda _: benchmarks.insert(blank),
        )

    async def _model(self, tenant: Tenant, wanted: str | None) -> str:
        catalog = self._services.models.catalog
        model = wanted or catalog.default_model()
        try:
            await catalog.resolve(tenant, model)
        except StepError as error:
            raise Invalid(error.code, error.message, errors=(FieldError("model", error.message),)) from None
        return model

    # Running

    async def open_job(self, execution: Execution) -> DraftJob:
        """The job of a stored execution."""
        return DraftJob(execution, self._store, self._services, self._finished)

    async def _finished(self, execution: Execution, rows: list[BenchmarkRow]) -> None:
        """Write what was drafted. Again, after a crash, it is the same rows, so no second version."""
        benchmark = await self._library.get(execution.tenant, execution.subject_id)
        wanted: Any = execution.spec["questions"]
        # When it is run again after its review, nobody's benchmark becomes a draft once more.
        if rows and benchmark.latest.state == "draft":
            drafted = _checked(rows[:wanted])
            await importing.add_version(self._store, benchmark, drafted, "refuse", state="draft")

    # Reviewing

    async def review(
        self,
        tenant: Tenant,
        id_or_key: str,
        accepted: Sequence[str] | Literal["all"],
        edits: Mapping[str, Mapping[str, Json]],
    ) -> BenchmarkReport:
        """Make a version of the rows that were accepted, with what was edited; evaluations can then run on it.

        Raises `Conflict` when the latest version is no draft, or has no rows yet, `Invalid` naming ids that no row has.
        """
        benchmark = await self._library.get(tenant, id_or_key)
        draft = benchmark.latest
        if draft.state != "draft" or not draft.row_count:
            detail = f"Benchmark {benchmark.key!r} has no draft to be reviewed: it is ready, or still being written."
            raise Conflict("benchmark_not_draft", detail)
        rows = [row async for page in self._library.rows(benchmark, draft, RowChoice()) for row in page]
        _check_ids(rows, accepted, edits)
        kept = rows if accepted == "all" else [row for row in rows if row.id in frozenset(accepted)]
        changed = [_edited(row, edits.get(row.id, {})) for row in kept]
        return await importing.add_version(self._store, benchmark, _checked(changed), "refuse")


def _edited(row: BenchmarkRow, edit: Mapping[str, Json]) -> BenchmarkRow:
    changes: Any = dict(edit)
    return msgspec.structs.replace(row, **changes)


def _check_ids(
    rows: Sequence[BenchmarkRow], accepted: Sequence[str] | Literal["all"], edits: Mapping[str, Mapping[str, Json]]
) -> None:
    known = {row.id for row in rows}
    faults = [
        FieldError(f"accept[{n}]", f"The draft has no row {row_id!r}.")
        for n, row_id in enumerate(() if accepted == "all" else accepted)
        if row_id not in known
    ]
    for row_id, edit in edits.items():
        if row_id not in known:
            faults.append(FieldError(f"edits.{row_id}", "The draft has no such row."))
        faults += [
            FieldError(f"edits.{row_id}.{name}", f"Only {', '.join(_EDITABLE)} can be edited.")
            for name in edit
            if name not in _EDITABLE
        ]
    if faults:
        raise Invalid("review_invalid", faults[0].message, errors=tuple(faults[:100]))


def _checked(rows: Sequence[BenchmarkRow]) -> CheckedRows:
    source = (SourceRow(line, msgspec.to_builtins(row)) for line, row in enumerate(rows, 1))
    return CheckedRows(source, lambda members: members)
