"""`…/judge-optimizations/{id}/stream`: what happens to an optimization; its rows are the goals that were tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from penstock.optimization.job import CANDIDATE
from penstock.optimization.model import Optimization
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.judge_optimizations import optimization_of, shown
from penstock.server.stratix.streaming import Final, Told, streamed
from penstock.types import JsonObject

routes = Routes()


@routes.get(PROJECT + "/judge-optimizations/{optimization_id}/stream", "optimizations:read")
@routes.get("/judge-optimizations/{optimization_id}/stream", "optimizations:read")
async def stream_optimization(call: StratixCall) -> Response:
    """Server-sent events, from the first one or behind `Last-Event-ID`."""
    optimization = await optimization_of(call)
    return await streamed(call, optimization.id, OptimizationStream(call, optimization))


@dataclass(frozen=True, slots=True)
class OptimizationStream:
    """The stream of one optimization. Its progress is a percentage: how much there is to try is known only roughly."""

    call: StratixCall
    optimization: Optimization

    @property
    def what(self) -> str:
        return "optimization"

    @property
    def row_event(self) -> str:
        return CANDIDATE

    def progress(self, told: Any) -> tuple[int, int]:
        return told["progress"], 100

    async def rows(self, found: Sequence[Told]) -> Sequence[JsonObject | None]:
        return [_row(one.body) for one in found]

    async def final(self) -> Final:
        kept = self.optimization
        final = await shown(self.call, await self.call.engine.optimizations.get(kept.tenant, kept.id))
        return Final(final, final.status, final.status_description)


def _row(candidate: JsonObject) -> JsonObject:
    return {
        "row": candidate["number"],
        "status": candidate["status"],
        "score": candidate.get("validationScore"),
        "reason": candidate.get("reason"),
        "metric_calls": candidate.get("metricCalls"),
    }
