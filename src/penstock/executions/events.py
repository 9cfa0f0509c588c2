"""What happens to executions, told to everybody who follows them: one feed per execution, however many read it.

    Signals ──▶ Feeds (one task) ──▶ Feed: ring of frames ──▶ readers, each a position
                  │ one read of the store for all that changed
                  ▼
                store ◀── a reader who is behind the ring reads pages for itself

A reader is told every event behind its position once, in order and without a gap; between them the progress, which is
always the latest and never queued; at last `done`. Whoever is slow costs a position: nothing is kept for him.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from penstock.clock import iso, now_ms
from penstock.errors import NotFound, Unavailable
from penstock.executions import paths
from penstock.executions.dispatch import Dispatcher
from penstock.executions.model import Execution
from penstock.executions.progress import ended_snapshot, live_snapshot, progress_body
from penstock.executions.ring import Ring, join
from penstock.executions.service import ExecutionService
from penstock.storage import events as event_rows
from penstock.storage.events import News, Wanted
from penstock.storage.executions import loads
from penstock.storage.store import Store, chunked
from penstock.types import JsonObject

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.1
"""What changes within it is told together. The first change after a quiet time is told at once."""
LOOK_SECONDS = 1.0
"""How often an execution that does not run in this process is looked at."""
REMOTE_PROGRESS_SECONDS = 5.0
"""How often the rows of such an execution are added up for its progress."""
PAGE = 200
LOOKED_AT_ONCE = 100
RETRY_SECONDS = 1.0


class Frame(Protocol):
    """Encodes one message: its type, its body, and its number where it has one."""

    def __call__(self, kind: str, body: Any, number: int | None = None) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Wire:
    """How messages look outside: `beat` is sent when there is nothing to tell."""

    frame: Frame
    log_body: Callable[[Any], JsonObject]
    beat: bytes
    heartbeat_seconds: float

    def event(self, row: Any) -> tuple[int, bytes]:
        """An event from its row (see `storage.events.page`)."""
        seq: int = row["seq"]
        return seq, self.frame(row["type"], event_body(row), seq)

    def log(self, row: Any) -> tuple[int, bytes]:
        """A line of the log from its row. It has a number of its own, so it does not move the cursor of events."""
        return row["no"], self.frame("log", self.log_body(row))


def event_body(row: Any) -> JsonObject:
    """What is told of an event: a change of status, an item that is finished, or what a job tells of its own."""
    told: JsonObject = loads(row["data"]) or {}
    if row["type"] == "status":
        return {"seq": row["seq"], "at": iso(row["at"]), "reason": None, **told}
    if row["type"] != "item":
        return {"seq": row["seq"], "at": iso(row["at"]), **told}
    if row["data"] is not None:
        path, status, error, started_at = told["itemPath"], told["status"], told["error"], told.get("startedAt")
    else:
        error = None if row["error"] is None else msgspec.Raw(row["error"].encode())
        path, status, started_at = paths.shown(row["path"]), row["status"], row["started_at"]
    took = row["at"] - started_at if isinstance(started_at, int) else None
    return {
        "seq": row["seq"],
        "path": path,
        "status": status,
        "finishedAt": iso(row["at"]),
        "durationMs": took,
        "error": error,
    }


@dataclass(slots=True)
class Feed:
    """What is told of one execution. `changed` is replaced by a new event each time it is set."""

    execution: Execution
    events: Ring
    logs: Ring | None = None
    readers: int = 0
    stale: bool = True
    """It may have changed since it was last looked at."""
    progress: bytes = b""
    last: tuple[int, bytes] | None = None
    """`done`, and the number of the event that ended the execution; None while it is not over."""
    gone: bytes | None = None
    beats: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    progress_key: Any = None
    looked_at: float = 0.0
    progress_at: float = 0.0
    woken_at: float = 0.0

    def wanted(self) -> Wanted:
        log = None if self.logs is None else self.logs.last
        return Wanted(self.execution, self.events.last, log)

    def state(self) -> tuple[Any, ...]:
        """Differs when there is something new to tell."""
        return self.events.last, self.logs and self.logs.last, self.last, self.progress

    def wake(self, now: float) -> None:
        self.woken_at = now
        self.changed.set()
        self.changed = asyncio.Event()


class Feeds:
    """Every execution that somebody follows. Without readers there is no feed, and no task."""

    def __init__(self, store: Store, dispatcher: Dispatcher, executions: ExecutionService, wire: Wire) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._executions = executions
        self.wire = wire
        self._feeds: dict[int, Feed] = {}
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.closed = False
        dispatcher.signals.observe = self._observe

    def __len__(self) -> int:
        return len(self._feeds)

    async def close(self) -> None:
        """End every stream between two frames; its reader may go on from there at another time."""
        self.stop()
        if self._task is not None:
            await asyncio.wait((self._task,))

    def stop(self) -> None:
        """The same without waiting for the end."""
        self.closed = True
        for feed in self._feeds.values():
            feed.wake(0.0)
        if self._task is not None:
            self._task.cancel()

    async def read(
        self, execution: Execution, after: int, logs_after: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Chunks of frames from behind an event, and of the log from behind a line of it (None: no log).

        Ends behind `done` when the execution is over, behind `gone` when it is deleted, and when the feeds are closed.
        """
        last_log = 0
        if logs_after is not None:
            last_log = await self._store.read(event_rows.last_log(execution))
        with self._joined(execution) as feed:
            if logs_after is not None and feed.logs is None:
                feed.logs = Ring(last_log)
            reader = _Reader(feed, self._store, self.wire, after, logs_after)
            while not self.closed:
                # Taken before looking, so that no change is missed in between.
                changed = feed.changed
                try:
                    chunk = await reader.next()
                except Unavailable as error:
                    logger.error("a stream of events ends, to be taken up again: %s", error.detail)
                    return
                if chunk:
                    yield chunk
                elif reader.over:
                    return
                else:
                    await changed.wait()

    @contextmanager
    def _joined(self, execution: Execution) -> Iterator[Feed]:
        feed = self._feeds.get(execution.no)
        # The number of a deleted execution may be given to another one while somebody still reads of the first.
        if feed is None or feed.execution.id != execution.id:
            feed = self._feeds[execution.no] = Feed(execution, Ring(execution.seq))
            self._work.set()
        elif feed.events.last < execution.seq:
            # It went on since the feed has looked, so what the feed takes for its end is none.
            feed.last, feed.stale = None, True
            self._work.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(), name="penstock-feeds")
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            if not feed.readers and self._feeds.get(execution.no) is feed:
                del self._feeds[execution.no]

    def _observe(self, execution_no: int) -> None:
        feed = self._feeds.get(execution_no)
        if feed is not None:
            feed.stale = True
            self._work.set()

    # The one task

    async def _follow(self) -> None:
        while self._feeds:
            more = False
            try:
                more = await self._look()
            except Unavailable as error:
                logger.error("streams of events wait for the store: %s", error.detail)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                # The boundary of the process's own loop: without it every stream would stand still for ever.
                logger.exception("following executions broke; going on in a moment")
                await asyncio.sleep(RETRY_SECONDS)
            if more:
                continue
            await asyncio.sleep(TICK_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_SECONDS, self.wire.heartbeat_seconds) / 2):
                    await self._work.wait()
            self._work.clear()

    async def _look(self) -> bool:
        """Tell what is new; True when there was more of it than one look takes."""
        now = asyncio.get_running_loop().time()
        more = False
        due = [feed for feed in self._feeds.values() if self._is_due(feed, now)]
        for some in chunked(due, LOOKED_AT_ONCE):
            for feed in some:
                feed.stale, feed.looked_at = False, now
            try:
                found = await self._store.read(event_rows.news([feed.wanted() for feed in some], PAGE))
            except BaseException:
                for feed in some:
                    feed.stale = True
                raise
            for feed, news in zip(some, found, strict=True):
                more = await self._tell(feed, news, now) or more
        for feed in self._feeds.values():
            if now - feed.woken_at >= self.wire.heartbeat_seconds:
                feed.beats += 1
                feed.wake(now)
        return more

    def _is_due(self, feed: Feed, now: float) -> bool:
        if feed.stale:
            return True
        return self._dispatcher.end_of(feed.execution.no) is None and now - feed.looked_at >= LOOK_SECONDS

    async def _tell(self, feed: Feed, news: News | None, now: float) -> bool:
        """Put what is new before the feed's readers; True when there is more."""
        before = feed.state()
        if news is None or not _take_events(feed, news, self.wire):
            feed.gone = self.wire.frame("gone", {"executionId": feed.execution.id})
            feed.wake(now)
            return False
        if feed.logs is not None:
            for row in news.logs:
                feed.logs.push(*self.wire.log(row))
        more = feed.events.last < news.seq or len(news.logs) == PAGE
        feed.stale = feed.stale or more
        feed.last = None
        if news.ended is None:
            await self._tell_progress(feed, news, now)
        elif not more:
            body = progress_body(ended_snapshot(news.ended), now_ms())
            feed.last = news.seq, self.wire.frame("done", body, news.seq)
        if before != feed.state():
            feed.wake(now)
        return more

    async def _tell_progress(self, feed: Feed, news: News, now: float) -> None:
        run = self._dispatcher.run_of(feed.execution.no)
        if run is not None:
            body = progress_body(
                live_snapshot(run.execution, run.tally, run.ledger, run.job.steps_per_item, now_ms()), now_ms()
            )
        elif feed.progress and (news.seq == feed.progress_key or now - feed.progress_at < REMOTE_PROGRESS_SECONDS):
            return
        else:
            with suppress(NotFound):
                _, body = await self._executions.progress(feed.execution.tenant, feed.execution.id)
                feed.progress, feed.progress_key, feed.progress_at = self.wire.frame("progress", body), news.seq, now
            return
        key = body["seq"], body["progress"], body["currentNode"], body["counts"]
        if key != feed.progress_key:
            feed.progress, feed.progress_key = self.wire.frame("progress", body), key


