"""Lists of traces by every filter and in every order, one trace as a tree, exports that come back, deletion."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.errors import Invalid, NotFound
from penstock.storage import trace_pages
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.storage.trace_pages import Condition, TraceFilter
from penstock.traces.exporting import export
from penstock.traces.filters import range_of
from penstock.traces.formats.files import records
from penstock.traces.ingestion import Ingestion
from penstock.traces.model import ReceivedSpan, Span
from penstock.traces.reading import PAGE, TraceReader
from penstock.traces.uploads import Uploads
from penstock.types import Tenant

TENANT = Tenant("a" * 24, "b" * 24)
OTHER = Tenant("a" * 24, "c" * 24)
AT = 1_790_000_000_000_000_000
MS = 1_000_000
COUNT = 24


def spans_of(number: int) -> Iterator[ReceivedSpan]:
    """A trace of two spans: later ones begin later, take longer, and cost less."""
    started = AT + number * 1000 * MS
    root = Span(
        span_id="root",
        name=f"agent {number % 2}",
        started_ns=started,
        ended_ns=started + (number + 1) * MS,
        status="error" if number % 3 == 0 else "ok",
        input=f"needle{number} everywhere",
    )
    model = "gpt-4o" if number % 4 == 0 else "gpt-4o-mini"
    call = Span(
        span_id="call",
        parent_id="root",
        name="call",
        kind="llm",
        model=model,
        started_ns=started,
        cost_usd=f"0.{COUNT - number:03d}",
    )
    for span in (call, root):
        yield ReceivedSpan(f"t{number}", span)


@pytest.fixture
async def reader(store: SqliteStore) -> TraceReader:
    ingestion = Ingestion(store, 1000)
    for number in range(COUNT):
        source = "shop" if number % 6 == 0 else "bot"
        await ingestion.accept(TENANT, list(spans_of(number)), source=source)
    await ingestion.accept(OTHER, list(spans_of(0)), source="theirs")
    return TraceReader(store)


async def numbers(reader: TraceReader, wanted: TraceFilter, limit: int = 5) -> list[int]:
    """The traces of a whole list, page by page, by their numbers."""
    found: list[int] = []
    cursor: str | None = None
    while True:
        page, cursor = await reader.page(TENANT, wanted, cursor, limit)
        assert len(page) <= limit
        found += [int(trace.trace_id[1:]) for trace in page]
        if cursor is None:
            return found


NOT_EVEN = Condition("traces.span_count = ? and traces.name <> ?", (2, "agent 0"))

LISTS: list[tuple[TraceFilter, list[int]]] = [
    (TraceFilter(), list(range(COUNT))),
    (TraceFilter(status="error"), list(range(0, COUNT, 3))),
    (TraceFilter(source="shop"), [0, 6, 12, 18]),
    (TraceFilter(name="agent 1", status="error"), [3, 9, 15, 21]),
    (TraceFilter(model="gpt-4o"), list(range(0, COUNT, 4))),
    (TraceFilter(model="gpt-4o", status="error"), [0, 12]),
    (TraceFilter(text="needle7"), [7]),
    (TraceFilter(text="EVERYWHERE needle2*"), [2, 20, 21, 22, 23]),
    (TraceFilter(text='"no" such (words* AND'), []),
    (TraceFilter(text="needle"), []),
    (TraceFilter(text="needle7 !!! *"), [7]),
    (TraceFilter(text="!!!"), []),
    (TraceFilter(text="\0needle7\0"), [7]),
    (TraceFilter(started_from=AT // MS + 5_000, started_before=AT // MS + 8_000), [5, 6, 7]),
    (TraceFilter(min_duration_ms=23), [22, 23]),
    (TraceFilter(max_duration_ms=2, sort="durationMs"), [0, 1]),
    (TraceFilter(min_cost_nanos=22_000_000), [0, 1, 2]),
    (TraceFilter(max_cost_nanos=1_000_000), [23]),
    (
        TraceFilter(also=(Condition("traces.span_count = ? and traces.name <> ?", (2, "agent 0")),)),
        list(range(1, 24, 2)),
    ),
    (TraceFilter(outcome="pass"), []),
    (TraceFilter(source="nowhere"), []),
]


@pytest.mark.parametrize("look", [3, 10_000])
async def test_every_list_in_both_orders_whole_and_without_repeats(
    reader: TraceReader, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    monkeypatch.setattr(trace_pages, "LOOK_ROWS", look)
    monkeypatch.setattr(trace_pages, "LOOK_MATCHES", look)
    for wanted, expected in LISTS:
        assert await numbers(reader, wanted) == expected[::-1], wanted
        assert await numbers(reader, replace(wanted, descending=False)) == expected, wanted
        page, total = await reader.numbered(TENANT, wanted, 1, 3)
        assert (total, [int(trace.trace_id[1:]) for trace in page]) == (len(expected), expected[::-1][1:4]), wanted


async def test_by_duration_and_by_cost(reader: TraceReader) -> None:
    assert await numbers(reader, TraceFilter(sort="durationMs")) == list(range(COUNT))[::-1]
    assert await numbers(reader, TraceFilter(sort="costUsd", status="error")) == list(range(0, COUNT, 3))


@pytest.mark.parametrize(
    ("wanted", "cursor"),
    [
        (TraceFilter(), "zzz"),
        (TraceFilter(), "1~" + "a" * 24),
        (TraceFilter(sort="durationMs"), "a" * 24),
        (TraceFilter(sort="costUsd"), "1.5~" + "a" * 24),
        (TraceFilter(sort="startedAt"), "9" * 30 + "~" + "a" * 24),
        (TraceFilter(sort="durationMs"), "nan~" + "a" * 24),
        (TraceFilter(text="x"), "-1"),
        (TraceFilter(text="x", sort="startedAt"), None),
    ],
)
async def test_a_cursor_of_another_list_is_refused(
    reader: TraceReader, wanted: TraceFilter, cursor: str | None
) -> None:
    with pytest.raises(Invalid):
        await reader.page(TENANT, wanted, cursor, 5)


async def test_verdicts_choose_traces(reader: TraceReader, store: SqliteStore) -> None:
    sql = """insert into trace_evaluations (id, organization_id, project_id, execution_id, ordinal, trace_id,
      trace_name, judge_id, judge_name, judge_version, place, status, score, passed, created_at)
      values ($1, 'o', $2, 'x', $3, $4, 'n', $5, 'j', 1, 0, 'scored', 1.0, $6, 0)"""
    for number, judge, passed in ((1, "j1", True), (2, "j1", False), (3, "j2", True)):
        trace = await reader.get(TENANT, f"t{number}")
        row = (f"e{number}", TENANT.project_id, number, trace.id, judge, passed)
        await store.write(rows_of(sql, *row))
    assert await numbers(reader, TraceFilter(outcome="pass")) == [3, 1]
    assert await numbers(reader, TraceFilter(judge_id="j1")) == [2, 1]
    assert await numbers(reader, TraceFilter(judge_id="j1", outcome="fail")) == [2]


async def test_nobody_sees_another_projects_traces(reader: TraceReader) -> None:
    theirs = await reader.get(OTHER, "t0")
    assert theirs.id != (await reader.get(TENANT, "t0")).id
    with pytest.raises(NotFound):
        await reader.get(TENANT, theirs.id)
    assert await reader.delete_many(TENANT, [theirs.id]) == 0
    assert await reader.sources(TENANT) == ["bot", "shop"]
    assert len((await reader.page(OTHER, TraceFilter(text="everywhere"), None, 50))[0]) == 1


def tree_span(span_id: str, parent: str | None, at: int, **fields: Any) -> ReceivedSpan:
    started = AT + at * MS
    return ReceivedSpan("tree", Span(span_id=span_id, parent_id=parent, name=span_id, started_ns=started, **fields))


async def test_a_tree_has_each_span_once_whatever_its_parents(store: SqliteStore) -> None:
    spans = [
        tree_span("late", "root", 9),
        tree_span("deep", "early", 2, ended_ns=AT + 3 * MS),
        tree_span("orphan", "never came", 4),
        tree_span("round", "about", 6),
        tree_span("about", "round", 5),
        tree_span("itself", "itself", 7),
        tree_span("early", "root", 1),
        tree_span("root", None, 0),
    ]
    await Ingestion(store, 1000).accept(TENANT, spans, source="x")
    reader = TraceReader(store)
    trace = await reader.get(TENANT, "tree")
    lines = await reader.outline(trace)
    assert [(line.span_id, line.depth) for line in lines] == [
        ("root", 0),
        ("early", 1),
        ("deep", 2),
        ("late", 1),
        ("orphan", 0),
        ("about", 0),
        ("round", 1),
        ("itself", 0),
    ]
    assert [(line.offset_ms, line.duration_ms) for line in lines if line.span_id == "deep"] == [(2.0, 1.0)]
    assert [span.span_id for span in await reader.spans(trace)] == [line.span_id for line in lines]
    with pytest.raises(NotFound, match="has no span 'nope'"):
        await reader.span(trace, "nope")


async def test_shares_tell_models_apart(store: SqliteStore) -> None:
    spans = [
        tree_span("a", None, 0, kind="llm", model="m1", input_tokens=10, output_tokens=1, cost_usd="0.5"),
        tree_span("b", "a", 0, kind="llm", model="m1", input_tokens=20, output_tokens=2, ended_ns=AT + 4 * MS),
        tree_span("c", "a", 0, kind="tool", status="error"),
    ]
    await Ingestion(store, 1000).accept(TENANT, spans, source="x")
    reader = TraceReader(store)
    model, tool = await reader.shares(await reader.get(TENANT, "tree"))
    assert (model.model, model.spans, model.input_tokens, model.output_tokens) == ("m1", 2, 30, 3)
    assert (model.cost_nanos, model.unpriced, model.busy_ms) == (500_000_000, 1, 4.0)
    assert (tool.kind, tool.errors, tool.unpriced) == ("tool", 1, 0)


async def test_an_export_is_read_back_as_it_was(store: SqliteStore) -> None:
    ingestion, reader = Ingestion(store, 1000), TraceReader(store)
    text = b'{"input": 1.0,\r\n "children": [{"name": "x"}]}'
    mine = Uploads(ingestion, TENANT)
    await mine.take(list(records(b"[" + text + b"]", "array", AT)))
    await ingestion.accept(TENANT, list(spans_of(3)), source="shop")
    written = b"".join([piece async for piece in export(reader, TENANT, TraceFilter(), "jsonl")])
    assert written.count(b"\n") == 2
    taken = await Uploads(ingestion, OTHER).take(list(records(written, "lines", AT)))
    assert (len(taken.ids), taken.errors, taken.new_spans) == (2, [], 4)
    for trace_id in ("t3", (await reader.get(TENANT, mine.taken.ids[0])).trace_id):
        before, after = await reader.get(TENANT, trace_id), await reader.get(OTHER, trace_id)
        assert await reader.spans(before) == await reader.spans(after)
    copied = await reader.data(await reader.get(OTHER, taken.ids[1]))
    assert msgspec.json.decode(bytes(copied or b"")) == {"input": 1.0, "children": [{"name": "x"}]}
    assert bytes(await reader.data(await reader.get(TENANT, mine.taken.ids[0])) or b"") == text


async def test_an_export_stays_readable_when_its_traces_are_deleted_meanwhile(store: SqliteStore) -> None:
    ingestion, reader = Ingestion(store, 1000), TraceReader(store)
    for number in range(2):
        spans = [
            ReceivedSpan(f"d{number}", Span(span_id=f"{n:03}", started_ns=AT + n, name="x")) for n in range(PAGE + 1)
        ]
        await ingestion.accept(TENANT, spans, source="shop")
    pieces = export(reader, TENANT, TraceFilter(), "jsonl")
    written = [await anext(pieces)]
    assert await reader.delete_many(TENANT, ["d0", "d1"]) == 2
    lines = b"".join([*written, *[piece async for piece in pieces]]).splitlines()
    assert [len(json.loads(line)["spans"]) for line in lines] == [PAGE]


async def test_parquet_has_a_row_for_each_trace(reader: TraceReader, tmp_path: Path) -> None:
    from pyarrow import parquet

    wanted = TraceFilter(status="error")
    written = b"".join([piece async for piece in export(reader, TENANT, wanted, "parquet")])
    rows = parquet.read_table(io.BytesIO(written)).to_pylist()
    assert [row["traceId"] for row in rows] == [f"t{number}" for number in range(21, -1, -3)]
    assert [span["spanId"] for span in msgspec.json.decode(rows[0]["spans"])] == ["root", "call"]


async def test_what_is_deleted_is_gone_from_everywhere(reader: TraceReader, store: SqliteStore) -> None:
    await reader.delete(TENANT, "t7")
    assert await reader.delete_many(TENANT, ["t1", "t1", "nope", "t2"]) == 2
    assert len(await numbers(reader, TraceFilter())) == COUNT - 3
    assert await numbers(reader, TraceFilter(text="needle7")) == []
    (left,) = await store.read(rows_of("select count(*) as n from spans"))
    assert left["n"] == 2 * (COUNT - 3 + 1)
    with pytest.raises(NotFound):
        await reader.delete(TENANT, "t7")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("7d", None, None), (1_000_000_000_000 - 7 * 86_400_000, None)),
        (("last 45m", None, None), (1_000_000_000_000 - 45 * 60_000, None)),
        (("all", "2001-01-01", None), (978_307_200_000, None)),
        ((None, None, "2001-01-01T01:00:00+01:00"), (None, 978_307_200_000)),
    ],
)
def test_ranges_of_time(given: tuple[str | None, ...], expected: tuple[int | None, int | None]) -> None:
    assert range_of(*given, 1_000_000_000_000) == expected


@pytest.mark.parametrize("given", [("7", None, None), ("7d", "2001-01-01", None), (None, "soon", None)])
def test_what_is_no_range_is_refused(given: tuple[str | None, ...]) -> None:
    with pytest.raises(Invalid):
        range_of(*given, 0)
