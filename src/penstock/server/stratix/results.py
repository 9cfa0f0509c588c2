"""`/results`: the rows of an evaluation, readable while it runs."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from penstock.errors import FieldError, Invalid
from penstock.evaluations.results import ResultRow, RowFilter
from penstock.evaluations.scorers.base import as_text
from penstock.server.stratix.envelopes import bare
from penstock.server.stratix.face import Routes, StratixCall

routes = Routes()


class Result(msgspec.Struct):
    """One row. `duration` is in seconds; `metrics` has each scorer's value, null where it gave none."""

    subset: str
    prompt: str
    result: str
    truth: str
    duration: float
    score: float
    metrics: dict[str, float | None]


class ResultPage(msgspec.Struct):
    """Some rows. `metrics.total_count` counts all of them, those that are still to come included."""

    evaluation_id: str
    results: list[Result]
    metrics: dict[str, int]


@routes.get("/results", "evaluations:read")
async def list_results(call: StratixCall) -> Response:
    """A page is of so many rows of the benchmark; what is not there yet is left out of it."""
    evaluation_id = call.query.text("evaluation_id")
    if evaluation_id is None:
        raise Invalid("parameters_invalid", "Name the evaluation: ?evaluation_id=…", errors=(_MISSING,))
    page = call.query.page()
    evaluation, rows, _ = await call.engine.evaluations.rows(
        call.tenant, evaluation_id, RowFilter(), page.offset - 1, page.size
    )
    shape = evaluation.shape
    shown = [result_of(row, evaluation.scorers) for row in rows if row.status != "pending" and row.given is not None]
    return bare(ResultPage(evaluation.id, shown, {"total_count": shape.rows * shape.epochs}))


_MISSING = FieldError("evaluation_id", "is required")


def result_of(row: ResultRow, scorers: tuple[str, ...]) -> Result:
    """A row that is there. One without a score counts as 0, and its `metrics` say that it has none."""
    values = {name: value_of(row, name) for name in scorers}
    assert row.given is not None  # noqa: S101 - rows that are still to come are not shown
    asked, answer = row.given.row, row.answer
    latency_ms = 0.0 if answer is None else answer.latency_ms or 0.0
    return Result(
        subset=asked.subset or "",
        prompt=as_text(asked.input),
        result="" if answer is None else as_text(answer.output),
        truth=as_text(asked.truth),
        duration=latency_ms / 1000,
        score=values[scorers[0]] or 0.0,
        metrics=values,
    )


def value_of(row: ResultRow, scorer: str) -> float | None:
    """What a scorer gave for a row; None where it gave nothing."""
    score: Any = row.scores.get(scorer)
    return float(score["value"]) if score is not None and score["status"] == "scored" else None
