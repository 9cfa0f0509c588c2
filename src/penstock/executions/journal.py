"""The journal: finished steps and items of all executions, written together.

Whoever finishes something hands it in and, where it matters, waits until it is on disk. One flush is under way at a
time; everything handed in meanwhile goes into the next. So a single caller waits for one commit, and a thousand
callers share it. A flush that the store cannot take (a full disk) is tried again until it can: nothing that waits on
it goes on before, and nothing is lost.

Each write names the lease it was made under. When the lease has been given away, the whole contribution of that
execution is refused with `LeaseLost`, and nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from penstock.errors import Unavailable
from penstock.executions.budget import Ledger
from penstock.failpoints import reached
from penstock.models.usage import NOTHING, Amounts, Usage
from penstock.storage import executions as execution_rows
from penstock.storage import items as item_rows
from penstock.storage import steps as step_rows
from penstock.storage.executions import BudgetChange
from penstock.storage.store import Store, Transaction

logger = logging.getLogger(__name__)

FLUSH_LIMIT = 500
RETRY_SECONDS = 1.0


class LeaseLost(Exception):
    """Somebody else owns the execution now; this process must stop working on it."""


@dataclass(slots=True)
class StepRecord:
    """A finished step. Under a budget, `held` is what the store holds for its calls, and `lost` what of that may have
    been spent without an answer. `model` is the last that answered."""

    path: str
    node: str
    round: int
    generation: int
    status: str
    fingerprint: str
    attempts: int
    started_at: int
    duration_ms: int
    output: str | None
    error: str | None
    usage: Usage
    detail: str | None
    input: str | None = None
    output_is_item: bool = False
    model: str | None = None
    held: Amounts = NOTHING
    lost: Amounts = NOTHING

    def row(self, execution_no: int) -> tuple[Any, ...]:
        usage = self.usage
        return (
            execution_no,
            self.path,
            self.node,
            self.round,
            self.generation,
            self.status,
            self.fingerprint,
            self.attempts,
            self.started_at,
            self.duration_ms,
            self.output,
            self.output_is_item,
            self.error,
            usage.model_calls,
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_tokens,
            usage.cost_nanos,
            usage.unpriced_calls,
            self.detail,
            usage.ecu_micros,
            self.input,
            self.model,
        )


@dataclass(slots=True)
class ItemRecord:
    """A finished item; finishing one takes a number of the execution's event sequence."""

    path: str
    status: str
    input: str | None
    output: str | None
    error: str | None
    started_at: int
    finished_at: int

    def row(self, execution_no: int, seq: int) -> tuple[Any, ...]:
        return (
            execution_no,
            self.path,
            self.status,
            seq,
            self.input,
            self.output,
            self.error,
            self.started_at,
            self.finished_at,
        )


@dataclass(frozen=True, slots=True)
class Holder:
    """An execution as this process holds it, and whom to tell what has been committed."""

    execution_no: int
    lease_number: int
    committed: Callable[[list[StepRecord], list[ItemRecord], int], None]
    """Called on the event loop after each commit, with what was committed and the last sequence number."""
    ledger: Ledger | None = None
    """Its budget, where it has one: what is held by calls in flight is written with each commit."""


@dataclass(slots=True)
class _Entry:
    holder: Holder
    steps: list[StepRecord]
    item: ItemRecord | None
    waiter: asyncio.Future[None] | None


@dataclass(slots=True)
class _Contribution:
    """What one execution adds to one flush."""

    holder: Holder
    steps: list[StepRecord] = field(default_factory=list)
    items: list[ItemRecord] = field(default_factory=list)
    last_seq: int | None = None
    budget: BudgetChange | None = None

    def weigh(self) -> None:
        """Fix what this commit says of the budget: calls of the steps in it are held no longer."""
        ledger = self.holder.ledger
        if ledger is not None:
            lost = sum((step.lost for step in self.steps), NOTHING)
            self.budget = BudgetChange(ledger.durable - self._recorded(), lost)

    def settle(self) -> None:
        """It is committed."""
        if self.holder.ledger is not None:
            self.holder.ledger.durable -= self._recorded()

    def _recorded(self) -> Amounts:
        return sum((step.held for step in self.steps), NOTHING)


@dataclass(frozen=True, slots=True)
class Flush:
    """One commit: what it wrote, and how many seconds it took."""

    steps: list[StepRecord]
    items: list[ItemRecord]
    seconds: float


