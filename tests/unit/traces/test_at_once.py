"""Traces that come in, are exported, deleted and expire, all at the same time: each is there whole, or not at all."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from penstock.clock import now_ms
from penstock.errors import NotFound
from penstock.retention.keeper import Keeper
from penstock.retention.policy import DAY_MS
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.storage.trace_pages import TraceFilter
from penstock.traces.exporting import export
from penstock.traces.ingestion import Ingestion
from penstock.traces.model import ReceivedSpan, Span
from penstock.traces.reading import TraceReader
from penstock.types import Tenant

TENANT = Tenant("a" * 24, "b" * 24)
AT = 1_790_000_000_000_000_000
SPANS, TRACES, ROUNDS = 5, 8, 12

LEFT_ALONE = """
select count(*) as n from spans where not exists (select 1 from traces where traces.no = spans.trace_no)
"""
OTHER_THAN_SAID = """
select count(*) as n from traces t where t.span_count <> (select count(*) from spans s where s.trace_no = t.no)
"""


def spans_of(trace: int, first: int = 0) -> list[ReceivedSpan]:
    numbers = range(first, first + SPANS)
    return [ReceivedSpan(f"t{trace}", Span(span_id=f"{n}", name=f"word{n}", started_ns=AT + n)) for n in numbers]


async def number(store: SqliteStore, sql: str) -> int:
    [row] = await store.read(rows_of(sql))
    found: int = row["n"]
    return found


@pytest.fixture
async def project(store: SqliteStore) -> None:
    insert = "insert into projects (id, organization_id, name, settings, created_at) values ($1, $2, $1, $3, 0)"
    settings = '{"retentionDays": 0, "retentionDaysByKind": {"trace": 7}}'
    await store.write(rows_of(insert, TENANT.project_id, TENANT.organization_id, settings))


@pytest.mark.usefixtures("project")
async def test_everything_at_once(store: SqliteStore) -> None:
    ingestion, reader = Ingestion(store, 1_000_000), TraceReader(store)

    async def send(trace: int) -> None:
        for _ in range(ROUNDS):
            await ingestion.accept(TENANT, spans_of(trace), source="shop")

    async def delete(trace: int) -> None:
        for _ in range(ROUNDS):
            with suppress(NotFound):
                await reader.delete(TENANT, f"t{trace}")

    async def let_go() -> None:
        for _ in range(ROUNDS // 4):
            await Keeper(store, 0, now=lambda: now_ms() + 8 * DAY_MS).keep()

    async def take_away() -> None:
        for _ in range(ROUNDS):
            written = b"".join([piece async for piece in export(reader, TENANT, TraceFilter(), "jsonl")])
            for line in map(json.loads, written.splitlines()):
                assert len(line["spans"]) == SPANS

    await asyncio.gather(*map(send, range(TRACES)), *map(delete, range(0, TRACES, 2)), let_go(), take_away())
    assert await number(store, LEFT_ALONE) == 0
    await asyncio.gather(*map(send, range(TRACES)))
    await reader.delete_many(TENANT, [])
    assert await number(store, OTHER_THAN_SAID) == 0
    found, _ = await reader.page(TENANT, TraceFilter(), None, 100)
    assert sorted((trace.trace_id, trace.span_count) for trace in found) == [(f"t{n}", SPANS) for n in range(TRACES)]
    assert await number(store, "select count(*) as n from spans") == SPANS * TRACES
    assert await number(store, "select count(*) as n from trace_words") == TRACES


async def test_what_comes_while_all_is_exported_is_not_needed_for_its_end(store: SqliteStore) -> None:
    ingestion, reader = Ingestion(store, 1_000_000), TraceReader(store)
    for trace in range(TRACES):
        await ingestion.accept(TENANT, spans_of(trace), source="shop")
    written, late = b"", TRACES
    async for piece in export(reader, TENANT, TraceFilter(), "jsonl"):
        written += piece
        # More spans than an export could ever get to the end of, if it went on to the newest.
        await ingestion.accept(TENANT, spans_of(late), source="shop")
        late += 1
    lines = [json.loads(line)["traceId"] for line in written.splitlines()]
    assert lines == [f"t{n}" for n in reversed(range(TRACES))]
