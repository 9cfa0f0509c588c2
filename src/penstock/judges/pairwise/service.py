"""Pairwise evaluations as every face uses them: start, estimate, add up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from penstock.errors import NotFound, StepError
from penstock.executions.model import Execution, Options, Submission, Submitted
from penstock.executions.service import ExecutionService
from penstock.flows.service import small_metadata
from penstock.judges.estimates import SAMPLED
from penstock.judges.estimates import shown as shown_most
from penstock.judges.judging import first_request, texts_of
from penstock.judges.model import version_of
from penstock.judges.pairwise.choosing import PairRef, Pairs
from penstock.judges.pairwise.comparing import asked_which, shown
from penstock.judges.pairwise.job import PairwiseJob
from penstock.judges.pairwise.requests import KIND, PairwiseRequest
from penstock.judges.pairwise.summary import summary
from penstock.judges.service import Judges
from penstock.models.gateway import Gateway
from penstock.models.most import Most, most_of
from penstock.settings import Limits
from penstock.storage import judges as judge_rows
from penstock.storage.store import Transaction
from penstock.types import Json, JsonObject, Tenant


@dataclass(frozen=True)
class PairwiseEvaluations:
    """Pairwise evaluations of all tenants. Their ids are their executions'."""

    executions: ExecutionService
    judges: Judges
    pairs: Pairs
    models: Gateway
    limits: Limits

    async def start(self, tenant: Tenant, request: PairwiseRequest) -> Submitted:
        """Check a request and submit it.

        Raises `NotFound` for a judge, trace or evaluation that is not there, and what `Pairs.chosen` and
        `ExecutionService.submit` raise.
        """
        pinned = await self._pinned(tenant, request)
        chosen = await self.pairs.chosen(tenant, request)
        concurrency = request.concurrency or self.limits.default_concurrency
        self.limits.check_concurrency(concurrency)
        most: int | None = None
        if await self.executions.limited(tenant):
            most = (await self._most(tenant, pinned, chosen, request)).amounts.ecu_micros or None
        spec: dict[str, Json] = {
            "judge": pinned,
            "seed": request.sampling.seed,
            "evaluations": None if request.evaluations is None else list(request.evaluations),
        }

        def alongside(execution_id: str) -> Transaction[None]:
            yield from judge_rows.count_runs(tenant, str(pinned["id"]), len(chosen))

        submission = Submission(
            tenant=tenant,
            kind=KIND,
            subject_id=str(pinned["id"]),
            subject_name=str(pinned["name"]),
            subject_version=version_of(pinned).version,
            lane="batch",
            spec=spec,
            options=Options(
                concurrency=concurrency, on_item_error=request.on_item_error or "continue", budget=request.budget
            ),
            deadline_ms=self.limits.deadline_ms(request.deadline_seconds),
            inputs=[msgspec.to_builtins(ref) for ref in chosen],
            total_items=len(chosen),
            metadata=small_metadata(request.metadata),
            webhook_url=request.webhook_url,
            idempotency_key=request.idempotency_key,
            request_hash=request.request_hash,
            created_by=request.created_by,
            alongside=alongside,
            most_ecu_micros=most,
        )
        return await self.executions.submit(submission)

    async def estimate(self, tenant: Tenant, request: PairwiseRequest) -> dict[str, Any]:
        """The most that a request would take, from the first pairs and the model's token limits and prices.

        Nothing is started. Raises as `start` does.
        """
        pinned = await self._pinned(tenant, request)
        chosen = await self.pairs.chosen(tenant, request)
        most = await self._most(tenant, pinned, chosen, request)
        return {
            "pairs": len(chosen),
            "modelCalls": most.asked,
            "worstCase": most.body(),
            "judges": [shown_most(most, pinned)],
        }

    async def summary(self, tenant: Tenant, execution_id: str) -> tuple[Execution, dict[str, Any]]:
        """An execution, and what its preferences amount to so far (see `summary.summary`). Raises `NotFound`."""
        execution = await self.executions.get(tenant, execution_id)
        if execution.kind != KIND:
            detail = f"There is no pairwise evaluation {execution_id!r} in this project."
            raise NotFound("pairwise_evaluation_unknown", detail)
        recorded = [
            (row["status"], row["output"]) async for page in self.executions.outputs(tenant, execution) for row in page
        ]
        return execution, await asyncio.to_thread(summary, execution.spec, execution.total_items or 0, recorded)

    async def open_job(self, execution: Execution) -> PairwiseJob:
        """The job of a stored execution."""
        return PairwiseJob(execution, self.pairs, self.models)

    async def _pinned(self, tenant: Tenant, request: PairwiseRequest) -> JsonObject:
        return await self.judges.pin(tenant, request.judge.judge, request.judge.version)

    async def _most(
        self, tenant: Tenant, pinned: JsonObject, chosen: Sequence[PairRef], request: PairwiseRequest
    ) -> Most:
        sampled = Most()
        for ref in chosen[:SAMPLED]:
            sampled += await self._most_of(tenant, pinned, ref, request)
        return sampled.times(len(chosen), min(len(chosen), SAMPLED))

    async def _most_of(self, tenant: Tenant, pinned: JsonObject, ref: PairRef, request: PairwiseRequest) -> Most:
        try:
            pair = await self.pairs.read(tenant, ref, request.evaluations)
        except StepError as error:
            # It was there when it was chosen.
            raise NotFound(error.code, error.message) from error
        parts = texts_of(shown(pair, request.sampling.seed))
        asked = replace(first_request(asked_which(version_of(pinned)), parts), purpose="trace_evaluation")
        return await most_of(self.models, tenant, asked)
