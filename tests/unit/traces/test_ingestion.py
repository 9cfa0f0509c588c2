"""Spans come in: once each, in any order, and the trace says what they amount to."""

from __future__ import annotations

import asyncio
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.clock import now_ms
from penstock.errors import Unavailable
from penstock.retention.keeper import Keeper
from penstock.retention.policy import DAY_MS
from penstock.storage import traces as sql
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.traces import ingestion as module
from penstock.traces.ingestion import Accepted, Ingestion
from penstock.traces.model import LATEST_NS, ReceivedSpan, Span, Trace
from penstock.traces.packing import unpack
from penstock.types import Tenant

TENANT = Tenant("a" * 24, "b" * 24)
OTHER = Tenant("a" * 24, "c" * 24)
AT = 1_790_000_000_000_000_000
MS = 1_000_000


def span(span_id: str, parent: str | None = None, *, at: int = 0, **fields: Any) -> ReceivedSpan:
    """A span of the trace `t` that begins at so many milliseconds and takes 10."""
    started = AT + at * MS
    given: dict[str, Any] = {"name": span_id, "started_ns": started, "ended_ns": started + 10 * MS, **fields}
    return ReceivedSpan("t", Span(span_id=span_id, parent_id=parent, **given), {"service.name": "shop"})


def call(span_id: str, parent: str = "root", *, at: int = 0, **fields: Any) -> ReceivedSpan:
    given = {"kind": "llm", "model": "gpt-4o-mini", "provider": "openai", "input_tokens": 1000, "output_tokens": 100}
    return span(span_id, parent, at=at, **{**given, **fields})


AGENT = [
    span("root", kind="agent", input="What is new?", output="Nothing.", ended_ns=AT + 100 * MS, status="ok"),
    call("first", at=5, input=[{"role": "user", "content": "hi"}], output="a"),
    call("second", at=20, model="nobody-knows-it"),
    span("tool", "first", at=40, kind="tool", status="error", status_message="timed out"),
    call("third", at=60, cost_usd="0.5"),
]


@pytest.fixture
def ingestion(store: SqliteStore) -> Ingestion:
    return Ingestion(store, 1000)


async def accept(ingestion: Ingestion, *spans: ReceivedSpan, tenant: Tenant = TENANT, **more: Any) -> Accepted:
    return await ingestion.accept(tenant, spans, source=more.pop("source", "otlp"), **more)


async def trace(store: SqliteStore, trace_id: str = "t", tenant: Tenant = TENANT) -> Trace:
    found = await store.read(sql.find(tenant, trace_id))
    assert found is not None
    return found


async def count(store: SqliteStore, table: str) -> int:
    rows = await store.read(rows_of(f"select count(*) as n from {table}"))
    n: int = rows[0]["n"]
    return n


