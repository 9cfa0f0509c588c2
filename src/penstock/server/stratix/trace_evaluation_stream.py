"""`…/trace-evaluations/{id}/stream`: what happens to a trace evaluation, whose only row is its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from penstock.executions import paths
from penstock.judges.model import TraceEvaluation
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.streaming import Final, Rows, Told, streamed
from penstock.server.stratix.trace_evaluations import result_of, shown
from penstock.types import JsonObject

routes = Routes()


@routes.get(PROJECT + "/trace-evaluations/{evaluation_id}/stream", "judges:read")
@routes.get("/trace-evaluations/{evaluation_id}/stream", "judges:read")
async def stream_trace_evaluation(call: StratixCall) -> Response:
    """Server-sent events, from the first one or behind `Last-Event-ID`."""
    evaluation = await call.engine.trace_evaluations.get(call.tenant, call.id("evaluation_id"))
    return await streamed(call, evaluation.execution_id, TraceEvaluationStream(call, evaluation))


@dataclass(frozen=True, slots=True)
class TraceEvaluationStream(Rows):
    """The stream of one trace evaluation: its execution may have other ones."""

    call: StratixCall
    evaluation: TraceEvaluation

    @property
    def what(self) -> str:
        return "trace_evaluation"

    async def rows(self, items: Sequence[Told]) -> Sequence[JsonObject | None]:
        row = await self._row()
        return [row if self._own(item) else None for item in items]

    async def final(self) -> Final:
        final = await shown(self.call, await self._now())
        return Final(final, final.status, final.status_description)

    def _own(self, item: Told) -> bool:
        return paths.stored(item.body["path"]) == paths.top(self.evaluation.ordinal)

    async def _row(self) -> JsonObject:
        now = await self._now()
        told: dict[str, Any] = {"row": 0, "status": now.status}
        return told if now.verdict is None else told | msgspec.to_builtins(result_of(now))

    async def _now(self) -> TraceEvaluation:
        return await self.call.engine.trace_evaluations.get(self.evaluation.tenant, self.evaluation.id)
