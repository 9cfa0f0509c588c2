"""Evaluations as every face uses them: start, look, read rows, score again, delete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias
from weakref import WeakValueDictionary

import msgspec

from penstock.clock import now_ms
from penstock.errors import Conflict, FieldError, Invalid, NotFound, Unprocessable
from penstock.evaluations import results
from penstock.evaluations.benchmarks.model import RowChoice
from penstock.evaluations.definition import definition_hash, definition_of
from penstock.evaluations.estimates import Estimates
from penstock.evaluations.job import EvaluationJob, InputPages, items_of
from penstock.evaluations.model import KIND, Evaluation, EvaluationFilter
from penstock.evaluations.pinning import Pinner, variant_digest
from penstock.evaluations.requests import LIMITS, EvaluationRequest
from penstock.evaluations.rescoring import answers_of
from penstock.evaluations.results import ResultRow, RowFilter
from penstock.evaluations.scorers import load
from penstock.evaluations.scorers.specs import JUDGES, build
from penstock.evaluations.scores import Scores, read_scores
from penstock.evaluations.statistics.epochs import least_epochs
from penstock.evaluations.summary import summarise
from penstock.evaluations.targets import FLOW_PREFIX, FlowTarget, ModelTarget, Target
from penstock.executions import paths
from penstock.executions.item import StepPolicy
from penstock.executions.model import Execution, Options, RetryRequest, Status, Submission, Submitted
from penstock.executions.progress import usage_body
from penstock.executions.service import ExecutionService
from penstock.flows.service import FlowService, small_metadata
from penstock.flows.services import Services
from penstock.ids import new_id
from penstock.models.cache import ModelCache
from penstock.models.usage import Usage
from penstock.settings import Limits
from penstock.storage import evaluations as stored
from penstock.storage.store import Store, Transaction
from penstock.types import Json, JsonObject, Tenant

FRESH_SECONDS = 2.0
_MOST_FRESH = 1_000
_Moment: TypeAlias = tuple[str, int, str]
"""An evaluation's id, generation and status."""


@dataclass(frozen=True, slots=True)
class Started:
    """An accepted request: its execution, and the evaluations that it runs, in the order of the variants."""

    submitted: Submitted
    evaluations: tuple[Evaluation, ...]


@dataclass(frozen=True)
class World:
    """What evaluations are made of; passed in once at the start."""

    store: Store
    executions: ExecutionService
    services: Services
    flows: FlowService
    pinner: Pinner
    limits: Limits
    cache: ModelCache