async def found_by(store: SqliteStore, text: str, tenant: Tenant = TENANT) -> list[int]:
    rows = await store.read(
        rows_of("select rowid from trace_words where trace_words match $1", sql.matching(tenant.project_id, text))
    )
    return [row["rowid"] // sql.PARTS for row in rows]


async def test_a_trace_is_what_its_spans_amount_to(store: SqliteStore, ingestion: Ingestion) -> None:
    taken = await accept(ingestion, *AGENT)
    found = await trace(store)
    assert taken == Accepted((found.id,), 5, 0, ())
    assert (found.name, found.status, found.source) == ("root", "ok", "shop")
    assert (found.input, found.output) == ("What is new?", "Nothing.")
    assert (found.started_at, found.duration_ms) == (AT // MS, 100.0)
    assert (found.span_count, found.error_count, found.model_calls) == (5, 1, 3)
    assert (found.input_tokens, found.output_tokens, found.unpriced_calls) == (3000, 300, 1)
    # 0.15 and 0.60 dollars for a million tokens of gpt-4o-mini, and half a dollar as the sender says.
    assert found.cost_nanos == 1000 * 150 + 100 * 600 + 500_000_000
    assert found.metadata == {"service.name": "shop"}


async def test_the_order_in_which_spans_come_changes_nothing(store: SqliteStore, ingestion: Ingestion) -> None:
    expected: dict[str, Any] = {}
    for seed in range(12):
        shuffled = random.Random(seed).sample(AGENT, len(AGENT))
        cut = random.Random(seed).randint(1, 4)
        for part in (shuffled[:cut], shuffled[cut:]):
            await accept(ingestion, *(replace(one, trace_id=f"t{seed}") for one in part))
        found = asdict(await trace(store, f"t{seed}"))
        for own in ("id", "no", "trace_id", "created_at", "updated_at"):
            del found[own]
        expected = expected or found
        assert found == expected


async def test_before_the_root_comes_the_earliest_span_speaks(store: SqliteStore, ingestion: Ingestion) -> None:
    await accept(ingestion, AGENT[3], AGENT[1])
    found = await trace(store)
    assert (found.name, found.status, found.input, found.output) == ("first", "error", "hi", "a")


async def test_what_is_sent_again_changes_nothing(store: SqliteStore, ingestion: Ingestion) -> None:
    await accept(ingestion, *AGENT)
    before = replace(await trace(store), updated_at=0)
    again = await accept(ingestion, *AGENT, AGENT[0])
    assert (again.new_spans, again.repeated_spans, again.rejected) == (0, 6, ())
    assert replace(await trace(store), updated_at=0) == before
    assert (await count(store, "spans"), await count(store, "trace_words")) == (5, 1)


async def test_other_content_under_the_same_id_is_refused_and_the_first_stays(
    store: SqliteStore, ingestion: Ingestion
) -> None:
    await accept(ingestion, span("s"))
    taken = await accept(ingestion, span("new"), span("s", name="changed"), span("new", name="twice"))
    assert taken.new_spans == 1
    assert [index for index, _ in taken.rejected] == [1, 2]
    assert "other content" in taken.rejected[0][1]
    assert (await trace(store)).name == "s"


async def test_projects_share_no_trace(store: SqliteStore, ingestion: Ingestion) -> None:
    mine = await accept(ingestion, span("s", input="secret word"))
    theirs = await accept(ingestion, span("s", input="other"), tenant=OTHER)
    assert (theirs.new_spans, theirs.trace_ids == mine.trace_ids) == (1, False)
    assert await store.read(sql.find(OTHER, mine.trace_ids[0])) is None
    assert (len(await found_by(store, "secret")), await found_by(store, "secret", OTHER)) == (1, [])


async def test_ids_come_in_the_order_of_the_traces(store: SqliteStore, ingestion: Ingestion) -> None:
    mixed = [replace(span(f"s{n}"), trace_id=f"t{n % 3}") for n in (2, 0, 5, 1)]
    taken = await accept(ingestion, *mixed)
    assert [(await trace(store, one)).trace_id for one in taken.trace_ids] == ["t2", "t0", "t1"]


async def test_circles_of_parents_and_parents_that_never_come_are_kept(
    store: SqliteStore, ingestion: Ingestion
) -> None:
    taken = await accept(ingestion, span("a", "b"), span("b", "a", at=1), span("self", "self"), span("lost", "gone"))
    assert (taken.new_spans, (await trace(store)).name) == (4, "a")


async def test_times_of_the_future_are_kept_and_impossible_ones_refused(
    store: SqliteStore, ingestion: Ingestion
) -> None:
    taken = await accept(
        ingestion,
        span("future", started_ns=LATEST_NS - 1, ended_ns=LATEST_NS),
        span("backwards", started_ns=20, ended_ns=10),
        span("later", started_ns=LATEST_NS + 1),
        span("before", started_ns=-1),
    )
    assert [index for index, _ in taken.rejected] == [2, 3]
    assert (await trace(store)).ended_at == LATEST_NS // MS


async def test_spans_and_traces_have_a_size(
    store: SqliteStore, ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SPANS", 3)
    large = span("large", original=b"x" * (8 * 1024 * 1024 + 1))
    fits = span("fits", attributes={"blob": "y" * (5 * 1024 * 1024)})
    taken = await accept(ingestion, large, fits, *(span(f"s{n}") for n in range(4)), span("i" * 300))
    assert [index for index, _ in taken.rejected] == [0, 4, 5, 6]
    assert (await trace(store)).span_count == 3


async def test_ten_thousand_spans_of_one_trace_come_at_once(store: SqliteStore, ingestion: Ingestion) -> None:
    spans = [span(f"s{n}", "s0" if n else None, at=n % 7) for n in range(10_000)]
    assert (await accept(ingestion, *spans)).new_spans == 10_000
    assert (await accept(ingestion, *spans)).repeated_spans == 10_000
    assert (await trace(store)).span_count == 10_000


async def test_many_callers_lose_nothing_to_one_another(store: SqliteStore, ingestion: Ingestion) -> None:
    taken = await asyncio.gather(*(accept(ingestion, call(f"s{n}"), span("shared")) for n in range(50)))
    assert sum(one.new_spans for one in taken) == 51
    assert len({one.trace_ids for one in taken}) == 1
    found = await trace(store)
    assert (found.span_count, found.input_tokens) == (51, 50_000)


async def test_traces_are_found_by_every_word(store: SqliteStore, ingestion: Ingestion) -> None:
    await accept(ingestion, *AGENT, span("x", "root", input={"deep": ["Zürich lies here"]}, attributes={"tag": "blue"}))
    for text in ("new", "zürich bl*", "TIMED out", "gpt-4o-mini root", 'quote" AND (', ""):
        expected = 0 if text.startswith("quote") else 1
        assert len(set(await found_by(store, text))) == expected, text
    assert await found_by(store, "green") == []


async def test_originals_and_uploads_come_back_as_they_were(store: SqliteStore, ingestion: Ingestion) -> None:
    data = {"spans": [{"odd": None, "n": 2**60}], "text": "z" * 5000}
    await accept(ingestion, span("m", original=b"\0\1message"), source="upload", filename="f.json", data=data)
    await accept(ingestion, span("j", original={"x": [1, None]}))
    found = await trace(store)
    assert (found.source, found.filename) == ("upload", "f.json")
    packed = await store.read(sql.data_of(found))
    assert packed is not None
    assert msgspec.json.decode(unpack(packed)[0]) == data
    rows = [await store.read(sql.span_of(found, span_id)) for span_id in ("m", "j")]
    assert unpack(rows[0]["original"]) == (b"\0\1message", False)
    assert unpack(rows[1]["original"]) == (b'{"x":[1,null]}', True)


async def test_what_is_no_json_is_refused_alone(ingestion: Ingestion) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    taken = await accept(ingestion, span("deep", input=deep), span("object", input=object()), span("fine"))
    assert ([index for index, _ in taken.rejected], taken.new_spans) == ([0, 1], 1)


async def test_senders_cannot_make_sums_overflow(store: SqliteStore, ingestion: Ingestion) -> None:
    await accept(
        ingestion,
        call("a", input_tokens=2**53, output_tokens=2**53, model="gpt-4o"),
        call("b", cost_usd="99999999999"),
        call("c", cost_usd="NaN"),
        call("d", input_tokens=10, cached_tokens=500, cache_write_tokens=500),
    )
    found = await trace(store)
    assert (found.span_count, found.unpriced_calls) == (4, 2)
    assert found.input_tokens == 10**12 + 2000 + 10


async def test_more_than_there_is_room_for_is_asked_to_come_again(ingestion: Ingestion) -> None:
    with ingestion.waiting(5000):
        with pytest.raises(Unavailable) as caught, ingestion.waiting(1):
            pass
        assert caught.value.retry_after_seconds
    with ingestion.waiting(600), ingestion.waiting(400):
        pass


async def test_what_cannot_be_written_was_not_taken(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "no-tables.db")
    try:
        with pytest.raises(Unavailable):
            await Ingestion(store, 1000).accept(TENANT, AGENT, source="otlp")
    finally:
        await store.close()


async def test_old_traces_go_with_everything_of_them(store: SqliteStore, ingestion: Ingestion) -> None:
    insert = "insert into projects (id, organization_id, name, settings, created_at) values ($1, $2, $1, $3, 0)"
    settings = '{"retentionDays": 0, "retentionDaysByKind": {"trace": 7}}'
    await store.write(rows_of(insert, TENANT.project_id, TENANT.organization_id, settings))
    await accept(ingestion, *AGENT)
    await accept(ingestion, *(replace(span(f"s{n}"), trace_id="long") for n in range(400)))
    await accept(ingestion, *AGENT, tenant=OTHER)

    await Keeper(store, 0, now=lambda: now_ms() + 6 * DAY_MS).keep()
    assert await count(store, "traces") == 3
    await Keeper(store, 0, now=lambda: now_ms() + 8 * DAY_MS).keep()
    assert [await count(store, table) for table in ("traces", "spans", "trace_words")] == [1, 5, 1]
    assert (await trace(store, tenant=OTHER)).span_count == 5


async def test_a_deleted_trace_is_gone_at_once_and_its_id_is_free(store: SqliteStore, ingestion: Ingestion) -> None:
    await accept(ingestion, *AGENT)
    old = await trace(store)
    assert await store.write(sql.disown(old))
    assert not await store.write(sql.disown(old))
    assert await store.read(sql.find(TENANT, "t")) is None
    assert await found_by(store, "root") != []
    assert (await accept(ingestion, AGENT[0])).new_spans == 1
    while await store.write(sql.sweep(2)):
        pass
    assert [await count(store, table) for table in ("traces", "spans", "trace_words")] == [1, 1, 1]
