"""Which traces a call asks for, as its query says it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from penstock.clock import wall_ms
from penstock.models.usage import nanos_from_usd
from penstock.server.auth import Call
from penstock.server.describe import MAX_PAGE
from penstock.storage.trace_pages import Outcome, TraceFilter, TraceSort
from penstock.traces.exporting import ExportFormat
from penstock.traces.filters import range_of
from penstock.traces.model import SpanStatus

_Usd = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class TraceQuery(BaseModel):
    """Filters and order of a list of traces; what is not given does not matter."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    source: str | None = Field(None, max_length=300, description="Where it came from: see `GET /traces/sources`.")
    status: SpanStatus | None = None
    name: str | None = Field(None, max_length=500, description="Exactly this name.")
    model: str | None = Field(None, max_length=300, description="One of its spans used it.")
    judge: str | None = Field(None, max_length=300, description="It has a verdict of this judge: id or name.")
    outcome: Outcome | None = Field(None, description="A judge said so of it; with `judge`, that one.")
    search: str | None = Field(
        None, max_length=500, description="Words, all of which it must have; `begin*` finds what begins so."
    )
    time_range: str | None = Field(None, max_length=40, description="It began within `45m`, `24h`, `7d`, `2w` of now.")
    from_: str | None = Field(None, alias="from", max_length=40, description="It began then or later (ISO 8601).")
    to: str | None = Field(None, max_length=40, description="It began before that (ISO 8601).")
    min_duration_ms: float | None = Field(None, ge=0, le=1e15, allow_inf_nan=False)
    max_duration_ms: float | None = Field(None, ge=0, le=1e15, allow_inf_nan=False)
    min_cost_usd: _Usd | None = None
    max_cost_usd: _Usd | None = None
    sort: TraceSort | None = Field(
        None, description="`createdAt`, when it came, by default; with a range of time, `startedAt`."
    )
    order: Literal["asc", "desc"] = "desc"


class TraceListQuery(TraceQuery):
    """The same, and a place in the list."""

    cursor: str | None = Field(None, max_length=500, description="`nextCursor` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="How many to list at most.")


class TraceExportQuery(TraceQuery):
    """The same, and a format of files."""

    format: ExportFormat = "jsonl"


Listed = Annotated[TraceListQuery, Query()]
Exported = Annotated[TraceExportQuery, Query()]


async def filter_of(call: Call, query: TraceQuery) -> TraceFilter:
    """The filter of a query. Raises `Invalid` for a range of time that is none, `NotFound` for an unknown judge."""
    started_from, started_before = range_of(query.time_range, query.from_, query.to, wall_ms())
    judge = None if query.judge is None else await call.engine.judges.get(call.tenant, query.judge)
    return TraceFilter(
        source=query.source,
        status=query.status,
        name=query.name,
        model=query.model,
        text=query.search,
        started_from=started_from,
        started_before=started_before,
        min_duration_ms=query.min_duration_ms,
        max_duration_ms=query.max_duration_ms,
        min_cost_nanos=None if query.min_cost_usd is None else nanos_from_usd(query.min_cost_usd),
        max_cost_nanos=None if query.max_cost_usd is None else nanos_from_usd(query.max_cost_usd),
        judge_id=None if judge is None else judge.id,
        outcome=query.outcome,
        sort=query.sort,
        descending=query.order == "desc",
    )
