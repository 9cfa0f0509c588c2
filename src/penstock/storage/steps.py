"""Steps: what is checkpointed, so what is never paid for twice. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from penstock.models.usage import Usage, total
from penstock.redaction import Redaction, Redactor, redactor_of
from penstock.storage.store import Many, Transaction
from penstock.types import Tenant

COLUMNS = (
    "execution_no, path, node, round, generation, status, fingerprint, attempts, started_at, duration_ms, output,"
    " output_is_item, error, model_calls, input_tokens, output_tokens, cached_tokens, cost_nanos, unpriced_calls,"
    " detail, ecu_micros, input, model"
)

_INSERT = f"""
insert into steps ({COLUMNS})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
on conflict do nothing
"""

OF_PATHS = (
    "select no from steps where execution_no = $1 and path {0} and status <> 'aborted'"
    " union all select no from steps where execution_no = $1 and path {0} and status = 'aborted'"
)
"""Numbers of the steps of some items; aborted ones have an index of their own."""


LogLevel = Literal["info", "warn", "error"]

_SHOWN_TEXTS = ("input", "output", "error", "detail")

# The condition of `warn` is that of the index `steps_notable`, word for word.
_OF_LEVEL: Mapping[LogLevel, str] = {
    "info": "",
    "warn": "and (s.status <> 'succeeded' or s.attempts > 1)",
    "error": "and s.status <> 'succeeded' and s.status = 'failed' and i.status = 'failed'",
}


def log_level(row: Any) -> LogLevel:
    """`error`: it failed, and its item with it. `warn`: it took several attempts, was cut off, or the item went on."""
    if row["status"] == "succeeded":
        return "warn" if row["attempts"] > 1 else "info"
    return "error" if row["status"] == row["item_status"] == "failed" else "warn"


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A step as it is found again: enough to go on from it without running it."""

    node: str
    round: int
    generation: int
    status: str
    fingerprint: str
    output: str | None
    error: str | None
    no: int = 0


def insert_many(rows: list[tuple[Any, ...]]) -> Many:
    """Record steps; the columns are `COLUMNS`, in order. A step that is there already stays as it is."""
    return Many(_INSERT, rows)


def of_item(execution_no: int, path: str) -> Transaction[list[RecordedStep]]:
    """What is recorded for one item, oldest generation first."""
    rows = yield (
        "select no, node, round, generation, status, fingerprint, output, error from steps"
        " where execution_no = $1 and path = $2 and status <> 'aborted' order by generation, no",
        execution_no,
        path,
    )
    return [
        RecordedStep(
            node=row["node"],
            round=row["round"],
            generation=row["generation"],
            status=row["status"],
            fingerprint=row["fingerprint"],
            output=row["output"],
            error=row["error"],
            no=row["no"],
        )
        for row in rows
    ]


def usage_by_model(execution_no: int, before_generation: int | None = None) -> Transaction[dict[str, Usage]]:
    """The sums over the steps of an execution, of all generations, by the model that was called (empty: none was).

    A step that called several counts as a whole for the last that answered. With `before_generation`, of earlier ones.
    """
    earlier = "" if before_generation is None else "and generation < $2"
    rows = yield (
        "select coalesce(model, '') as model, sum(model_calls) as a, sum(input_tokens) as b, sum(output_tokens) as c,"
        " sum(cached_tokens) as d, sum(cost_nanos) as e, sum(unpriced_calls) as f, sum(ecu_micros) as g"
        f" from steps where execution_no = $1 {earlier} group by coalesce(model, '')",
        execution_no,
        *(() if before_generation is None else (before_generation,)),
    )
    return {row["model"]: Usage(*(int(row[column]) for column in "abcdefg")) for row in rows}


def usage(execution_no: int) -> Transaction[Usage]:
    """The sum over every step of an execution, of all generations."""
    return total((yield from usage_by_model(execution_no)).values())


def log_page(
    tenant: Tenant,
    execution_no: int,
    *,
    after: int,
    limit: int,
    node: str | None = None,
    path: str | None = None,
    level: LogLevel = "info",
) -> Transaction[list[Any]]:
    """Steps in the order they were recorded, from behind a number, of a level or above.

    What the flow or the project has redacted is replaced here, for every way to read a log alike; on SQLite that is in
    a reader's thread.
    """
    conditions = ""
    args: list[Any] = []
    if node is not None:
        args.append(node)
        conditions += f" and s.node = ${4 + len(args)}"
    if path is not None:
        args.append(path)
        conditions += f" and s.no in ({OF_PATHS.format(f'= ${4 + len(args)}')})"
    rows = yield (
        "select s.*, i.status as item_status"
        " from steps s join executions e on e.no = s.execution_no and e.project_id = $4"
        " left join items i on i.execution_no = s.execution_no and i.path = s.path"
        f" where s.execution_no = $1 and s.no > $2 {conditions} {_OF_LEVEL[level]} order by s.no limit $3",
        execution_no,
        after,
        limit,
        tenant.project_id,
        *args,
    )
    redactor = (yield from redactor_of_execution(tenant, execution_no)) if rows else None
    return rows if redactor is None else [_redacted(row, redactor) for row in rows]


def redactor_of_execution(tenant: Tenant, execution_no: int) -> Transaction[Redactor | None]:
    """What its flow, as it was submitted, and its project, as it is now, want redacted; None: nothing."""
    rows = yield (
        "select e.options, p.settings from executions e left join projects p on p.id = e.project_id"
        " where e.no = $1 and e.project_id = $2",
        execution_no,
        tenant.project_id,
    )
    texts = [text for row in rows for text in (row["options"], row["settings"]) if text is not None]
    return redactor_of(*(msgspec.json.decode(text, type=_Redacting).redact for text in texts))


class _Redacting(msgspec.Struct):
    """What options and settings have in common."""

    redact: Redaction | None = None


def _redacted(row: Any, redactor: Redactor) -> dict[str, Any]:
    shown = {column: row[column] for column in row.keys()}  # noqa: SIM118 - a row iterates over its values
    return {**shown, **{column: redactor.text(row[column]) for column in _SHOWN_TEXTS}}
