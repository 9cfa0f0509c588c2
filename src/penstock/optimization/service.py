"""Optimizations as every face uses them: estimate, start, look, apply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from penstock.accounts.project_settings import ProjectSettings
from penstock.clock import now_ms
from penstock.errors import Conflict, FieldError, Invalid, NotFound, StepError
from penstock.executions.model import Execution, Options, Status, Submission
from penstock.executions.service import ExecutionService
from penstock.flows.service import small_metadata
from penstock.models.gateway import Gateway
from penstock.models.most import Most
from penstock.optimization.estimates import Work, most_cost
from penstock.optimization.job import ItemInput, OptimizationJob
from penstock.optimization.model import (
    BUDGETS,
    KIND,
    MAX_METRIC_CALLS,
    MIN_EXAMPLES,
    Applied,
    BudgetName,
    Candidate,
    JudgeSubject,
    Optimization,
    OptimizationEstimate,
    OptimizationFilter,
    OptimizationRequest,
    Plan,
    PromptSubject,
    Started,
    Subject,
)
from penstock.optimization.splitting import Split, least_budget, most_reflections, split
from penstock.optimization.targets import Pinned, TargetKind
from penstock.settings import Limits
from penstock.storage import optimizations as rows
from penstock.storage.optimizations import NewOptimization
from penstock.storage.store import Store, Transaction
from penstock.types import Json, Tenant


@dataclass(frozen=True)
class World:
    """What optimizations are made of; passed in once at the start. `kinds` by their names."""

    store: Store
    executions: ExecutionService
    models: Gateway
    kinds: Mapping[str, TargetKind]
    limits: Limits


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A request with everything looked up."""

    pinned: Pinned
    plan: Plan
    estimate: OptimizationEstimate


