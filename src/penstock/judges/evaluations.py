"""Trace evaluations as every face uses them: start, look, add up, estimate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.errors import FieldError, Invalid, NotFound
from penstock.executions.model import Execution, Options, Submission, Submitted
from penstock.executions.service import ExecutionService
from penstock.flows.service import small_metadata
from penstock.ids import new_id
from penstock.judges.choosing import Chosen, chosen_traces
from penstock.judges.estimates import TraceEstimates
from penstock.judges.job import ItemInput, TraceEvaluationJob
from penstock.judges.model import KIND, TraceEvaluation, TraceEvaluationFilter, version_of
from penstock.judges.requests import MAX_JUDGES, Threshold, TraceEvaluationRequest
from penstock.judges.service import Judges
from penstock.judges.summary import summaries
from penstock.models.gateway import Gateway
from penstock.models.most import Most
from penstock.settings import Limits
from penstock.storage import judges as judge_rows
from penstock.storage import trace_evaluations as rows
from penstock.storage.store import Store, Transaction
from penstock.storage.trace_evaluations import Wanted
from penstock.traces.reading import TraceReader
from penstock.types import Json, JsonObject, Tenant
from penstock.webhooks.announcing import tell
from penstock.webhooks.payloads import THRESHOLD

SHOWN_IDS = 1_000


@dataclass(frozen=True, slots=True)
class Started:
    """An accepted request: its execution, and the first thousand verdicts that it is to bring, by trace, then judge."""

    submitted: Submitted
    evaluation_ids: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """What trace evaluations are made of; passed in once at the start."""

    store: Store
    executions: ExecutionService
    judges: Judges
    traces: TraceReader
    models: Gateway
    limits: Limits


class TraceEvaluations:
    """Trace evaluations of all tenants. Methods that take an id raise `NotFound`, also for another tenant's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store

    # Starting

    async def start(self, tenant: Tenant, request: TraceEvaluationRequest) -> Started:
        """Check a request and submit it.

        Raises `NotFound` for a judge or trace that is not there, `Invalid` naming each field that is wrong, `TooLarge`
        for more than one execution may judge, and what `ExecutionService.submit` raises.
        """
        submitted = await self._world.executions.submit(await self.submission(tenant, request))
        ids = await self._store.read(rows.ids_of_execution(tenant, submitted.execution.id, SHOWN_IDS))
        return Started(submitted, tuple(ids))

    async def submission(
        self, tenant: Tenant, request: TraceEvaluationRequest, traces: Sequence[Chosen] | None = None
    ) -> Submission:
        """The same, ready to be submitted; nothing has started yet. `traces` stand in for those of the request."""
        pinned = await self.pin(tenant, request)
        if traces is None:
            traces = await chosen_traces(self._store, self._world.traces, tenant, request)
        limits = self._world.limits
        concurrency = request.concurrency or limits.default_concurrency
        limits.check_concurrency(concurrency)
        wanted = _wanted(pinned, traces)
        most: list[Most] = []
        if traces and await self._world.executions.limited(tenant):
            estimates = TraceEstimates(self._store, self._world.traces, self._world.models)
            most = await estimates.worst_cases(tenant, traces, pinned)
        spec: dict[str, Json] = {
            "judges": pinned,
            "traces": len(traces),
            "thresholds": _thresholds(pinned, request.thresholds),
        }

        def alongside(execution_id: str) -> Transaction[None]:
            yield from rows.insert(tenant, execution_id, wanted, now_ms())
            for judge in pinned:
                yield from judge_rows.count_runs(tenant, str(judge["id"]), len(traces))

        return Submission(
            tenant=tenant,
            kind=KIND,
            subject_id=str(pinned[0]["id"]),
            subject_name=", ".join(str(judge["name"]) for judge in pinned)[:200],
            subject_version=None if len(pinned) > 1 else version_of(pinned[0]).version,
            lane="batch",
            spec=spec,
            options=Options(
                concurrency=concurrency, on_item_error=request.on_item_error or "continue", budget=request.budget
            ),
            deadline_ms=limits.deadline_ms(request.deadline_seconds),
            inputs=[msgspec.to_builtins(ItemInput(one.id, one.trace_id, one.place)) for one in wanted],
            total_items=len(wanted),
            metadata=small_metadata(request.metadata),
            webhook_url=request.webhook_url,
            idempotency_key=request.idempotency_key,
            request_hash=request.request_hash,
            created_by=request.created_by,
            alongside=alongside,
            most_ecu_micros=sum(one.amounts.ecu_micros for one in most) or None,
        )

    async def pin(self, tenant: Tenant, request: TraceEvaluationRequest) -> list[JsonObject]:
        """The judges of a request as they are now. Raises `NotFound` and `Invalid`."""
        if not 1 <= len(request.judges) <= MAX_JUDGES:
            raise _invalid("judges", f"name 1 to {MAX_JUDGES} judges")
        pinned: list[JsonObject] = []
        for number, ref in enumerate(request.judges):
            made = await self._world.judges.pin(tenant, ref.judge, ref.version, f"judges[{number}]")
            if any((made["id"], made["version"]) == (one["id"], one["version"]) for one in pinned):
                raise _invalid(f"judges[{number}]", f"judge {made['name']!r} is named twice")
            pinned.append(made)
        _thresholds(pinned, request.thresholds)
        return pinned

    async def estimate(self, tenant: Tenant, request: TraceEvaluationRequest) -> dict[str, Any]:
        """What a request would take (see `TraceEstimates.estimate`); nothing is started. Raises as `start` does."""
        world = self._world
        pinned = await self.pin(tenant, request)
        estimates = TraceEstimates(world.store, world.traces, world.models)
        return await estimates.estimate(tenant, request, pinned)

    # Looking

    async def get(self, tenant: Tenant, evaluation_id: str) -> TraceEvaluation:
        """One, with its whole verdict where it has come."""
        found = await self._store.read(rows.get(tenant, evaluation_id))
        if found is None:
            detail = f"There is no trace evaluation {evaluation_id!r} in this project."
            raise NotFound("trace_evaluation_unknown", detail)
        return found

    async def page(
        self, tenant: Tenant, wanted: TraceEvaluationFilter, before: str | None, limit: int
    ) -> list[TraceEvaluation]:
        """The newest first, behind an id; without what each verdict took."""
        return await self._store.read(rows.page(tenant, wanted, before, limit))

    async def numbered(
        self, tenant: Tenant, wanted: TraceEvaluationFilter, offset: int, limit: int, *, descending: bool = True
    ) -> tuple[list[TraceEvaluation], int]:
        """Some by their places in the list, and how many there are: for callers with numbers of pages."""
        return await self._store.read(rows.numbered(tenant, wanted, offset, limit, descending=descending))

    async def latest(self, tenant: Tenant, trace_ids: Sequence[str], most: int) -> dict[str, tuple[int, list[Any]]]:
        """For each of these traces how many verdicts there are, and its newest ones, as rows (see the storage)."""
        return await self._store.read(rows.latest(tenant, trace_ids, most))

    async def delete_of(self, tenant: Tenant, trace_id: str) -> None:
        """Forget what judges said of a trace, and are still to say."""
        await self._store.write(rows.delete_of(tenant, trace_id))

    async def summary(self, tenant: Tenant, wanted: TraceEvaluationFilter) -> list[dict[str, Any]]:
        """What those that are wanted amount to, by judge and version (see `summary.summaries`); also while some are
        still to come."""
        tallied = await self._store.read(rows.tally(tenant, wanted))
        return await asyncio.to_thread(summaries, tallied)

    # Running

    async def open_job(self, execution: Execution) -> TraceEvaluationJob:
        """The job of a stored execution."""
        spec: Any = execution.spec
        return TraceEvaluationJob(
            execution=execution,
            judges=[version_of(judge) for judge in spec["judges"]],
            store=self._store,
            traces=self._world.traces,
            models=self._world.models,
            finished=self._finished,
        )

    async def _finished(self, execution: Execution) -> None:
        """Tell of each threshold that is not met, once for each run of the execution."""
        spec: Any = execution.spec
        if not spec["thresholds"]:
            return
        made = await self.summary(execution.tenant, TraceEvaluationFilter(execution_id=execution.id))
        by_judge = {(one["judge"]["id"], one["judge"]["version"]): one for one in made}
        for place, threshold in enumerate(spec["thresholds"]):
            judge = spec["judges"][threshold["place"]]
            found = by_judge.get((judge["id"], judge["version"]))
            if found is None:
                # Verdicts go with their traces, and all of them have gone.
                continue
            mean = found["passRate"]["mean"]
            if mean is not None and mean < threshold["passRate"]:
                await self._store.write(self._tell(execution, place, {**found, "threshold": threshold["passRate"]}))

    def _tell(self, execution: Execution, place: int, summary: JsonObject) -> Transaction[None]:
        tenant = execution.tenant
        if (yield from rows.alert_once(tenant, execution.id, execution.generation, place)):
            told = {"executionId": execution.id, "metadata": execution.metadata, **summary}
            yield from tell(tenant, THRESHOLD, execution.id, told)


