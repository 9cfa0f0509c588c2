"""What an evaluation would take, before it is started: calls, the most they can cost, and what they can show."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from penstock.errors import StepError
from penstock.evaluations.benchmarks.model import BenchmarkRow
from penstock.evaluations.pinning import Chosen, Pinner
from penstock.evaluations.requests import EvaluationRequest
from penstock.evaluations.scorers.specs import build
from penstock.evaluations.statistics.power import minimum_detectable
from penstock.evaluations.targets import request_for
from penstock.models.gateway import Gateway
from penstock.models.usage import Amounts, ecu_from_micros, usd_from_nanos
from penstock.types import JsonObject, Tenant

SAMPLE_ROWS = 200
ASSUMED_DEVIATION = 0.5
"""Of a row's paired difference, when nothing is known: two right-or-wrong scores that disagree in a quarter of rows."""


@dataclass(frozen=True, slots=True)
class WorstCase:
    """What something takes at most; `unpriced` are models whose price is not known."""

    amounts: Amounts
    unpriced: frozenset[str]

    def body(self) -> JsonObject:
        """The same as it is shown."""
        return {
            "tokens": self.amounts.tokens,
            "costUsd": usd_from_nanos(self.amounts.nanos),
            "ecu": ecu_from_micros(self.amounts.ecu_micros),
            "unpricedModels": sorted(self.unpriced),
        }


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
        worst = await self.worst_case(tenant, request, chosen, spec)
        asked_by_scorers = sum(1 for scorer in build(spec["scorers"]) if scorer.models)
        items = chosen.rows * len(spec["variants"]) * request.epochs
        detectable = await asyncio.to_thread(minimum_detectable, chosen.rows, ASSUMED_DEVIATION)
        return {
            "rows": chosen.rows,
            "items": items,
            "modelCalls": items if worst else None,
            "scorerCalls": items * asked_by_scorers,
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
    ) -> WorstCase | None:
        """The most that the answers of a pinned request take; None where flows give some of them."""
        variants: Any = spec["variants"]
        if any(variant["target"]["kind"] == "flow" for variant in variants):
            return None
        rows = await self._sample(chosen, request)
        most, unpriced = Amounts(), set[str]()
        for variant in variants:
            one, priced = await self._of_rows(tenant, variant, rows)
            most = most + _times(one, chosen.rows * request.epochs, len(rows))
            if not priced:
                unpriced.add(variant["target"]["model"])
        return WorstCase(most, frozenset(unpriced))

    async def _sample(self, chosen: Chosen, request: EvaluationRequest) -> list[BenchmarkRow]:
        rows: list[BenchmarkRow] = []
        async for page in self.pinner.benchmarks.rows(chosen.benchmark, chosen.version, request.choice):
            rows += page
            if len(rows) >= SAMPLE_ROWS:
                break
        return rows[:SAMPLE_ROWS]

    async def _of_rows(self, tenant: Tenant, variant: Any, rows: list[BenchmarkRow]) -> tuple[Amounts, bool]:
        most, priced = Amounts(), True
        for row in rows:
            try:
                one, known = await self.models.most(tenant, request_for(variant, row))
            except StepError:
                continue  # A template that fails for a row fails that row, and costs nothing.
            most, priced = most + one, priced and known
        return most, priced


def _times(amounts: Amounts, rows: int, sampled: int) -> Amounts:
    """Of so many rows, when a sample takes this."""
    return Amounts(
        -(-amounts.nanos * rows // sampled),
        -(-amounts.tokens * rows // sampled),
        -(-amounts.ecu_micros * rows // sampled),
    )