class Optimizations:
    """Optimizations of all tenants. Methods that take an id raise `NotFound`, also for another tenant's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store
        self._settings = ProjectSettings(world.store)

    # Starting

    async def estimate(self, tenant: Tenant, request: OptimizationRequest) -> OptimizationEstimate:
        """What a request would take at most; nothing is started, and no model asked. Raises as `start` does."""
        return (await self._prepare(tenant, request)).estimate

    async def start(self, tenant: Tenant, request: OptimizationRequest) -> Started:
        """Check a request and submit it.

        Raises `NotFound` for a subject that is not there, `Forbidden` for one that cannot be changed, `Invalid` naming
        what is wrong (too few labels or all of one class, a budget smaller than one pass), and what
        `ExecutionService.submit` raises.
        """
        prepared = await self._prepare(tenant, request)
        plan, limits = prepared.plan, self._world.limits
        concurrency = request.concurrency or limits.default_concurrency
        limits.check_concurrency(concurrency)
        made = NewOptimization(tenant, plan, now_ms(), request.created_by)
        given: Json = msgspec.to_builtins(ItemInput(tuple(prepared.pinned.examples)))

        def alongside(execution_id: str) -> Transaction[None]:
            yield from rows.insert(execution_id, made)

        submitted = await self._world.executions.submit(
            Submission(
                tenant=tenant,
                kind=KIND,
                subject_id=plan.subject_id,
                subject_name=plan.subject_name,
                subject_version=plan.subject_version,
                lane="batch",
                spec=msgspec.to_builtins(plan),
                options=Options(concurrency=concurrency, on_item_error="failFast", budget=request.money),
                deadline_ms=limits.deadline_ms(request.deadline_seconds),
                inputs=[given],
                total_items=1,
                metadata=small_metadata(request.metadata),
                webhook_url=request.webhook_url,
                idempotency_key=request.idempotency_key,
                request_hash=request.request_hash,
                created_by=request.created_by,
                alongside=alongside,
                most_ecu_micros=plan.estimated.ecu_micros,
            )
        )
        return Started(submitted)

    async def _prepare(self, tenant: Tenant, request: OptimizationRequest) -> _Prepared:
        budget, metric_calls = _metric_calls(request.budget)
        kind = self._world.kinds[_kind_of(request.subject)]
        pinned = await kind.pin(tenant, request.subject)
        _check_examples(pinned)
        _check_budget(metric_calls, len(pinned.examples))
        divided = split(pinned.examples, metric_calls, request.seed)
        target = kind.open(tenant, pinned.snapshot)
        model = await self._reflection_model(tenant, request.reflection_model)
        work = Work(metric_calls, most_reflections(divided.parts, metric_calls), model)
        most = await most_cost(self._world.models, tenant, target, pinned.examples, work)
        plan = Plan(
            target_kind=kind.name,
            subject_id=pinned.subject_id,
            subject_name=pinned.subject_name,
            subject_version=pinned.subject_version,
            snapshot=dict(pinned.snapshot),
            instruction=target.instruction,
            budget=budget,
            metric_calls=metric_calls,
            reflection_model=model,
            seed=request.seed,
            annotations=pinned.annotations,
            parts=divided.parts,
            estimated=most.amounts,
            left_out=pinned.left_out,
            notes=(*pinned.notes, *_notes(divided)),
        )
        return _Prepared(pinned, plan, _estimate(plan, work, most))

    async def _reflection_model(self, tenant: Tenant, wanted: str | None) -> str:
        catalog = self._world.models.catalog
        model = wanted or (await self._settings.of(tenant)).default_reflection_model or catalog.default_model()
        try:
            await catalog.resolve(tenant, model)
        except StepError as error:
            raise _invalid(error.code, "reflectionModel", error.message) from error
        return model

    # Looking

    async def get(self, tenant: Tenant, optimization_id: str) -> Optimization:
        """One of them."""
        found = await self._store.read(rows.get(tenant, optimization_id))
        if found is None:
            raise NotFound("optimization_unknown", f"There is no optimization {optimization_id!r} in this project.")
        return found

    async def page(
        self, tenant: Tenant, wanted: OptimizationFilter, before: str | None, limit: int
    ) -> list[Optimization]:
        """The newest first, behind an id."""
        return await self._store.read(rows.page(tenant, wanted, before, limit))

    async def numbered(
        self, tenant: Tenant, wanted: OptimizationFilter, offset: int, limit: int
    ) -> tuple[list[Optimization], int]:
        """Some by their places in the list, and how many there are: for callers with numbers of pages."""
        return await self._store.read(rows.numbered(tenant, wanted, offset, limit))

    async def candidates(self, tenant: Tenant, optimization_id: str) -> list[Candidate]:
        """What was tried so far, in order."""
        await self.get(tenant, optimization_id)
        return await self._store.read(rows.candidates(tenant, optimization_id))

    # Applying

    async def apply(
        self, tenant: Tenant, optimization_id: str, *, force: bool = False, by: str | None = None
    ) -> Applied:
        """Make a new version of the subject with the optimized instruction; again it gives the same answer.

        Raises `Conflict` when it has not succeeded, when nothing better was found, and when the subject has changed
        since; `force` overrides the last two. Raises what the subject's kind does.
        """
        found = await self.get(tenant, optimization_id)
        subject_id = found.plan.subject_id
        if found.applied_version is not None:
            return Applied(subject_id, found.applied_version, again=True)
        try:
            return Applied(subject_id, await self._apply(found, force=force, by=by))
        except Conflict:
            # Somebody else may have applied it meanwhile.
            found = await self.get(tenant, optimization_id)
            if found.applied_version is None:
                raise
            return Applied(subject_id, found.applied_version, again=True)

    async def _apply(self, found: Optimization, *, force: bool, by: str | None) -> int:
        plan, report, tenant = found.plan, found.report, found.tenant
        if found.execution.status != Status.COMPLETED or report is None:
            detail = f"The optimization is {found.execution.status.value}; only one that is completed can be applied."
            raise Conflict("optimization_not_completed", detail)
        if report.best == 0 or (report.outcome == "kept" and not force):
            hint = "" if report.best == 0 else " To apply the best one found nevertheless, say `force`."
            raise Conflict("nothing_better", report.summary + hint)
        kind = self._world.kinds[plan.target_kind]
        write = await kind.apply(tenant, plan.snapshot, report.optimized, force=force, by=by)

        def apply() -> Transaction[int]:
            if (yield from rows.is_applied(tenant, found.id)):
                raise Conflict("applied_already", "It has been applied just now.")
            version = yield from write
            yield from rows.mark_applied(tenant, found.id, version, now_ms())
            return version

        return await self._store.write(apply())

    # Running

    async def open_job(self, execution: Execution) -> OptimizationJob:
        """The job of a stored execution."""
        plan = msgspec.convert(execution.spec, Plan)
        target = self._world.kinds[plan.target_kind].open(execution.tenant, plan.snapshot)
        return OptimizationJob(execution, plan, target, self._store, self._world.models)


def _kind_of(subject: Subject) -> str:
    match subject:
        case JudgeSubject():
            return "judge"
        case PromptSubject():
            return "prompt"


def _metric_calls(budget: BudgetName | int) -> tuple[BudgetName | None, int]:
    """The name of a budget, where it has one, and its number. Raises `Invalid`."""
    if not isinstance(budget, int):
        if budget not in BUDGETS:
            raise _invalid("budget_unknown", "budget", f"{budget!r} is none of {', '.join(BUDGETS)}, and no number")
        return budget, BUDGETS[budget]
    if not 1 <= budget <= MAX_METRIC_CALLS:
        raise _invalid("budget_invalid", "budget", f"must be a number of metric calls from 1 to {MAX_METRIC_CALLS:,}")
    return None, budget


def _check_examples(pinned: Pinned) -> None:
    """Raises `Invalid` when there are too few, or all of one class."""
    count = len(pinned.examples)
    if count < MIN_EXAMPLES:
        left_out = ", ".join(f"{number} {why.replace('_', ' ')}" for why, number in pinned.left_out.items())
        message = (
            f"an optimization needs at least {MIN_EXAMPLES} labelled examples; {pinned.subject_name!r} has {count},"
            f" so {MIN_EXAMPLES - count} are missing" + (f" (left out: {left_out})" if left_out else "")
        )
        raise _invalid("too_few_annotations", "subject", message)
    classes = Counter(example.truth for example in pinned.examples)
    if len(classes) == 1:
        message = (
            f"all {count} labels of {pinned.subject_name!r} say {next(iter(classes))!r}; agreement beyond chance needs "
            "labels that say something else too"
        )
        raise _invalid("one_class_only", "subject", message)


def _check_budget(metric_calls: int, examples: int) -> None:
    """Raises `Invalid` for less than one pass."""
    needed = least_budget(examples)
    if metric_calls < needed:
        message = f"{metric_calls:,} metric calls are less than one pass over these examples, which takes {needed:,}"
        raise _invalid("budget_too_small", "budget", message)


def _estimate(plan: Plan, work: Work, most: Most) -> OptimizationEstimate:
    return OptimizationEstimate(
        budget=plan.budget,
        metric_calls=plan.metric_calls,
        needed_calls=least_budget(plan.parts.train + plan.parts.validation + plan.parts.test),
        reflection_calls=work.reflections,
        annotations=plan.annotations,
        parts=plan.parts,
        most=most,
        left_out=plan.left_out,
        notes=plan.notes,
    )


def _notes(divided: Split) -> list[str]:
    """What the test part will not bear."""
    classes = Counter(one.truth for part in (divided.train, divided.validation, divided.test) for one in part)
    seen = {one.truth for one in divided.test}
    missing = sorted(set(classes) - seen) if len(classes) <= len(divided.test) else []
    return [f"No test example is {name!r}: there are only {classes[name]} in all." for name in missing]


def _invalid(code: str, field: str, message: str) -> Invalid:
    return Invalid(code, f"{field}: {message}.", errors=(FieldError(field, message),))