class EvaluationService:
    """Evaluations of all tenants. Methods that take an id raise `NotFound`, also for another tenant's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store
        self._executions = world.executions
        self._fresh: dict[_Moment, tuple[float, JsonObject]] = {}
        self._adding_up: WeakValueDictionary[_Moment, asyncio.Lock] = WeakValueDictionary()

    @property
    def pinner(self) -> Pinner:
        """What looks up benchmarks, scorers, models and flows that requests name."""
        return self._world.pinner

    # Starting

    async def start(self, tenant: Tenant, request: EvaluationRequest) -> Started:
        """Check a request and submit it.

        Raises `NotFound` for what it names and is not there, `Invalid` naming each field that is wrong, and what
        `ExecutionService.submit` raises.
        """
        _check(request)
        chosen = await self._world.pinner.benchmark(tenant, request)
        spec = await self._world.pinner.spec(tenant, request, chosen)
        most = None
        if await self._executions.limited(tenant):
            estimates = Estimates(self._world.pinner, self._world.services.models)
            most = await estimates.worst_case(tenant, request, chosen, spec)
        return await self._submit(tenant, request, spec, None if most is None else most.amounts.ecu_micros)

    async def _submit(
        self, tenant: Tenant, request: EvaluationRequest, spec: dict[str, Json], most_ecu_micros: int | None = None
    ) -> Started:
        limits = self._world.limits
        concurrency = request.concurrency or limits.default_concurrency
        limits.check_concurrency(concurrency)
        benchmark: Any = spec["benchmark"]
        prepared = _evaluations(tenant, request, spec)

        def alongside(execution_id: str) -> Transaction[None]:
            for evaluation in prepared:
                yield from stored.insert(replace(evaluation, execution_id=execution_id))

        submission = Submission(
            tenant=tenant,
            kind=KIND,
            subject_id=benchmark["id"],
            subject_name=benchmark["key"],
            subject_version=benchmark["version"],
            lane="batch",
            spec=spec,
            options=Options(
                concurrency=concurrency, on_item_error=request.on_item_error or "continue", budget=request.budget
            ),
            deadline_ms=limits.deadline_ms(request.deadline_seconds),
            total_items=prepared[0].shape.items,
            metadata=small_metadata(request.metadata),
            webhook_url=request.webhook_url,
            idempotency_key=request.idempotency_key,
            request_hash=request.request_hash,
            created_by=request.created_by,
            alongside=alongside,
            most_ecu_micros=most_ecu_micros or None,
        )
        submitted = await self._executions.submit(submission)
        return Started(submitted, tuple(await self.of_execution(tenant, submitted.execution.id)))

    async def rescore(
        self, tenant: Tenant, evaluation_id: str, scorers: Sequence[Json], request: EvaluationRequest | None = None
    ) -> Started:
        """Score the answers of an evaluation with other scorers, as a new evaluation; no answer is asked for again.

        Raises `Invalid` for the scorers, `Conflict` while the evaluation is not over or when it has no answers.
        """
        source = await self.get(tenant, evaluation_id)
        if not Status(source.status).terminal:
            raise Conflict("evaluation_not_over", f"The evaluation is {source.status}; score it again when it is over.")
        if not (await read_scores(self._store, source)).answered:
            raise Conflict("nothing_to_score", "The evaluation has no answers to score.")
        pinned = await self.pinner.pinned_scorers(tenant, scorers)
        spec: dict[str, Json] = {
            **source.spec,
            "scorers": pinned,
            "variants": [source.settings],
            "source": {"evaluation": source.id, "execution": source.execution_id, "variant": source.variant},
        }
        again = request or EvaluationRequest(source.benchmark_key, ())
        return await self._submit(tenant, replace(again, name=again.name or f"{source.name}, scored again"), spec)

    async def retry(self, tenant: Tenant, evaluation_id: str, what: Literal["failed", "scores"]) -> Execution:
        """Run again, inside the same execution: rows that failed, or rows with a score that went wrong.

        No answer that is there is asked for again. Raises `Conflict` when it is not over or there is nothing to do, and
        what `open_job` raises: what cannot go on any more keeps what it has.
        """
        evaluation = await self.get(tenant, evaluation_id)
        await self.open_job(await self._executions.get(tenant, evaluation.execution_id))
        if what == "failed":
            return await self._executions.retry(tenant, evaluation.execution_id, RetryRequest())
        wrong: list[str] = []
        async for rows in results.every(self._store, evaluation):
            wrong += [
                paths.shown(_path(evaluation, row.number))
                for row in rows
                if any(score["status"] == "error" for score in row.scores.values())
            ]
        if not wrong:
            raise Conflict("nothing_to_retry", "No score of this evaluation went wrong; there is nothing to run again.")
        return await self._executions.retry(tenant, evaluation.execution_id, RetryRequest(items=tuple(wrong)))

    # Looking

    async def get(self, tenant: Tenant, evaluation_id: str) -> Evaluation:
        found = await self._store.read(stored.get(tenant, evaluation_id))
        if found is None:
            raise NotFound("evaluation_unknown", f"There is no evaluation {evaluation_id!r} in this project.")
        return found

    async def of_execution(self, tenant: Tenant, execution_id: str) -> list[Evaluation]:
        """The evaluations that an execution runs, in the order of its variants; none for one of another kind."""
        return await self._store.read(stored.of_execution(tenant, execution_id))

    async def warnings(self, tenant: Tenant, evaluations: Sequence[Evaluation]) -> list[str]:
        """What whoever starts these should know: that a model or the benchmark is being withdrawn."""
        said: dict[str, None] = {}
        if evaluations[0].spec.get("source"):
            return []
        for evaluation in evaluations:
            if evaluation.target_kind == "model":
                said |= dict.fromkeys(await self.pinner.catalog.warnings(tenant, evaluation.target))
        benchmark = await self.pinner.benchmarks.get(tenant, evaluations[0].benchmark_id)
        if benchmark.deprecated:
            said[f"Benchmark {benchmark.key!r} is deprecated."] = None
        return list(said)

    async def page(
        self, tenant: Tenant, wanted: EvaluationFilter, offset: int, limit: int
    ) -> tuple[list[Evaluation], int]:
        """Some of the evaluations that are wanted, and how many there are."""
        return await self._store.read(stored.page(tenant, wanted, offset, limit))

    async def metrics(self, evaluation: Evaluation) -> JsonObject:
        """What its rows add up to (see `summary.summarise`): kept once it is over, up to two seconds old before."""
        if evaluation.metrics is not None:
            return evaluation.metrics
        key = evaluation.id, evaluation.generation, evaluation.status
        # Whoever asks meanwhile waits for these numbers, instead of adding them up once more beside it.
        async with self._adding_up.setdefault(key, asyncio.Lock()):
            until, made = self._fresh.get(key, (0.0, {}))
            started = time.monotonic()
            if started < until:
                return made
            made = await self._added_up(evaluation)
            if Status(evaluation.status).terminal:
                await self._keep(evaluation, made)
            if len(self._fresh) >= _MOST_FRESH:
                self._fresh.clear()
            now = time.monotonic()
            self._fresh[key] = (now + max(FRESH_SECONDS, 10 * (now - started)), made)
            return made

    async def _added_up(self, evaluation: Evaluation) -> JsonObject:
        scores = await read_scores(self._store, evaluation)
        used = await self._store.read(stored.usage(evaluation))
        usage = Usage(*(int(used[column] or 0) for column in results.USAGE_COLUMNS))
        spec: Any = evaluation.spec
        return await asyncio.to_thread(summarise, scores, spec["reducer"], usage_body(usage))

    async def _keep(self, evaluation: Evaluation, metrics: JsonObject) -> None:
        made: Any = metrics
        primary = made["scores"][evaluation.scorers[0]]["mean"]
        await self._store.write(stored.keep_metrics(evaluation, metrics, primary))

    async def scores(self, tenant: Tenant, evaluation_id: str) -> tuple[Evaluation, Scores]:
        """An evaluation and every score that is recorded of it."""
        evaluation = await self.get(tenant, evaluation_id)
        return evaluation, await read_scores(self._store, evaluation)

    async def rows(
        self, tenant: Tenant, evaluation_id: str, wanted: RowFilter, after: int, limit: int
    ) -> tuple[Evaluation, list[ResultRow], int | None]:
        """A page of rows behind a number (see `results.page`); readable while it runs."""
        evaluation = await self.get(tenant, evaluation_id)
        found, following = await results.page(self._store, evaluation, wanted, after, limit)
        return evaluation, found, following

    def every_row(self, evaluation: Evaluation) -> AsyncIterator[list[ResultRow]]:
        """All rows, page by page."""
        return results.every(self._store, evaluation)

    async def delete(self, tenant: Tenant, evaluation_id: str) -> None:
        """Remove it; its execution goes with the last evaluation of it.

        Raises `Conflict` while it is not over, or while its answers are being scored again.
        """
        evaluation = await self.get(tenant, evaluation_id)
        if not Status(evaluation.status).terminal:
            raise Conflict("execution_not_over", "Cancel the evaluation before deleting it.")
        if await self._store.read(stored.being_rescored(tenant, evaluation_id)):
            detail = "Its answers are being scored again; delete it when that is over."
            raise Conflict("evaluation_in_use", detail)
        if not await self._store.write(stored.delete_beside_others(evaluation)):
            await self._executions.delete(tenant, evaluation.execution_id)
            await self._store.write(stored.delete(tenant, evaluation_id))

    # Running

    async def open_job(self, execution: Execution) -> EvaluationJob:
        """The job of a stored execution.

        Raises `Unprocessable` when what it names is no longer what was submitted: an evaluation whose first half was
        asked of something else than its second is worth nothing.
        """
        spec: Any = execution.spec
        evaluations = await self.of_execution(execution.tenant, execution.id)
        await load()
        scorers = build(spec["scorers"])
        recorded = any(scorer.recorded for scorer in scorers)
        for judge in (judge for scorer in spec["scorers"] for judge in scorer.get(JUDGES, ())):
            await self.pinner.check_unchanged(execution.tenant, judge)
        variants = () if spec.get("source") else spec["variants"]
        return EvaluationJob(
            execution=execution,
            inputs=await self._inputs(execution, evaluations[0]),
            targets=[await self._target(execution, variant, recorded) for variant in variants],
            scorers=scorers,
            services=self._world.services,
            finished=self._finished,
        )

    async def _finished(self, execution: Execution) -> None:
        for evaluation in await self.of_execution(execution.tenant, execution.id):
            await self._keep(evaluation, await self._added_up(evaluation))

    async def _target(self, execution: Execution, variant: Any, scored_by_steps: bool) -> Target:
        target = variant["target"]
        if target["kind"] == "flow":
            return FlowTarget(await self._world.flows.walker_of(execution, target, FLOW_PREFIX), variant["inputs"])
        await self.pinner.check_unchanged(execution.tenant, target)
        spec: Any = execution.spec
        return ModelTarget(
            tenant=execution.tenant,
            services=self._world.services,
            model=target["model"],
            messages=None if variant["messages"] is None else tuple(variant["messages"]),
            params=variant["params"],
            # Answers are on disk before a scorer that costs anything sees them; the others' scores go with them.
            policy=StepPolicy(effectful=scored_by_steps),
            digest=variant_digest(variant),
            cache=self._world.cache if spec["cache"] else None,
        )

    async def _inputs(self, execution: Execution, evaluation: Evaluation) -> InputPages:
        spec: Any = execution.spec
        source = spec.get("source")
        if source is not None:
            answered = await self.get(execution.tenant, source["evaluation"])
            return lambda: answers_of(self._store, answered)
        pinned = spec["benchmark"]
        benchmarks = self._world.pinner.benchmarks
        benchmark = await benchmarks.get(execution.tenant, pinned["id"])
        version = await benchmarks.version(benchmark, pinned["version"])
        if version.content_hash != pinned["contentHash"]:
            raise Unprocessable(
                "definition_changed", f"The rows of benchmark {pinned['key']!r} are no longer the same."
            )
        choice = msgspec.convert(spec["choice"], RowChoice)
        return lambda: items_of(benchmarks.rows(benchmark, version, choice), evaluation.shape)


def _path(evaluation: Evaluation, number: int) -> str:
    shape = evaluation.shape
    return paths.top(shape.ordinal(number // shape.epochs, evaluation.variant, number % shape.epochs))


def _evaluations(tenant: Tenant, request: EvaluationRequest, spec: JsonObject) -> list[Evaluation]:
    """The evaluations of a spec, one for each variant; their execution is not there yet."""
    variants: Any = spec["variants"]
    benchmark: Any = spec["benchmark"]
    made: list[Evaluation] = []
    for number, variant in enumerate(variants):
        target = variant["target"]
        named = request.name or f"{target.get('model') or target.get('name')} on {benchmark['key']}"
        evaluation = Evaluation(
            id=new_id(),
            tenant=tenant,
            execution_id="",
            execution_no=0,
            variant=number,
            name=named if len(variants) == 1 else f"{named}: {variant['name']}",
            target_kind=target["kind"],
            target=target["model"] if target["kind"] == "model" else target["flow"],
            benchmark_id=benchmark["id"],
            benchmark_key=benchmark["key"],
            benchmark_version=benchmark["version"],
            definition_hash=definition_hash(definition_of(spec, number)),
            tags=request.tags,
            spec=spec,
            status=Status.PENDING,
            generation=0,
            created_at=now_ms(),
            started_at=None,
            finished_at=None,
            error=None,
            metrics=None,
            primary_mean=None,
            latency_mean_ms=None,
        )
        made.append(evaluation)
    return made


def _check(request: EvaluationRequest) -> None:
    """Raises `Invalid` for numbers out of their range, and for a reducer that is none."""
    given = {"variants": len(request.variants), "epochs": request.epochs, "tags": len(request.tags)}
    for field, most in LIMITS.items():
        least = 0 if field == "tags" else 1
        if not least <= given[field] <= most:
            message = f"{given[field]} is out of range: {least} to {most}"
            raise Invalid("evaluation_invalid", f"{field}: {message}", errors=(FieldError(field, message),))
    try:
        least = least_epochs(request.reducer)
    except ValueError as error:
        raise Invalid("reducer_unknown", str(error), errors=(FieldError("reducer", str(error)),)) from error
    if request.epochs < least:
        message = f"{request.reducer} needs at least {least} epochs"
        raise Invalid("evaluation_invalid", f"epochs: {message}", errors=(FieldError("epochs", message),))
