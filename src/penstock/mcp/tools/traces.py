"""Tools that read traces."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from penstock import AsyncPenstock
from penstock.client.trace_objects import Trace, TraceFilter, TraceLine
from penstock.mcp.bounds import preview
from penstock.mcp.results import Listed, Material, Text, rows_of
from penstock.mcp.toolbox import READS, Cursor, Id, Limit, Toolbox

_NAME_CHARS = 80
Lines = Annotated[int, Field(ge=1, le=100, description="At most so many spans.")]
TimeRange = Annotated[str | None, Field(pattern=r"^\d+[mhdw]$", description="Since when: 45m, 24h, 7d, 2w.")]


class TraceWish(BaseModel):
    """Which traces; all that is said must hold."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, validate_by_name=True)

    source: str | None = Field(default=None, description="Where they come from: a service's name.")
    status: Literal["unset", "ok", "error"] | None = None
    name: str | None = None
    model: str | None = Field(default=None, description="One of its spans used it.")
    judge: str | None = Field(default=None, description="This judge, by id or name, has judged it.")
    outcome: Literal["pass", "fail"] | None = Field(default=None, description="What the judge said.")
    time_range: TimeRange = None
    min_duration_ms: float | None = None
    min_cost_usd: str | None = None
    sort: Literal["createdAt", "startedAt", "durationMs", "costUsd"] | None = None

    def wire(self) -> TraceFilter:
        """As the SDK has it."""
        wanted: Any = self.model_dump(by_alias=True, exclude_none=True)
        return wanted  # type: ignore[no-any-return]  # the same names


class TraceFacts(BaseModel):
    """A trace in short."""

    trace: str = Field(description="Its id.")
    name: str
    source: str
    status: str
    started_at: str
    duration_ms: float | None
    spans: int
    errors: int
    tokens: int
    cost_usd: str
    input: str | None
    output: str | None

    @classmethod
    def of(cls, trace: Trace) -> TraceFacts:
        """What there is to say of a trace in a list."""
        return cls(
            trace=trace.id,
            name=trace.name[:_NAME_CHARS],
            source=trace.source[:_NAME_CHARS],
            status=trace.status,
            started_at=trace.started_at.isoformat(),
            duration_ms=trace.duration_ms,
            spans=trace.span_count,
            errors=trace.error_count,
            tokens=trace.input_tokens + trace.output_tokens,
            cost_usd=trace.cost_usd,
            input=preview(trace.input),
            output=preview(trace.output),
        )


class TraceList(Listed, Material):
    """A page of traces."""

    rows: list[TraceFacts]


class SpanFacts(BaseModel):
    """A span in the tree."""

    span: str = Field(description="Its id, for get_span.")
    depth: int = Field(description="How many spans it lies within.")
    what: str = Field(description="Kind, name, start from the trace's, duration, model, tokens.")

    @classmethod
    def of(cls, line: TraceLine) -> SpanFacts:
        """What there is to say of a span."""
        took = "not ended" if line.duration_ms is None else f"{line.duration_ms:.6g} ms"
        facts = [f"{line.kind} {preview(line.name, _NAME_CHARS)}", f"+{line.offset_ms:.6g} ms", took]
        if line.model:
            facts.append(line.model[:_NAME_CHARS])
        if line.input_tokens is not None or line.output_tokens is not None:
            facts.append(f"{line.input_tokens or 0} tokens in, {line.output_tokens or 0} out")
        if line.status == "error":
            facts.append("ERROR")
        return cls(span=line.span_id, depth=line.depth, what=" · ".join(facts))


class TraceTree(Listed, Material):
    """A trace, and a page of its spans, each behind its parent."""

    facts: TraceFacts
    rows: list[SpanFacts]
    cut: str = Field(default="", description="What is not shown here, and how to read it.")


class SpanTexts(Material):
    """What a span was given and gave back."""

    what: str
    status_message: str | None
    input: Text | None
    output: Text | None
    attributes: Text | None


class TraceTools:
    """Tools over one client."""

    def __init__(self, client: AsyncPenstock) -> None:
        self._client = client

    def give(self, box: Toolbox) -> None:
        """Put them into the box."""
        box.add(READS, self.list_traces, self.search_traces, self.get_trace, self.get_span)

    async def list_traces(self, wanted: TraceWish | None = None, cursor: Cursor = None, limit: Limit = 20) -> TraceList:
        """List traces (what a product did for one request each), newest first, with the beginnings of their texts."""
        found = self._client.traces.list((wanted or TraceWish()).wire())
        return TraceList(**rows_of(await found.page(cursor, limit), TraceFacts.of))

    async def search_traces(
        self,
        words: Annotated[
            str, Field(min_length=1, max_length=500, description="All must be in it; begin* finds begins.")
        ],
        time_range: TimeRange = None,
        cursor: Cursor = None,
        limit: Limit = 20,
    ) -> TraceList:
        """Find traces by words in their names, inputs, outputs and short attributes, newest first."""
        wanted: TraceFilter = {"search": words}
        if time_range is not None:
            wanted["timeRange"] = time_range
        return TraceList(**rows_of(await self._client.traces.list(wanted).page(cursor, limit), TraceFacts.of))

    async def get_trace(self, trace: Id, cursor: Cursor = None, limit: Lines = 60) -> TraceTree:
        """Show a trace and the tree of its spans, without their texts, which get_span shows."""
        facts = TraceFacts.of(await self._client.traces.get(trace))
        page = await self._client.traces.tree(trace).page(cursor, limit)
        cut = ""
        if page.next_cursor is not None:
            cut = f"{len(page.data)} of {facts.spans:,} spans are shown; call again with next_cursor as cursor."
        return TraceTree(facts=facts, cut=cut, **rows_of(page, SpanFacts.of))

    async def get_span(
        self, trace: Id, span: Id, offset: Annotated[int, Field(ge=0, description="Where in the texts.")] = 0
    ) -> SpanTexts:
        """Show what a span was given and gave back, 6,000 characters of each text at a time."""
        found = await self._client.traces.span(trace, span)
        return SpanTexts(
            what=f"{found.kind} {preview(found.name, _NAME_CHARS)}",
            status_message=preview(found.status_message),
            input=Text.part_of(found.input, offset),
            output=Text.part_of(found.output, offset),
            attributes=Text.part_of(dict(found.attributes) or None, offset),
        )