def _wanted(pinned: Sequence[JsonObject], traces: Sequence[Chosen]) -> list[Wanted]:
    """Every judge on every trace, by trace: so all judges get as far as each other whatever happens."""
    pairs = [(trace, place) for trace in traces for place in range(len(pinned))]
    return [
        Wanted(
            id=new_id(),
            ordinal=ordinal,
            trace_id=trace.id,
            trace_name=trace.name,
            judge_id=str(pinned[place]["id"]),
            judge_name=str(pinned[place]["name"]),
            judge_version=version_of(pinned[place]).version,
            place=place,
        )
        for ordinal, (trace, place) in enumerate(pairs)
    ]


def _thresholds(pinned: Sequence[JsonObject], given: Sequence[Threshold]) -> list[Json]:
    """Each with the place of its judge. Raises `Invalid` for a share that is none, and a judge that is not asked."""
    found: list[Json] = []
    for number, threshold in enumerate(given):
        at = f"thresholds[{number}]"
        if not 0 <= threshold.pass_rate <= 1:
            raise _invalid(f"{at}.passRate", "is a share, from 0 to 1")
        places = [n for n, judge in enumerate(pinned) if threshold.judge in (None, judge["id"], judge["name"])]
        if not places:
            raise _invalid(f"{at}.judge", f"{threshold.judge!r} is none of the judges of this request")
        found += [{"place": place, "passRate": threshold.pass_rate} for place in places]
    return found


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("trace_evaluation_invalid", f"{field}: {message}", errors=(FieldError(field, message),))
