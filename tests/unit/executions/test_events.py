"""Following executions: every event once and in order, whoever reads, however slowly, and from wherever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.executions import events, ring
from penstock.executions.events import Feeds, Wire
from penstock.executions.item import ItemRun
from penstock.executions.model import Execution, ResumeRequest, RetryRequest
from penstock.storage.store import Transaction
from penstock.testing.core import TENANT, Core, open_core, refuse
from penstock.types import Json

BEAT = b'{"kind":"beat"}\n'


def frame(kind: str, body: Any, number: int | None = None) -> bytes:
    return msgspec.json.encode({"kind": kind, "number": number, "body": body}) + b"\n"


def wire(heartbeat_seconds: float = 15.0) -> Wire:
    return Wire(frame, lambda row: {"no": row["no"], "path": row["path"]}, BEAT, heartbeat_seconds)


@asynccontextmanager
async def open_feeds(core: Core, heartbeat_seconds: float = 15.0) -> AsyncIterator[Feeds]:
    feeds = Feeds(core.store, core.dispatcher, core.service, wire(heartbeat_seconds))
    try:
        yield feeds
    finally:
        await feeds.close()


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path / "core.db") as core:
        yield core


@pytest.fixture
async def feeds(core: Core) -> AsyncIterator[Feeds]:
    async with open_feeds(core) as feeds:
        yield feeds


async def messages(chunks: AsyncGenerator[bytes, None]) -> AsyncIterator[dict[str, Any]]:
    async with aclosing(chunks):
        async for chunk in chunks:
            for line in chunk.splitlines():
                yield msgspec.json.decode(line)


async def all_of(feeds: Feeds, execution: Execution, after: int = 0, logs_after: int | None = None) -> list[Any]:
    async with asyncio.timeout(20):
        return [message async for message in messages(feeds.read(execution, after, logs_after))]


def numbered(told: list[Any]) -> list[int]:
    """Numbers of what moves the cursor; `done` repeats the last one."""
    return [message["number"] for message in told if message["kind"] in ("status", "item")]


async def one_step(core: Core, item: ItemRun) -> Json:
    return await core.step(item, "node", lambda _: item.input, final=True)


async def odd_ones_fail(core: Core, item: ItemRun) -> Json:
    return await core.step(item, "node", lambda _: refuse() if item.input % 2 else item.input, final=True)


async def finished(core: Core, count: int = 5) -> Execution:
    return await core.run(list(range(count)), lambda item: one_step(core, item))


class Gate:
    """Items wait here until it is opened; `reached` says that the first one does."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, item: ItemRun) -> Json:
        async def wait() -> Json:
            self.reached.set()
            await self.opened.wait()
            return item.input

        return await self.core.step(item, "node", lambda _: wait(), final=True)


async def test_what_happens_is_told_as_it_happens_and_then_the_stream_ends(core: Core, feeds: Feeds) -> None:
    gate = core.work = Gate(core)
    execution = await core.submit([0, 1, 2])
    stream = messages(feeds.read(execution, 0))
    async with asyncio.timeout(20):
        told = [await anext(stream), await anext(stream)]
        await gate.reached.wait()
        gate.opened.set()
        told += [message async for message in stream]
    assert numbered(told) == [1, 2, 3, 4, 5, 6]
    statuses = [message["body"]["status"] for message in told if message["kind"] == "status"]
    assert statuses == ["pending", "running", "completed"]
    assert sorted(message["body"]["path"] for message in told if message["kind"] == "item") == ["0", "1", "2"]
    last = told[-1]
    assert (last["kind"], last["number"], last["body"]["status"]) == ("done", 6, "completed")
    assert last["body"]["counts"]["succeeded"] == 3
    assert len(feeds) == 0


async def test_whoever_resumes_from_a_number_gets_exactly_what_follows(core: Core, feeds: Feeds) -> None:
    execution = await finished(core)
    for after in range(execution.seq + 1):
        told = await all_of(feeds, execution, after)
        assert numbered(told) == list(range(after + 1, execution.seq + 1))
        assert [message["kind"] for message in told].count("done") == 1
        assert told[-1]["kind"] == "done"


async def test_a_failed_item_and_a_bad_end_say_why(core: Core, feeds: Feeds) -> None:
    execution = await core.run([1, 3], lambda item: odd_ones_fail(core, item))
    told = await all_of(feeds, execution)
    items = [message["body"] for message in told if message["kind"] == "item"]
    assert [item["error"]["code"] for item in items] == ["refused", "refused"]
    assert all(item["durationMs"] >= 0 and item["finishedAt"].endswith("Z") for item in items)
    end = told[-2]["body"]
    assert (end["status"], end["reason"]["code"]) == ("failed", "refused")


async def test_a_retry_goes_on_counting_and_loses_no_number(core: Core, feeds: Feeds) -> None:
    execution = await core.run([0, 1, 2, 3], lambda item: odd_ones_fail(core, item))
    first = await all_of(feeds, execution)
    core.work = lambda item: one_step(core, item)
    await core.service.retry(TENANT, execution.id, RetryRequest())
    ended = await core.finished(execution)
    again = await all_of(feeds, ended)
    assert numbered(again) == list(range(1, ended.seq + 1))
    assert [message for message in again if message["kind"] == "item"][:4] == [
        message for message in first if message["kind"] == "item"
    ]
    assert numbered(await all_of(feeds, ended, execution.seq)) == list(range(execution.seq + 1, ended.seq + 1))
    assert [message["kind"] for message in again].count("done") == 1


