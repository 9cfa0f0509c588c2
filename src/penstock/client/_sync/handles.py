# Made from ../_async by scripts/unasync.py: change it there.
"""A handle: one run, whoever started it, and everything that can be asked of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from penstock.client import calls, polling
from penstock.client._sync.events import follow
from penstock.client._sync.runtime import sleep
from penstock.client._sync.transport import Pages, Transport
from penstock.client.errors import OUTCOME_ERRORS, APITimeoutError, ExecutionError
from penstock.client.events import Cursor, Event
from penstock.client.objects import Cancellation, Execution, Item, ItemCounts, ItemStatus, LogEntry, Pace, Status
from penstock.client.options import Budget

ProgressListener = Callable[[Execution], None]
ResultFormat = Literal["json", "ndjson", "csv"]
RetryItems = Literal["failed", "unfinished"] | Sequence[str]


class ExecutionHandle:
    """One run. `progress` is what was last heard of it; `refresh()` and `wait()` hear more."""

    def __init__(self, transport: Transport, progress: Execution) -> None:
        self._transport = transport
        self._path = f"/executions/{calls.segment(progress.execution_id)}"
        self.progress = progress

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.status}>"

    @property
    def id(self) -> str:
        """The id of what runs: the execution's."""
        return self.execution_id

    @property
    def execution_id(self) -> str:
        """The execution's id."""
        return self.progress.execution_id

    @property
    def status(self) -> Status:
        """The status that was last heard of."""
        return self.progress.status

    def refresh(self) -> Execution:
        """Ask how far it is."""
        self.progress = self._transport.fetch(calls.get(self._path), Execution)
        return self.progress

    def wait(
        self,
        timeout: float | None = None,
        on_progress: ProgressListener | None = None,
        *,
        show_progress: bool = False,
    ) -> Execution:
        """Wait until the run is over, and return how it ended.

        `timeout` is in seconds; when it is over, APITimeoutError is raised and the run goes on. Raises ExecutionFailed,
        ExecutionCancelled or ExecutionTimeout, with the execution's error object, for a run that did not complete; a
        completed one may hold failed items (`partial`). `on_progress` is called with each state that is heard of;
        `show_progress` draws a bar on standard error when that is a terminal.
        """
        with polling.listener(on_progress, show_progress) as tell:
            final = self._watch(timeout, tell)
        if final.status != "completed":
            raise self.ended_badly(final)
        return final

    def cancel(self) -> Cancellation:
        """Stop it: no step starts any more, calls in flight are aborted, finished items are kept.

        Returns the receipt: when the last call stopped, what was finished or dropped, what was spent after the click.
        Raises ConflictError when it has already ended in another way.
        """
        receipt = self._transport.fetch(calls.post(f"{self._path}/cancel", repeatable=True), Cancellation)
        self.refresh()
        return receipt

    def pause(self) -> Execution:
        """Set it aside: no step starts any more, those in flight finish, and it holds no place until it is resumed.

        Returns how it is, `paused` or still `running` while steps finish. Raises ConflictError when it is over.
        """
        self.progress = self._transport.fetch(calls.post(f"{self._path}/pause", repeatable=True), Execution)
        return self.progress

    def resume(self, *, concurrency: int | None = None, budget: Budget | None = None) -> Execution:
        """Let it go on where it stopped, with another concurrency or budget if given.

        `budget` is what it may consume in all, with what it has consumed so far: `{"usd": "5.00"}`, `{"tokens": n}`,
        `{"ecu": "10"}`. Raises ConflictError when it is not paused, or its budget is used up and none is given.
        """
        wanted = {"concurrency": concurrency, "budget": budget}
        body = {name: value for name, value in wanted.items() if value is not None}
        self.progress = self._transport.fetch(calls.post(f"{self._path}/resume", body), Execution)
        return self.progress

    def retry(
        self,
        items: RetryItems = "failed",
        *,
        error_codes: Sequence[str] = (),
        flow_version: int | None = None,
        idempotency_key: str | None = None,
    ) -> Execution:
        """Run the failed items again, inside this same execution: `failed`, `unfinished`, or the paths given.

        What succeeded is kept and not paid for again; results, cost and duration are merged. `flow_version` runs them
        with another version of the flow, which is how an item that failed because of the flow is repaired.
        """
        body: dict[str, Any] = {"items": items if isinstance(items, str) else [*items]}
        if error_codes:
            body["errorCodes"] = [*error_codes]
        if flow_version is not None:
            body["flowVersion"] = flow_version
        call = calls.start(f"{self._path}/retry", body, idempotency_key=idempotency_key)
        self.progress = self._transport.fetch(call, Execution)
        return self.progress

    def results(self) -> Any:
        """The results: one object when the run had one item, else a list in item order with None for failed items.

        Raises ConflictError while there are none.
        """
        return (self._transport.send(calls.get(f"{self._path}/results"))).json()

    def save_results(self, path: Path, format: ResultFormat) -> int:  # noqa: A002 - the word for it
        """Write the results to a file as they come, so that any number of them fits; returns the bytes written."""
        return self._transport.download(polling.results_call(self._path, format), path)

    def items(self, status: ItemStatus | None = None, *, limit: int | None = None) -> Pages[Item]:
        """Its items in order, with input, output, error, timings and cost: all, or the first `limit` of one status."""
        return self._transport.pages(f"{self._path}/items", Item, most=limit, status=status)

    def item(self, path: str) -> Item:
        """One item by its path, such as `3` or `3.7`. Raises NotFoundError while none is recorded there."""
        return self._transport.fetch(calls.get(f"{self._path}/items/{calls.segment(path)}"), Item)

    def item_counts(self) -> ItemCounts:
        """How many items are recorded of each status."""
        return self._transport.fetch(calls.get(f"{self._path}/item-counts"), ItemCounts)

    def pace(self) -> Pace:
        """Throughput and latency: how many items finished when, and how long they took."""
        return self._transport.fetch(calls.get(f"{self._path}/pace"), Pace)

    def logs(
        self, *, level: str | None = None, node: str | None = None, item: str | None = None, after: int | None = None
    ) -> Iterator[LogEntry]:
        """Its log in order: what each node did for each item."""
        return self._transport.pages(f"{self._path}/logs", LogEntry, level=level, node=node, item=item, after=after)

    def events(self, *, after: int | None = None, snapshot: bool = False, logs: bool = False) -> Generator[Event, None]:
        """What happens to it, as it happens, to its end: each change of status and each finished item once, in order.

        From the first one, or from behind number `after`; with `snapshot` from now on, beginning with how far it is.
        `logs` adds each line of the log. A connection that is lost is taken up again behind the last event.
        """
        return follow(self._transport, Cursor(self._path, after=after, snapshot=snapshot, logs=logs))

    def delete(self) -> None:
        """Remove it with its items and logs. Raises ConflictError while it runs."""
        self._transport.send(calls.delete(self._path))

    def ended_badly(self, final: Execution) -> ExecutionError:
        """The exception that says how it ended."""
        return OUTCOME_ERRORS[final.status](final.execution_id, final.error, self)

    def _watch(self, timeout: float | None, tell: ProgressListener | None) -> Execution:
        started = time.monotonic()
        while True:
            elapsed = time.monotonic() - started
            hold = polling.hold_seconds(elapsed, timeout, watched=tell is not None)
            asked = time.monotonic()
            left = None if timeout is None else timeout - elapsed
            answer = self._transport.send(polling.wait_call(self._path, hold, left))
            self.progress = answer.parse(Execution)
            if tell is not None:
                tell(self.progress)
            if self.progress.done:
                return self.progress
            now = time.monotonic()
            if timeout is not None and now - started >= timeout:
                raise APITimeoutError(f"{self.id} is still {self.status} after {timeout:g} s; it goes on")
            pause = polling.pause_seconds(hold, now - asked, calls.retry_after(answer.headers))
            sleep(pause if timeout is None else min(pause, started + timeout - now))