def _take_events(feed: Feed, news: News, wire: Wire) -> bool:
    """False when numbers are missing: the execution is being deleted, piece by piece."""
    for row in news.events:
        if row["seq"] != feed.events.last + 1:
            return False
        feed.events.push(*wire.event(row))
    return feed.events.last >= news.seq or len(news.events) == PAGE


class _Reader:
    """One caller's place in a feed."""

    def __init__(self, feed: Feed, store: Store, wire: Wire, after: int, logs_after: int | None) -> None:
        self.over = False
        self._feed = feed
        self._store = store
        self._wire = wire
        self._seq = after
        self._log = logs_after
        self._beats = feed.beats
        self._progress = b""

    async def next(self) -> bytes:
        """What is to be sent now; nothing when this reader knows all there is, or when it is `over`."""
        feed = self._feed
        if self.over:
            return b""
        parts = [await self._next_logs(), await self._next_events()]
        if self.over or feed.gone is not None:
            self.over = True
            return feed.gone or self._wire.frame("gone", {"executionId": feed.execution.id})
        if not any(parts):
            parts = self._between(feed)
        if any(parts):
            self._beats = feed.beats
        return b"".join(parts)

    def _between(self, feed: Feed) -> list[bytes]:
        """For one who has been told every event: the end, else the progress, else that the stream is alive."""
        if feed.last is not None and self._seq >= feed.last[0]:
            self.over = True
            return [feed.last[1]]
        if feed.progress is not self._progress:
            self._progress = feed.progress
            return [feed.progress]
        return [self._wire.beat] if self._beats != feed.beats else []

    async def _next_events(self) -> bytes:
        ring = self._feed.events
        if self._seq >= ring.floor:
            chunk, self._seq = ring.after(self._seq)
            return chunk
        rows = await self._store.read(event_rows.page(self._feed.execution, self._seq, PAGE))
        if [row["seq"] for row in rows] != list(range(self._seq + 1, self._seq + 1 + len(rows))) or not rows:
            self.over = True
            return b""
        chunk, self._seq = join([self._wire.event(row) for row in rows], self._seq)
        return chunk

    async def _next_logs(self) -> bytes:
        ring = self._feed.logs
        if self._log is None or ring is None:
            return b""
        if self._log >= ring.floor:
            chunk, self._log = ring.after(self._log)
            return chunk
        rows = await self._store.read(event_rows.log_page(self._feed.execution, self._log, PAGE))
        if not rows:
            self._log = ring.floor
            return b""
        chunk, self._log = join([self._wire.log(row) for row in rows], self._log)
        return chunk