async def test_a_reader_whom_the_ring_has_left_behind_reads_the_store(
    core: Core, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring, "FRAMES", 4)
    monkeypatch.setattr(ring, "CHUNK_BYTES", 300)
    monkeypatch.setattr(events, "PAGE", 3)
    gate = core.work = Gate(core)
    execution = await core.submit(list(range(40)))
    slow = feeds.read(execution, 0)
    told = [*(await anext(slow)).splitlines()]
    quick = asyncio.create_task(all_of(feeds, execution))
    gate.opened.set()
    assert numbered(await quick) == list(range(1, 44))
    async with asyncio.timeout(20):
        async for chunk in slow:
            assert len(chunk) < 2000
            told += chunk.splitlines()
    assert numbered([msgspec.json.decode(line) for line in told]) == list(range(1, 44))


async def test_many_readers_cost_no_more_reads_than_one(
    core: Core, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = core.work = Gate(core)
    execution = await core.submit(list(range(50)))
    await gate.reached.wait()
    seq = (await core.service.get(TENANT, execution.id)).seq
    readers = [asyncio.create_task(all_of(feeds, execution, seq)) for _ in range(200)]
    while sum(feed.readers for feed in feeds._feeds.values()) < 200:
        await asyncio.sleep(0)
    reads = 0
    read = core.store.read

    async def counted(transaction: Transaction[Any]) -> Any:
        nonlocal reads
        reads += 1
        return await read(transaction)

    monkeypatch.setattr(core.store, "read", counted)
    gate.opened.set()
    told = await asyncio.gather(*readers)
    assert all(numbered(one) == list(range(seq + 1, 54)) for one in told)
    assert reads < 50


async def test_one_who_does_not_read_holds_nobody_up(core: Core, feeds: Feeds) -> None:
    gate = core.work = Gate(core)
    execution = await core.submit(list(range(20)))
    stuck = feeds.read(execution, 0)
    await anext(stuck)
    gate.opened.set()
    assert numbered(await all_of(feeds, execution)) == list(range(1, 24))
    await stuck.aclose()
    assert len(feeds) == 0


async def test_readers_that_leave_take_the_feed_with_them(core: Core, feeds: Feeds) -> None:
    core.work = Gate(core)
    execution = await core.submit([0])
    readers = [asyncio.create_task(all_of(feeds, execution)) for _ in range(20)]
    while not feeds._feeds or feeds._feeds[execution.no].readers < 20:
        await asyncio.sleep(0)
    for reader in readers:
        reader.cancel()
    await asyncio.wait(readers)
    assert len(feeds) == 0


async def test_a_quiet_stream_says_that_it_is_alive(core: Core) -> None:
    core.work = Gate(core)
    async with open_feeds(core, heartbeat_seconds=0.05) as feeds, asyncio.timeout(20):
        stream = messages(feeds.read(await core.submit([0]), 0))
        beat = await anext(stream)
        while beat["kind"] != "beat":
            beat = await anext(stream)
        assert "id" not in beat, "a heartbeat does not move the cursor"


async def test_a_stopping_server_ends_streams_between_two_frames(core: Core, feeds: Feeds) -> None:
    core.work = Gate(core)
    execution = await core.submit([0])
    reader = asyncio.create_task(all_of(feeds, execution))
    while not len(feeds):
        await asyncio.sleep(0)
    await feeds.close()
    assert "done" not in [message["kind"] for message in await reader]


async def test_a_deleted_execution_is_gone(core: Core, feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "CHUNK_BYTES", 1)
    execution = await finished(core, 3)
    stream = messages(feeds.read(execution, 0))
    assert (await anext(stream))["number"] == 1
    await core.service.delete(TENANT, execution.id)
    async with asyncio.timeout(20):
        assert [message["kind"] async for message in stream] == ["gone"]


async def test_an_execution_that_another_process_runs_is_followed_too(tmp_path: Path, core: Core) -> None:
    gate = core.work = Gate(core)
    execution = await core.submit([0, 1])
    await gate.reached.wait()
    async with open_core(tmp_path / "core.db", works=False) as other, open_feeds(other) as feeds:
        stream = messages(feeds.read(execution, 0))
        async with asyncio.timeout(20):
            told = [await anext(stream)]
            gate.opened.set()
            told += [message async for message in stream]
    assert numbered(told) == [1, 2, 3, 4, 5]
    assert told[-1]["kind"] == "done"


async def test_a_paused_execution_keeps_its_stream_open(core: Core, feeds: Feeds) -> None:
    gate = core.work = Gate(core)
    execution = await core.submit([0, 1, 2], concurrency=1)
    stream = messages(feeds.read(execution, 0))
    await gate.reached.wait()
    pausing = asyncio.create_task(core.service.pause(TENANT, execution.id))
    gate.opened.set()
    told = []
    async with asyncio.timeout(20):
        await pausing
        async for message in stream:
            told.append(message)
            if message["kind"] == "status" and message["body"]["status"] == "paused":
                break
        assert told[-1]["body"]["reason"]["code"] == "requested"
        await core.service.resume(TENANT, execution.id, ResumeRequest())
        told += [message async for message in stream]
    assert numbered(told) == list(range(1, told[-1]["number"] + 1))
    assert told[-1]["body"]["status"] == "completed"


async def test_the_log_comes_on_request_each_line_once(core: Core, feeds: Feeds) -> None:
    gate = core.work = Gate(core)
    execution = await core.submit(list(range(6)))
    live = asyncio.create_task(all_of(feeds, execution, 0, 0))
    gate.opened.set()
    lines = [message["body"]["no"] for message in await live if message["kind"] == "log"]
    assert len(lines) == len(set(lines)) == 6
    assert lines == sorted(lines)
    rest = await all_of(feeds, execution, execution.seq, lines[2])
    assert [message["body"]["no"] for message in rest if message["kind"] == "log"] == lines[3:]
    assert not [message for message in await all_of(feeds, execution) if message["kind"] == "log"]
