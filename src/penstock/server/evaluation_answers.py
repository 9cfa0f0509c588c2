"""Evaluations and their rows as callers see them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from penstock.clock import iso
from penstock.evaluations.definition import definition_of
from penstock.evaluations.model import Evaluation
from penstock.evaluations.results import ResultRow
from penstock.executions.progress import usage_body
from penstock.judges.row_verdicts import judge_scorers
from penstock.server.annotation_answers import standing_of
from penstock.server.answers import maybe_iso
from penstock.server.auth import Call
from penstock.server.execution_answers import links
from penstock.types import Json, JsonObject

_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*")
_PARTS = ("results", "rescore", "retry")


async def evaluation_body(call: Call, evaluation: Evaluation, *, whole: bool = True) -> dict[str, Json]:
    """An evaluation with what its rows add up to; `whole` with its definition, subsets, how far its judges
    agree with people, and how far it is."""
    metrics: Any = await call.engine.evaluations.metrics(evaluation)
    spec: Any = evaluation.spec
    target = evaluation.settings["target"]
    body: dict[str, Json] = {
        "id": evaluation.id,
        "name": evaluation.name,
        "status": evaluation.status,
        "executionId": evaluation.execution_id,
        "variant": evaluation.settings["name"],
        "experiment": spec.get("experiment"),
        "source": spec.get("source"),
        "model": target.get("model"),
        "flow": None if target["kind"] == "model" else {k: target[k] for k in ("flow", "name", "version")},
        "benchmark": spec["benchmark"],
        "scorers": list(evaluation.scorers),
        "tags": list(evaluation.tags),
        "definitionHash": evaluation.definition_hash,
        "rows": evaluation.shape.rows,
        "epochs": evaluation.shape.epochs,
        "answeredRows": metrics["answered"],
        "failedRows": metrics["failed"],
        "metrics": metrics["scores"],
        "latency": metrics["latency"],
        "usage": metrics["usage"],
        "error": evaluation.error,
        "createdAt": iso(evaluation.created_at),
        "startedAt": maybe_iso(evaluation.started_at),
        "finishedAt": maybe_iso(evaluation.finished_at),
        "links": evaluation_links(call, evaluation),
    }
    if whole:
        body["definition"] = definition_of(evaluation.spec, evaluation.variant)
        body["subsets"] = metrics["subsets"]
        body["agreement"] = {
            name: msgspec.to_builtins(await standing_of(call, judge["id"], judge["version"]))
            for name, judge in judge_scorers(evaluation)
        }
        _, body["progress"] = await call.engine.executions.progress(call.tenant, evaluation.execution_id)
    return body


def evaluation_links(call: Call, evaluation: Evaluation) -> JsonObject:
    """Where the parts of an evaluation are; `execution` has those that every execution has."""
    here = call.path(f"/evaluations/{evaluation.id}")
    parts = {part: f"{here}/{part}" for part in _PARTS}
    return {"self": here, **parts, "execution": links(call, evaluation.execution_id)}


def row_body(evaluation: Evaluation, row: ResultRow) -> dict[str, Json]:
    """One row in one epoch."""
    given, answer = row.given, row.answer
    asked = None if given is None else given.row
    return {
        "number": row.number,
        "rowId": None if asked is None else asked.id,
        "epoch": row.number % evaluation.shape.epochs,
        "subset": None if asked is None else asked.subset,
        "cluster": None if asked is None else asked.cluster,
        "status": row.status,
        "input": None if asked is None else asked.input,
        "truth": None if asked is None else asked.truth,
        "metadata": None if asked is None else asked.metadata,
        "output": None if answer is None else answer.output,
        "finishReason": None if answer is None else answer.finish_reason,
        "cached": answer is not None and answer.cached,
        "latencyMs": None if answer is None else answer.latency_ms,
        "firstTokenMs": None if answer is None else answer.first_token_ms,
        "scores": row.scores,
        "usage": usage_body(row.usage),
        "error": row.error,
    }


async def rows_as_lines(evaluation: Evaluation, pages: AsyncIterator[list[ResultRow]]) -> AsyncIterator[bytes]:
    """One JSON object per line."""
    async for rows in pages:
        yield b"".join(msgspec.json.encode(row_body(evaluation, row)) + b"\n" for row in rows)


async def rows_as_csv(evaluation: Evaluation, pages: AsyncIterator[list[ResultRow]]) -> AsyncIterator[bytes]:
    """A table: a column for each scorer's value, and one for how it came to be none."""
    header: list[str] = [*_COLUMNS]
    for scorer in evaluation.scorers:
        header += [scorer, f"{scorer}.status"]
    yield _csv([header])
    async for rows in pages:
        yield _csv([_cells(evaluation, row) for row in rows])


_COLUMNS = ("rowId", "epoch", "subset", "status", "input", "truth", "output", "latencyMs", "error")


def _cells(evaluation: Evaluation, row: ResultRow) -> list[Any]:
    body = row_body(evaluation, row)
    cells = [_cell(body[column]) for column in _COLUMNS]
    for scorer in evaluation.scorers:
        score = row.scores.get(scorer, {})
        cells += [score.get("value", ""), score.get("status", "")]
    return cells


def _cell(value: Json) -> Any:
    if value is None:
        return ""
    if not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    # What a spreadsheet would take for a formula is text that a model may have written. A number is one, and harmless.
    formula = value.startswith(("=", "+", "-", "@", "\t", "\r")) and not _NUMBER.fullmatch(value)
    return f"'{value}" if formula else value


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
