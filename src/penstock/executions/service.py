"""What every face (HTTP, command line, other jobs) calls: submit, wait, look, cancel, retry, delete."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from penstock.clock import iso, now_ms
from penstock.errors import Conflict, Invalid, LimitReached, NotFound, Unprocessable
from penstock.executions import paths
from penstock.executions.dispatch import Dispatcher
from penstock.executions.elsewhere import Elsewhere
from penstock.executions.ending import Ending, conclude
from penstock.executions.model import (
    Execution,
    ExecutionFilter,
    ItemFilter,
    ResumeRequest,
    RetryRequest,
    Status,
    Submission,
    Submitted,
)
from penstock.executions.progress import (
    Snapshot,
    ended_snapshot,
    live_snapshot,
    progress_body,
)
from penstock.executions.reopening import choose, stored_path
from penstock.executions.runner import ASKED_FOR
from penstock.executions.standing import Standing, Standings
from penstock.failpoints import reached
from penstock.ids import new_execution_id
from penstock.redaction import Redactor
from penstock.storage import execution_pages, retention
from penstock.storage import executions as execution_rows
from penstock.storage import items as item_rows
from penstock.storage import steps as step_rows
from penstock.storage import suspects as suspect_rows
from penstock.storage.executions import dumps
from penstock.storage.store import Store, Transaction
from penstock.types import Json, JsonObject, Tenant

T = TypeVar("T")

REMOTE_LOOK_SECONDS = 0.1
"""How often a waiter looks at an execution that another process runs."""
WAITING_LOOK_SECONDS = 1.0
"""How often it looks at one that waits for this process, which signals what it does; others may still cancel it."""
PAGE = 500
HANDED_ON = 16
"""So many inputs go from the request to the run at hand; more are read page by page from where they are stored."""
DELETED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class LogFilter:
    """`after` is the number of the last line seen; `path` an item path as shown."""

    after: int = 0
    limit: int = 100
    node: str | None = None
    path: str | None = None
    level: step_rows.LogLevel = "info"


class ExecutionService:
    """Executions of every kind, for callers of every tenant; each call names the tenant it is for."""

    def __init__(self, store: Store, dispatcher: Dispatcher, *, max_queued: int) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._signals = dispatcher.signals
        self._standings = Standings(store, dispatcher, max_queued)
        self._elsewhere = Elsewhere(store)
        self._charging = dispatcher.charging
        self._starting: set[asyncio.Task[Any]] = set()

    # Starting

    async def limited(self, tenant: Tenant) -> bool:
        """Whether compute units limit the tenant: then a submission had better say the most it takes."""
        return await self._charging.limited(tenant)

    async def submit(self, submission: Submission) -> Submitted:
        """Accept work: when this returns, the execution is on disk and will be run whatever happens.

        An idempotency key that was seen with the same request returns the execution it started.
        Raises `Unprocessable` for the same key with another request, `LimitReached` when too many are waiting.
        """
        inputs = None if submission.inputs is None else await _texts(submission.inputs)
        full = await self._standings.refusal(submission.tenant)
        return await self._to_its_end(self._start(submission, inputs, full))

    async def _to_its_end(self, start: Coroutine[Any, Any, T]) -> T:
        """What is written as claimed must be begun, so a caller who goes away in between may not stop it halfway."""
        starting = asyncio.create_task(start)
        self._starting.add(starting)
        starting.add_done_callback(self._starting.discard)
        return await asyncio.shield(starting)

    async def _start(self, submission: Submission, inputs: list[str] | None, full: LimitReached | None) -> Submitted:
        project_id = submission.tenant.project_id
        reserved = await self._dispatcher.reserve(submission.lane, project_id)
        owner = None if reserved is None else reserved.owner
        begun = False
        try:
            submitted = await self._store.write(self._accept(submission, inputs, owner, full))
            reached("submit.after_commit")
            begun = reserved is not None and not submitted.replayed
        finally:
            if reserved is not None and not begun:
                self._dispatcher.give_back(submission.lane, project_id)
        if begun and reserved is not None:
            self._dispatcher.begin(submitted.execution, reserved)
        elif not submitted.replayed:
            self._dispatcher.look_soon(submission.lane, project_id)
        return submitted

    def _accept(
        self, submission: Submission, inputs: list[str] | None, owner: str | None, full: LimitReached | None
    ) -> Transaction[Submitted]:
        now = now_ms()
        project_id = submission.tenant.project_id
        if submission.idempotency_key is not None:
            found = yield from execution_rows.find_idempotent(project_id, submission.idempotency_key, now)
            if found is not None:
                key, request_hash = submission.idempotency_key, submission.request_hash
                known = yield from _same_request(submission.tenant, key, request_hash, *found)
                return Submitted(known, replayed=True)
        if full is not None:
            raise full
        execution_id = new_execution_id()
        execution = yield from execution_rows.insert(execution_id, submission, now)
        if inputs is not None:
            yield from item_rows.insert_pending(execution.no, 0, inputs)
        if submission.idempotency_key is not None:
            yield from execution_rows.remember_idempotent(
                project_id, submission.idempotency_key, submission.request_hash, execution_id, now
            )
        if submission.alongside is not None:
            yield from submission.alongside(execution_id)
        yield from self._charging.reserve(execution, submission.most_ecu_micros)
        if owner is not None:
            execution = (yield from execution_rows.claim(execution.no, execution.lease_number, owner)) or execution
            if inputs is not None and len(inputs) <= HANDED_ON:
                execution = dataclasses.replace(execution, inputs=tuple(inputs))
        reached("submit.in_transaction")
        return Submitted(execution)

    # Looking

    async def get(self, tenant: Tenant, execution_id: str) -> Execution:
        """Raises `NotFound`, also for another tenant's."""
        return _found(await self._store.read(execution_rows.get(tenant, execution_id)), execution_id)

    async def wait(self, tenant: Tenant, execution_id: str, timeout_seconds: float | None) -> Execution:
        """The execution when it is over, or as it is when the time is up. Waiting changes nothing about it."""
        return await self.wait_for(await self.get(tenant, execution_id), timeout_seconds)

    async def wait_for(
        self, execution: Execution, timeout_seconds: float | None, *, until_paused: bool = False
    ) -> Execution:
        """The same for an execution at hand; `until_paused` waits no longer once it is paused either."""
        loop = asyncio.get_running_loop()
        give_up = None if timeout_seconds is None else loop.time() + timeout_seconds
        while not _settled(execution, until_paused=until_paused):
            left = None if give_up is None else give_up - loop.time()
            if left is not None and left <= 0:
                break
            ended = self._dispatcher.end_of(execution.no)
            if ended is not None:
                await asyncio.wait((ended,), timeout=left)
                execution = (ended.result() if ended.done() else None) or await self.get(execution.tenant, execution.id)
                continue
            changed = self._signals.next_change(execution.no)
            execution = await self.get(execution.tenant, execution.id)
            if not _settled(execution, until_paused=until_paused) and self._dispatcher.end_of(execution.no) is None:
                look = WAITING_LOOK_SECONDS if self._dispatcher.works else REMOTE_LOOK_SECONDS
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(look if left is None else min(left, look)):
                        await changed.wait()
        return execution

    async def page(
        self, tenant: Tenant, wanted: ExecutionFilter, cursor: str | None, limit: int, *, queue: bool = False
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of progress bodies, newest first, and the cursor of the next page.

        With `queue`, those that wait to start say where they stand, which is one more look for each of them.
        """
        found = await self._store.read(execution_pages.page(tenant, wanted, cursor, limit + 1))
        bodies = [progress_body(await self._snapshot(execution), now_ms()) for execution in found[:limit]]
        if queue:
            for execution, body in zip(found, bodies, strict=False):
                body["queue"] = await self._queue_body(execution)
        return bodies, found[limit - 1].id if len(found) > limit else None

    async def progress(self, tenant: Tenant, execution_id: str) -> tuple[Execution, dict[str, Any]]:
        """An execution and its progress body, without results."""
        execution = await self.get(tenant, execution_id)
        body = progress_body(await self._snapshot(execution), now_ms())
        body["queue"] = await self._queue_body(execution)
        return execution, body

    async def _queue_body(self, execution: Execution) -> JsonObject | None:
        standing = await self._standings.of(execution)
        if standing is None:
            return None
        starts = None if standing.starts_at is None else iso(standing.starts_at)
        return {"position": standing.position, "estimatedStart": starts}

    async def _snapshot(self, execution: Execution) -> Snapshot:
        if execution.status.terminal:
            return ended_snapshot(execution)
        run = self._dispatcher.run_of(execution.no)
        if run is not None:
            return live_snapshot(execution, run.tally, run.ledger, run.job.steps_per_item, now_ms())
        return await self._elsewhere.snapshot(execution)

    async def standing(self, execution: Execution) -> Standing | None:
        """Where it stands in the queue; None when it does not wait to start."""
        return await self._standings.of(execution)

    async def items(
        self, tenant: Tenant, execution_id: str, wanted: ItemFilter, cursor: str | None, limit: int
    ) -> tuple[list[Any], str | None]:
        """A page of item rows in order (see `storage.items.page`) and the cursor of the next page."""
        execution = await self.get(tenant, execution_id)
        after = "" if cursor is None else stored_path(cursor)
        rows = await self._store.read(item_rows.page(tenant, execution.no, wanted, after, limit + 1))
        following = paths.shown(rows[limit - 1]["path"]) if len(rows) > limit else None
        return rows[:limit], following

    async def item(self, tenant: Tenant, execution: Execution, path: str) -> Any:
        """The row of one item by its path as shown. Raises `Invalid` for what is no path, and `NotFound`."""
        rows = await self._store.read(item_rows.page(tenant, execution.no, ItemFilter(path=stored_path(path)), "", 1))
        if not rows:
            raise NotFound("item_unknown", f"No item {path!r} of this execution is recorded.")
        return rows[0]

    async def item_counts(self, execution: Execution) -> dict[str, int]:
        """How many items of each status are recorded."""
        return await self._store.read(item_rows.counts(execution.no))

    async def outputs(self, tenant: Tenant, execution: Execution) -> AsyncIterator[list[Any]]:
        """Pages of rows (path, status, output, error) of every item, in order."""
        after = ""
        while True:
            rows = await self._store.read(item_rows.outputs(tenant, execution.no, after, PAGE))
            if rows:
                yield rows
            if len(rows) < PAGE:
                return
            after = rows[-1]["path"]

    async def logs(self, tenant: Tenant, execution_id: str, wanted: LogFilter) -> tuple[Execution, list[Any]]:
        """An execution and rows of its steps, in the order they were recorded."""
        execution = await self.get(tenant, execution_id)
        path = None if wanted.path is None else stored_path(wanted.path)
        rows = await self._store.read(
            step_rows.log_page(
                tenant,
                execution.no,
                after=wanted.after,
                limit=wanted.limit,
                node=wanted.node,
                path=path,
                level=wanted.level,
            )
        )
        return execution, rows

    async def redactor(self, execution: Execution) -> Redactor | None:
        """What must not be shown of an execution outside its items and results; None: nothing is kept back."""
        return await self._store.read(step_rows.redactor_of_execution(execution.tenant, execution.no))

    # Control

    async def cancel(self, tenant: Tenant, execution_id: str, *, wait_seconds: float = 2.0) -> Execution:
        """Stop an execution; returns it, usually already `cancelled` with its receipt.

        Idempotent: cancelling a cancelled one returns it again. Raises `Conflict` when it ended otherwise.
        """
        requested = await self._store.write(self._request_cancel(tenant, execution_id))
        execution = _found(requested, execution_id)
        if not execution.status.terminal:
            self._dispatcher.cancel(execution.no)
            execution = await self.wait(tenant, execution_id, wait_seconds)
        self._signals.changed(execution.no)
        if execution.status.terminal and execution.status != Status.CANCELLED:
            raise Conflict(
                "execution_over", f"The execution is {execution.status.value} already; there is nothing to cancel."
            )
        return execution

    def _request_cancel(self, tenant: Tenant, execution_id: str) -> Transaction[Execution | None]:
        execution = yield from execution_rows.request_cancel(tenant, execution_id, now_ms())
        if execution is None or execution.status not in (Status.PENDING, Status.PAUSED):
            return execution
        receipt = yield from _receipt_of_waiting(execution)
        ending = Ending(Status.CANCELLED, None, execution.total_items, receipt=receipt)
        ended = yield from conclude(execution, ending, self._charging)
        return ended or execution

    async def pause(self, tenant: Tenant, execution_id: str, *, wait_seconds: float = 2.0) -> Execution:
        """Set an execution aside: no step starts any more, those in flight finish, and its places fall free.

        Returns it, `paused` already or still `running` while steps finish. Idempotent. Raises `Conflict` when it is
        over.
        """
        execution = _found(await self._store.write(self._request_pause(tenant, execution_id)), execution_id)
        if execution.status == Status.RUNNING:
            self._dispatcher.pause(execution.no)
            execution = await self.wait_for(execution, wait_seconds, until_paused=True)
        self._signals.changed(execution.no)
        if execution.status.terminal:
            raise Conflict("execution_over", f"The execution is {execution.status.value}; there is nothing to pause.")
        return execution

    def _request_pause(self, tenant: Tenant, execution_id: str) -> Transaction[Execution | None]:
        execution = yield from execution_rows.request_pause(tenant, execution_id, now_ms())
        if execution is None or execution.status != Status.PENDING:
            return execution
        return (yield from execution_rows.pause(execution, ASKED_FOR)) or execution

    async def resume(self, tenant: Tenant, execution_id: str, wanted: ResumeRequest) -> Execution:
        """Let a paused execution go on where it stopped, with another concurrency or budget if asked.

        Returns it, `running` when there was a place for it, else `pending`. Raises `Conflict` when it is not paused, or
        when its budget is used up and no larger one is given.
        """
        return await self._to_its_end(self._start_again(tenant, execution_id, wanted))

    async def _start_again(self, tenant: Tenant, execution_id: str, wanted: ResumeRequest) -> Execution:
        project_id = tenant.project_id
        reserved = await self._dispatcher.reserve("batch", project_id)
        owner = None if reserved is None else reserved.owner
        begun = False
        try:
            resumed = await self._store.write(self._resume(tenant, execution_id, wanted, owner))
            begun = True
        finally:
            if reserved is not None and not begun:
                self._dispatcher.give_back("batch", project_id)
        self._signals.changed(resumed.no)
        if reserved is not None:
            self._dispatcher.begin(resumed, reserved)
        else:
            self._dispatcher.look_soon(resumed.lane, project_id)
        return resumed

    def _resume(
        self, tenant: Tenant, execution_id: str, wanted: ResumeRequest, owner: str | None
    ) -> Transaction[Execution]:
        execution = _found((yield from execution_rows.get(tenant, execution_id)), execution_id)
        if execution.status != Status.PAUSED:
            raise Conflict(
                "execution_not_paused", f"The execution is {execution.status.value}; only a paused one is resumed."
            )
        reason = execution.pause_reason
        if reason is not None and reason.code == "budget_exhausted" and wanted.budget is None:
            raise Conflict("budget_exhausted", f"{reason.message} Send it as `budget`.")
        options = msgspec.structs.replace(
            execution.options,
            concurrency=wanted.concurrency or execution.options.concurrency,
            budget=wanted.budget or execution.options.budget,
        )
        resumed = (yield from execution_rows.resume(execution, options)) or execution
        yield from self._charging.reserve(resumed)
        if owner is not None:
            resumed = (yield from execution_rows.claim(resumed.no, resumed.lease_number, owner)) or resumed
        return resumed

    async def retry(self, tenant: Tenant, execution_id: str, wanted: RetryRequest) -> Execution:
        """Run chosen items of an ended execution again, inside the same execution, and merge what comes out.

        An idempotency key that was seen with the same request changes nothing. Raises `Conflict` when it is not over or
        when there is nothing to run, `Invalid` for unknown paths, `Unprocessable` for a key of another request.
        """
        reopened = await self._store.write(self._reopen(tenant, execution_id, wanted))
        self._signals.changed(reopened.no)
        self._dispatcher.look_soon(reopened.lane, tenant.project_id)
        return reopened

    def _reopen(self, tenant: Tenant, execution_id: str, wanted: RetryRequest) -> Transaction[Execution]:
        execution = _found((yield from execution_rows.get(tenant, execution_id)), execution_id)
        key, now = wanted.idempotency_key, now_ms()
        if key is not None:
            found = yield from execution_rows.find_idempotent(tenant.project_id, key, now)
            if found is not None:
                return (yield from _same_request(tenant, key, wanted.request_hash, *found))
        if not execution.status.terminal:
            raise Conflict(
                "execution_not_over", f"The execution is {execution.status.value}; retry it when it is over."
            )
        if key is not None:
            yield from execution_rows.remember_idempotent(
                tenant.project_id, key, wanted.request_hash, execution_id, now
            )
        chosen = yield from choose(execution.no, wanted)
        if isinstance(chosen, list):
            yield from _reopen_chosen(execution, wanted, chosen)
        reopening = None if isinstance(chosen, list) else chosen
        chosen_only = wanted.items != "unfinished"
        again = dataclasses.replace(
            execution,
            subject_version=wanted.version or execution.subject_version,
            spec=execution.spec if wanted.spec is None else wanted.spec,
            options=msgspec.structs.replace(execution.options, chosen_only=chosen_only, reopening=reopening),
        )
        yield from suspect_rows.forgive(execution.no)
        reopened = yield from execution_rows.reopen(again, now)
        yield from self._charging.reserve(reopened)
        return reopened

    async def delete(self, tenant: Tenant, execution_id: str) -> None:
        """Remove an execution that is over, with its items, steps and events. Raises `Conflict` while it is not."""

        def disown() -> Transaction[int]:
            execution = _found((yield from execution_rows.get(tenant, execution_id)), execution_id)
            if not (yield from retention.disown(execution.no)):
                raise Conflict("execution_not_over", "Cancel the execution before deleting it.")
            return execution.no

        no = await self._store.write(disown())
        self._signals.changed(no)
        # In small pieces, so that everybody else's writes come in between.
        while await self._store.write(retention.sweep([no], DELETED_AT_ONCE)) >= DELETED_AT_ONCE:
            pass


async def _texts(values: list[Json]) -> list[str]:
    """JSON texts; of many, made in a thread, so that nobody else waits for it."""
    if len(values) <= PAGE:
        return [dumps(value) for value in values]
    return await asyncio.to_thread(lambda: [dumps(value) for value in values])


def _found(execution: Execution | None, execution_id: str) -> Execution:
    if execution is None:
        raise NotFound("execution_unknown", f"There is no execution {execution_id!r} in this project.")
    return execution


def _settled(execution: Execution, *, until_paused: bool) -> bool:
    return execution.status.terminal or (until_paused and execution.status == Status.PAUSED)


def _same_request(
    tenant: Tenant, key: str, request_hash: str, execution_id: str, known_hash: str
) -> Transaction[Execution]:
    if request_hash != known_hash:
        raise Unprocessable(
            "idempotency_key_reused",
            f"Idempotency-Key {key!r} was used for another request in the last 24 hours.",
        )
    return _found((yield from execution_rows.get(tenant, execution_id)), execution_id)


def _reopen_chosen(execution: Execution, wanted: RetryRequest, chosen: list[str]) -> Transaction[None]:
    reopened = yield from item_rows.reopen(execution.no, chosen)
    if isinstance(wanted.items, tuple) and reopened < len(set(chosen)):
        raise Invalid("unknown_items", "Some of the items to retry are not in this execution.")
    never_run = wanted.items == "unfinished" and execution.status != Status.COMPLETED
    if not reopened and not never_run:
        raise Conflict("nothing_to_retry", "No item of this execution fits; there is nothing to run again.")


def _receipt_of_waiting(execution: Execution) -> Transaction[JsonObject]:
    """Of one that waits to start, or to go on with a retry."""
    moment = iso(execution.cancel_requested_at or now_ms())
    recorded = yield from item_rows.counts(execution.no)
    total = (execution.total_items or 0) + (yield from item_rows.nested(execution.no))
    finished = sum(recorded.get(status, 0) for status in ("succeeded", "failed", "skipped"))
    return {
        "requestedAt": moment,
        "stoppedAt": moment,
        "itemsFinished": finished,
        "itemsDropped": max(0, total - finished),
        "callsAborted": 0,
        "costAfterRequestUsd": "0.0000",
    }