class Journal:
    """Group commit of steps and items. `observe` is told of each flush, for metrics."""

    def __init__(self, store: Store, observe: Callable[[Flush], None] | None = None) -> None:
        self._store = store
        self._observe = observe
        self._entries: list[_Entry] = []
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self.trouble: str | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._flush_forever(), name="penstock-journal")

    async def close(self) -> None:
        """Write what was handed in, then stop."""
        self._closing = True
        self._work.set()
        if self._task is not None:
            await self._task

    def add(self, holder: Holder, step: StepRecord) -> None:
        """Hand in a step that nobody has to wait for; it goes with the next flush."""
        self._entries.append(_Entry(holder, [step], None, None))
        self._work.set()

    async def commit(self, holder: Holder, steps: list[StepRecord], item: ItemRecord | None = None) -> None:
        """Hand in steps and an item that belong together, and wait until they are on disk.

        A caller that is cancelled while it waits does not take them back. Raises `LeaseLost`.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._entries.append(_Entry(holder, steps, item, waiter))
        self._work.set()
        await waiter

    async def _flush_forever(self) -> None:
        while True:
            await self._work.wait()
            entries, self._entries = self._entries[:FLUSH_LIMIT], self._entries[FLUSH_LIMIT:]
            if not self._entries and not self._closing:
                self._work.clear()
            if entries:
                await self._flush(entries)
            elif self._closing:
                return

    async def _flush(self, entries: list[_Entry]) -> None:
        contributions = _by_execution(entries)
        for contribution in contributions:
            contribution.weigh()
        reached("journal.before_write")
        started = perf_counter()
        while True:
            try:
                await self._store.write(_write(contributions))
                break
            except Unavailable as error:
                if self._closing:
                    # Nobody is left to wait for a store that does not work: what was not written runs again.
                    logger.error("closing with %d records unwritten: %s", len(entries), error.detail)
                    self._refuse(entries, error)
                    return
                self.trouble = error.detail
                logger.exception("the journal cannot be written; %d records wait", len(entries))
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:
                # What cannot be stored (a number beyond 64 bits) must not take down the writing of everybody else.
                if len(entries) > 1:
                    for entry in entries:
                        await self._flush([entry])
                    return
                logger.exception("execution number %d: a record cannot be stored", entries[0].holder.execution_no)
                self._refuse(entries, error)
                return
        reached("journal.after_commit")
        self.trouble = None
        self._tell(contributions, perf_counter() - started)
        lost = {c.holder.execution_no for c in contributions if c.last_seq is None}
        for entry in entries:
            if entry.waiter is not None and not entry.waiter.done():
                if entry.holder.execution_no in lost:
                    entry.waiter.set_exception(LeaseLost())
                else:
                    entry.waiter.set_result(None)

    def _tell(self, contributions: list[_Contribution], seconds: float) -> None:
        """Say what is on disk to those who count it."""
        try:
            if self._observe is not None:
                self._observe(_flush_of(contributions, seconds))
            for contribution in contributions:
                if contribution.last_seq is not None:
                    contribution.settle()
                    contribution.holder.committed(contribution.steps, contribution.items, contribution.last_seq)
        except Exception:
            # The boundary of the one task that writes: without it nobody's work would ever be recorded again.
            logger.exception("counting what was committed broke")

    def _refuse(self, entries: list[_Entry], error: Exception) -> None:
        for entry in entries:
            if entry.waiter is not None and not entry.waiter.done():
                entry.waiter.set_exception(error)


def _flush_of(contributions: list[_Contribution], seconds: float) -> Flush:
    kept = [contribution for contribution in contributions if contribution.last_seq is not None]
    steps = [step for contribution in kept for step in contribution.steps]
    return Flush(steps, [item for contribution in kept for item in contribution.items], seconds)


def _by_execution(entries: list[_Entry]) -> list[_Contribution]:
    contributions: dict[tuple[int, int], _Contribution] = {}
    for entry in entries:
        key = entry.holder.execution_no, entry.holder.lease_number
        contribution = contributions.get(key)
        if contribution is None:
            contribution = contributions[key] = _Contribution(entry.holder)
        contribution.steps.extend(entry.steps)
        if entry.item is not None:
            contribution.items.append(entry.item)
    return list(contributions.values())


def _write(contributions: list[_Contribution]) -> Transaction[None]:
    step_values: list[tuple[Any, ...]] = []
    item_values: list[tuple[Any, ...]] = []
    for contribution in contributions:
        holder = contribution.holder
        before = yield from execution_rows.hold(
            holder.execution_no, holder.lease_number, len(contribution.items), contribution.budget
        )
        contribution.last_seq = None
        if before is None:
            continue
        step_values.extend(step.row(holder.execution_no) for step in contribution.steps)
        for offset, item in enumerate(contribution.items, 1):
            item_values.append(item.row(holder.execution_no, before + offset))
        contribution.last_seq = before + len(contribution.items)
    if step_values:
        yield step_rows.insert_many(step_values)
    if item_values:
        yield item_rows.finish_many(item_values)
    reached("journal.in_transaction")
