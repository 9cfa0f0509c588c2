"""What an evaluation would take, before it is started: calls, the most they can cost, and what they can show."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from penstock.errors import StepError
from penstock.evaluations.benchmarks.model import BenchmarkRow
from penstock.evaluations.pinning import Chosen, Pinner
from penstock.evaluations.requests import EvaluationRequest
from penstock.evaluations.scorers.base import Sample, Scorer
from penstock.evaluations.scorers.specs import build
from penstock.evaluations.statistics.power import minimum_detectable
from penstock.evaluations.targets import request_for
from penstock.models.gateway import Gateway
from penstock.models.most import Most, most_of
from penstock.models.worst_case import bounded
from penstock.types import JsonObject, Tenant

SAMPLE_ROWS = 200
ASSUMED_DEVIATION = 0.5
"""Of a row's paired difference, when nothing is known: two right-or-wrong scores that disagree in a quarter of rows."""


@dataclass(frozen=True)
class Estimates:
    """Estimates of requests; nothing is started."""

    pinner: Pinner
    models: Gateway

    async def estimate(self, tenant: Tenant, request: EvaluationRequest) -> JsonObject:
        """The most it can take, from the first rows' requests and the models' token limits and prices.

        Flows are not estimated: what they call is known when they run. Raises what `EvaluationService.start` does.
        """
        chosen = await self.pinner.benchmark(tenant, request)
        spec: Any = await self.pinner.spec(tenant, request, chosen)
        scorers = build(spec["scorers"])
        worst = await self.worst_case(tenant, request, chosen, spec)
        items = chosen.rows * len(spec["variants"]) * request.epochs
        detectable = await asyncio.to_thread(minimum_detectable, chosen.rows, ASSUMED_DEVIATION)
        return {
            "rows": chosen.rows,
            "items": items,
            "modelCalls": items if worst else None,
            "scorerCalls": items * sum(1 for scorer in scorers if scorer.models),
            "worstCase": worst.body() if worst else None,
            "minimumDetectable": {
                "difference": detectable,
                "power": 0.8,
                "alpha": 0.05,
                "assumedDeviation": ASSUMED_DEVIATION,
            },
        }

    async def worst_case(
        self, tenant: Tenant, request: EvaluationRequest, chosen: Chosen, spec: JsonObject
    ) -> Most | None:
        """The most that the answers of a pinned request and their scores take; None where flows give some of them."""
        variants: Any = spec["variants"]
        if any(variant["target"]["kind"] == "flow" for variant in variants):
            return None
        scorers = build(cast(Sequence[JsonObject], spec["scorers"]))
        rows = await self._sample(chosen, request)
        most = Most()
        for variant in variants:
            for row in rows:
                most += await self._of_row(tenant, variant, row, scorers)
        return most.times(chosen.rows * request.epochs, len(rows))

    async def _sample(self, chosen: Chosen, request: EvaluationRequest) -> list[BenchmarkRow]:
        rows: list[BenchmarkRow] = []
        async for page in self.pinner.benchmarks.rows(chosen.benchmark, chosen.version, request.choice):
            rows += page
            if len(rows) >= SAMPLE_ROWS:
                break
        return rows[:SAMPLE_ROWS]

    async def _of_row(self, tenant: Tenant, variant: Any, row: BenchmarkRow, scorers: Sequence[Scorer[Any]]) -> Most:
        """What an answer as long as it may be takes, and what those who judge it take, each with a correction."""
        try:
            asked = request_for(variant, row)
            most = await most_of(self.models, tenant, asked)
        except StepError:
            return Most()  # A template that fails for a row fails that row, and costs nothing.
        answer = "x" * bounded(asked)[1].output
        sample = Sample(row.id, row.input, answer, row.truth, row.metadata, row.context)
        for scorer in scorers:
            try:
                question = scorer.request(sample)
                most += Most() if question is None else await most_of(self.models, tenant, question)
            except StepError:
                continue  # The row lacks what this one reads: no score, and no call.
        return most
