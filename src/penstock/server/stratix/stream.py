"""`/evaluations/{id}/stream`: what happens to an evaluation, row by row (see `streaming`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from penstock.evaluations.model import Evaluation
from penstock.evaluations.results import ResultRow, with_numbers
from penstock.executions import paths
from penstock.server.stratix.evaluations import shown
from penstock.server.stratix.face import Routes, StratixCall
from penstock.server.stratix.results import result_of
from penstock.server.stratix.streaming import Final, Rows, Told, streamed
from penstock.types import JsonObject

routes = Routes()


@routes.get("/evaluations/{evaluation_id}/stream", "evaluations:read")
async def stream_evaluation(call: StratixCall) -> Response:
    """Server-sent events, from the first one or behind `Last-Event-ID`."""
    evaluation = await call.engine.evaluations.get(call.tenant, call.id("evaluation_id"))
    return await streamed(call, evaluation.execution_id, EvaluationStream(call, evaluation))


@dataclass(frozen=True, slots=True)
class EvaluationStream(Rows):
    """The stream of one evaluation: its execution may have rows of other ones."""

    call: StratixCall
    evaluation: Evaluation

    @property
    def what(self) -> str:
        return "evaluation"

    async def rows(self, items: Sequence[Told]) -> Sequence[JsonObject | None]:
        numbers = [self._number(item) for item in items]
        # A row that was run again may be there twice.
        wanted = list(dict.fromkeys(number for number in numbers if number is not None))
        found = await with_numbers(self.call.engine.store, self.evaluation, wanted) if wanted else ()
        rows = {row.number: _row(self.evaluation, row) for row in found}
        return [None if number is None else rows[number] for number in numbers]

    async def final(self) -> Final:
        now = await self.call.engine.evaluations.get(self.evaluation.tenant, self.evaluation.id)
        final = await shown(self.call, now)
        return Final(final, final.status, final.status_description)

    def _number(self, item: Told) -> int | None:
        """Which row of the evaluation has come; None for what is no row, or one of another variant's."""
        path = paths.stored(item.body["path"])
        if paths.is_element(path):
            return None
        shape = self.evaluation.shape
        row, variant, epoch = shape.place(paths.ordinal_of(path))
        return row * shape.epochs + epoch if variant == self.evaluation.variant else None


def _row(evaluation: Evaluation, row: ResultRow) -> JsonObject:
    told: dict[str, Any] = {"row": row.number, "status": row.status}
    if row.given is not None:
        told |= msgspec.structs.asdict(result_of(row, evaluation.scorers))
    if row.error is not None:
        told["error"] = row.error
    return told
