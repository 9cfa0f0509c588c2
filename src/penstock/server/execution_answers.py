"""Executions as callers see them: handles, progress, items, log lines."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from penstock.clock import iso, now_ms
from penstock.executions import paths
from penstock.executions.model import Execution, Status
from penstock.executions.results import results_of
from penstock.models.usage import usd_from_nanos
from penstock.server.answers import maybe_iso
from penstock.server.auth import Call
from penstock.server.execution_schemas import Pace, PacePoint
from penstock.storage import items as item_rows
from penstock.storage import timings
from penstock.storage.steps import log_level
from penstock.types import Json, JsonObject

SHOWN_ERRORS = 100
MOST_STRETCHES = 80
_LONGEST_RETRY_AFTER = 30
_UNKNOWN_RETRY_AFTER = 2
_PARTS = ("events", "items", "results", "logs", "cancel", "pause", "resume", "retry")


def links(call: Call, execution_id: str) -> JsonObject:
    """Where the parts of an execution are."""
    here = call.path(f"/executions/{execution_id}")
    return {
        "self": here,
        **{
            part: f"{here}/{part}"
            for part in ("events", "items", "results", "logs", "cancel", "pause", "resume", "retry")
        },
    }


async def handle(call: Call, execution: Execution) -> dict[str, Json]:
    """What an asynchronous call is answered with."""
    standing = await call.engine.executions.standing(execution)
    ahead = 0 if standing is None else standing.position
    started = execution.started_at or (now_ms() if standing is None else standing.starts_at)
    return {
        "executionId": execution.id,
        "status": execution.status.value,
        "flowId": execution.subject_id,
        "flowVersion": execution.subject_version,
        "links": links(call, execution.id),
        "queue": {"position": ahead, "estimatedStart": maybe_iso(started)},
    }


async def progress(call: Call, execution_id: str) -> tuple[Execution, dict[str, Any]]:
    """An execution and its progress body, with the results when it is completed and they are small enough."""
    execution, body = await call.engine.executions.progress(call.tenant, execution_id)
    body["links"] = links(call, execution.id)
    if execution.status == Status.COMPLETED:
        results = results_of(call.engine.executions, call.tenant, execution)
        body["results"] = await results.inline(call.running.settings.limits.max_inline_results_bytes)
    if execution.status.terminal and body["partial"]:
        failed = await call.engine.store.read(item_rows.first_failed(execution.no, SHOWN_ERRORS))
        body["errors"] = [msgspec.Raw(text.encode()) for text in failed]
    return execution, body


def entity_tag(body: dict[str, Any]) -> str:
    """Changes whenever the progress does, but not with the clock alone."""
    counts = body["counts"]
    state = f"{body['generation']}-{body['seq']}-{body['status']}-{counts['running']}-{body['currentNode']}"
    return f'W/"{state.encode().hex()}"'


def retry_after(body: dict[str, Any]) -> str:
    """Seconds until it is worth looking again: half of the time that is left by the estimate."""
    eta = body["eta"]
    seconds = _UNKNOWN_RETRY_AFTER if eta is None else math.ceil(eta["secondsP50"] / 2)
    return str(max(1, min(_LONGEST_RETRY_AFTER, seconds)))


def server_timing(execution: Execution) -> str:
    """`Server-Timing` of an execution: how long it waited and how long it ran, in milliseconds."""
    started = execution.period_started_at or execution.finished_at or execution.created_at
    finished = execution.finished_at or now_ms()
    return f"queue;dur={max(0, started - execution.created_at)}, run;dur={max(0, finished - started)}"


async def item_bodies(
    call: Call, execution: Execution, rows: Sequence[Any], preview: int | None = None
) -> list[JsonObject]:
    """Items with what each of their nodes did and when; with `preview`, input and output as text of that length."""
    if not rows:
        return []
    chosen = [row["path"] for row in rows]
    steps = await call.engine.store.read(timings.of_items(call.tenant, execution.no, chosen))
    nodes: dict[str, list[Json]] = defaultdict(list)
    for step in steps:
        nodes[step["path"]].append(_timing(step))
    return [_item(row, nodes[row["path"]], preview) for row in rows]


def log_line(row: Any) -> JsonObject:
    """One line of the log: a node's work on an item."""
    error: Any = raw(row["error"])
    times = "" if row["attempts"] <= 1 else f", attempt {row['attempts']}"
    return {
        "seq": row["no"],
        "at": iso(row["started_at"] + row["duration_ms"]),
        "level": log_level(row),
        "node": row["node"],
        "itemPath": paths.shown(row["path"]),
        "message": f"{row['node']} {row['status']} in {row['duration_ms']} ms{times}",
        "status": row["status"],
        "round": row["round"],
        "durationMs": row["duration_ms"],
        "attempts": row["attempts"],
        "input": raw(row["input"]),
        "output": raw(row["output"]),
        "error": error,
        "usage": _usage(row),
        "detail": raw(row["detail"]),
    }


async def pace(call: Call, execution: Execution) -> Pace:
    """How fast the items of an execution have finished, in at most `MOST_STRETCHES` stretches of equal length."""
    begin = execution.started_at or execution.created_at
    end = max(begin + 1, execution.finished_at or now_ms())
    bucket_ms = next(ms for ms in _stretches() if (end - begin) // ms < MOST_STRETCHES)
    rows = await call.engine.store.read(timings.pace(execution.no, begin, bucket_ms))
    points = [
        PacePoint(iso(begin + row["bucket"] * bucket_ms), row["n"], row["failed"], row["p50_ms"], row["p95_ms"])
        for row in rows
    ]
    return Pace(iso(begin), iso(end), bucket_ms, points)


def _stretches() -> Iterator[int]:
    """Lengths that people count in, in milliseconds: 100, 200, 500, 1 s, 2 s, 5 s and so on."""
    scale = 100
    while True:
        yield from (scale, 2 * scale, 5 * scale)
        scale *= 10


def raw(text: str | None) -> Any:
    """Stored JSON text, to be sent as it is."""
    return None if text is None else msgspec.Raw(text.encode())


def _item(row: Any, nodes: list[Json], preview: int | None) -> JsonObject:
    shown_value = raw if preview is None else partial(_cut, length=preview)
    shown: JsonObject = {
        "path": paths.shown(row["path"]),
        "status": row["status"],
        "input": shown_value(row["input"]),
        "output": shown_value(row["output"]) if row["status"] == "succeeded" else None,
        "error": raw(row["error"]),
        "startedAt": maybe_iso(row["started_at"]),
        "finishedAt": maybe_iso(row["finished_at"]),
        "nodes": nodes,
        "attempts": row["attempts"] or 0,
        "usage": _usage(row),
    }
    return shown


def _cut(text: str | None, length: int) -> str | None:
    return None if text is None else text[:length]


def _timing(step: Any) -> JsonObject:
    return {
        "node": step["node"],
        "round": step["round"],
        "status": step["status"],
        "attempts": step["attempts"],
        "startedAt": iso(step["started_at"]),
        "durationMs": step["duration_ms"],
    }


def _usage(row: Any) -> JsonObject:
    return {
        "modelCalls": row["model_calls"] or 0,
        "inputTokens": row["input_tokens"] or 0,
        "outputTokens": row["output_tokens"] or 0,
        "cachedTokens": row["cached_tokens"] or 0,
        "costUsd": usd_from_nanos(row["cost_nanos"] or 0),
        "unpricedCalls": row["unpriced_calls"] or 0,
    }
