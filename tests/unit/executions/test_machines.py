"""Random histories against models: statuses of an execution, what the journal acknowledged, what a budget allows."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from penstock.errors import Unavailable
from penstock.executions.budget import BudgetMeter, Ledger
from penstock.executions.charging import UNCHARGED
from penstock.executions.ending import Ending, conclude
from penstock.executions.item import Stopping
from penstock.executions.journal import Holder, ItemRecord, Journal, LeaseLost, StepRecord
from penstock.executions.model import TERMINAL, TRANSITIONS, Budget, Execution, Options, Reason, Status, Submission
from penstock.executions.paths import top
from penstock.ids import new_execution_id
from penstock.models.usage import Amounts, Usage
from penstock.queue.fairness import Claim
from penstock.storage import executions as rows
from penstock.storage import steps as step_rows
from penstock.storage.store import Transaction, rows_of
from penstock.testing.core import TENANT
from penstock.testing.stores import open_store

T = TypeVar("T")
HISTORIES = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
LIMIT = 1000


class Machine(RuleBasedStateMachine):
    """One execution in a real store that can be dropped and opened again; `execution` is what its owner knows of it."""

    options = Options(concurrency=1)

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.store = self.do(open_store(self.folder / "store.db"))
        submission = Submission(TENANT, "t", "s", "s", 1, "batch", {}, self.options, deadline_ms=600_000)
        self.execution: Execution = self.write(rows.insert(new_execution_id(), submission, 1))
        self.begin()

    def begin(self) -> None:
        """Called when the execution is in the store."""

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def write(self, transaction: Transaction[T]) -> T:
        return self.do(self.store.write(transaction))

    def ask(self, statement: str) -> list[Any]:
        return self.do(self.store.read(rows_of(statement)))

    def stored(self) -> Execution:
        found = self.do(self.store.read(rows.get(TENANT, self.execution.id)))
        assert found is not None
        return found

    def reopen_store(self) -> None:
        """The process is gone, and another has the file."""
        self.do(self.store.close())
        self.store = self.do(open_store(self.folder / "store.db"))

    def claim(self) -> None:
        stored = self.stored()
        self.execution = self.write(rows.claim(stored.no, stored.lease_number, "me")) or stored

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.do(self.store.close())
            self.runner.close()
            shutil.rmtree(self.folder)


class Statuses(Machine):
    """Everything that changes a status, in any order, by owners with old and new leases."""

    def begin(self) -> None:
        self.status = Status.PENDING
        self.leases = [self.execution]

    @rule()
    def somebody_claims(self) -> None:
        self.claim()
        self.leases.append(self.execution)

    @rule(pick=st.integers(0, 99), status=st.sampled_from(sorted(TERMINAL)))
    def an_owner_ends_it(self, pick: int, status: Status) -> None:
        self.write(conclude(self._owner(pick), Ending(status, 1, 1), UNCHARGED))

    @rule(pick=st.integers(0, 99))
    def an_owner_pauses_it(self, pick: int) -> None:
        self.write(rows.pause(self._owner(pick), Reason("requested", "Somebody paused it.")))

    @rule(pick=st.integers(0, 99), events=st.integers(0, 3))
    def an_owner_writes(self, pick: int, events: int) -> None:
        owner = self._owner(pick)

        def commit() -> Transaction[None]:
            before = yield from rows.hold(owner.no, owner.lease_number, events)
            for number in range(1, events + 1):
                if before is not None:
                    yield (
                        "insert into events (execution_no, seq, type, at, data) values ($1, $2, 'item', 1, '{}')",
                        owner.no,
                        before + number,
                    )

        self.write(commit())

    @rule()
    def somebody_resumes_it(self) -> None:
        self.write(rows.resume(self.stored(), self.options))

    @rule(ask=st.sampled_from([rows.request_cancel, rows.request_pause]))
    def somebody_asks_for_a_stop(self, ask: Any) -> None:
        self.write(ask(TENANT, self.execution.id, 5))

    @precondition(lambda self: self.status.terminal)
    @rule()
    def somebody_retries_it(self) -> None:
        self.write(rows.reopen(self.stored(), 9))
        self.status = Status.PENDING

    @rule()
    def the_process_dies(self) -> None:
        self.reopen_store()

    @invariant()
    def each_change_is_in_the_table_and_numbered(self) -> None:
        if not hasattr(self, "status"):
            return
        stored = self.stored()
        if stored.status != self.status:
            assert not self.status.terminal, "only a retry opens what is over"
            assert stored.status in TRANSITIONS[self.status]
            self.status = stored.status
        numbers = [row["seq"] for row in self.ask("select seq from events order by seq")]
        assert numbers == list(range(1, stored.seq + 1))
        assert (stored.lease_owner is None) or stored.status == Status.RUNNING

    def _owner(self, pick: int) -> Execution:
        return self.leases[pick % len(self.leases)]


class Acknowledged(Machine):
    """What the journal said is on disk is there once and in order, whatever happens to leases, store and process."""

    def begin(self) -> None:
        self.next = 0
        self.known: list[str] = []
        self.claim()
        self.journal = self._journal()

    def _journal(self) -> Journal:
        async def started() -> Journal:
            journal = Journal(self.store)
            journal.start()
            return journal

        return self.do(started())

    def _holder(self) -> Holder:
        return Holder(self.execution.no, self.execution.lease_number, lambda steps, items, seq: None)

    @rule(count=st.integers(1, 8))
    def items_finish(self, count: int) -> None:
        paths = [top(self.next + n) for n in range(count)]
        self.next += count

        async def finish() -> list[Any]:
            return await asyncio.gather(
                *(self.journal.commit(self._holder(), [_step(path)], _item(path)) for path in paths),
                return_exceptions=True,
            )

        for path, outcome in zip(paths, self.do(finish()), strict=True):
            assert outcome is None or isinstance(outcome, LeaseLost)
            if outcome is None:
                self.known.append(path)

    @rule()
    def an_item_is_finished_again(self) -> None:
        if self.known:
            path = self.known[0]
            try:
                self.do(self.journal.commit(self._holder(), [_step(path)]))
            except LeaseLost:
                pass

    @rule()
    def another_process_takes_over(self) -> None:
        mine = self.execution
        self.claim()
        self.execution = mine

    @rule()
    def it_is_claimed_anew(self) -> None:
        self.claim()

    @rule(count=st.integers(1, 5))
    def the_process_dies_in_the_middle(self, count: int) -> None:
        paths = [top(self.next + n) for n in range(count)]
        self.next += count

        async def die() -> list[str]:
            commits = [asyncio.create_task(self.journal.commit(self._holder(), [], _item(path))) for path in paths]
            closing = asyncio.create_task(self.journal.close())
            await asyncio.sleep(0)
            await self.store.close()
            done = await asyncio.gather(*commits, return_exceptions=True)
            await closing
            assert all(outcome is None or isinstance(outcome, LeaseLost | Unavailable) for outcome in done)
            return [path for path, outcome in zip(paths, done, strict=True) if outcome is None]

        self.known += self.do(die())
        self.store = self.do(open_store(self.folder / "store.db"))
        self.claim()
        self.journal = self._journal()

    @invariant()
    def what_was_acknowledged_is_there_once_and_in_order(self) -> None:
        if not hasattr(self, "known"):
            return
        found = [row["path"] for row in self.ask("select path from items order by seq")]
        assert len(found) == len(set(found))
        there = set(found)
        assert [path for path in self.known if path not in there] == []
        known = set(self.known)
        assert [path for path in found if path in known] == self.known
        steps = [row["path"] for row in self.ask("select path from steps")]
        assert len(steps) == len(set(steps))

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.do(self.journal.close())
        super().teardown()


class Spending(Machine):
    """What a provider may have charged never passes the budget: through answers, cut lines, and deaths in flight."""

    options = Options(concurrency=1, budget=Budget(nanos=LIMIT))

    def begin(self) -> None:
        self.charged = 0
        self.number = 0
        self.flights: list[tuple[BudgetMeter, Any, int]] = []
        self._live()

    def _live(self) -> None:
        """What a process does that takes the execution up."""
        self.claim()

        async def started() -> Journal:
            journal = Journal(self.store)
            journal.start()
            return journal

        self.journal = self.do(started())
        self.ledger = Ledger(Budget(nanos=LIMIT), self.execution.lost)
        self.ledger.spent = self.do(self.store.read(step_rows.usage(self.execution.no))).amounts
        self.holder = Holder(
            self.execution.no, self.execution.lease_number, lambda steps, items, seq: None, self.ledger
        )

    @precondition(lambda self: len(self.flights) < 6)
    @rule(worst=st.integers(1, 400))
    def a_call_leaves(self, worst: int) -> None:
        async def leave() -> Any:
            meter = self._meter()
            asked = asyncio.create_task(meter.reserve(Amounts(nanos=worst)))
            for _ in range(3):
                await asyncio.sleep(0)
            if not asked.done():
                asked.cancel()
            try:
                reservation = await asked
            except (asyncio.CancelledError, Stopping):
                return None
            await meter.begin(reservation)
            return meter, reservation, worst

        self.stopped = False
        flight = self.do(leave())
        if flight is not None:
            self.flights.append(flight)

    def _meter(self) -> BudgetMeter:
        return BudgetMeter(
            Claim("p", "batch"),
            self._may_start,
            self.ledger,
            self._write,
            lambda reason: self._stop(),
        )

    def _stop(self) -> None:
        self.stopped = True

    def _may_start(self) -> None:
        if self.stopped:
            raise Stopping

    async def _write(self) -> None:
        await self.journal.commit(self.holder, [])

    @precondition(lambda self: self.flights)
    @rule(pick=st.integers(0, 99), share=st.integers(0, 100))
    def a_call_is_answered(self, pick: int, share: int) -> None:
        meter, reservation, worst = self.flights.pop(pick % len(self.flights))
        used = Usage(model_calls=1, cost_nanos=worst * share // 100)
        self.charged += used.cost_nanos
        meter.settle(reservation, used)
        self._record(meter)

    @precondition(lambda self: self.flights)
    @rule(pick=st.integers(0, 99), billed=st.booleans())
    def a_line_is_cut(self, pick: int, billed: bool) -> None:
        meter, reservation, worst = self.flights.pop(pick % len(self.flights))
        self.charged += worst if billed else 0
        meter.give_up(reservation, may_be_billed=billed)
        self._record(meter)

    def _record(self, meter: BudgetMeter) -> None:
        self.number += 1
        step = _step(top(self.number))
        step.usage, step.held, step.lost = meter.usage, meter.held, meter.lost
        self.do(self.journal.commit(self.holder, [step]))

    @rule()
    def the_process_dies(self) -> None:
        self.charged += sum(worst for _, _, worst in self.flights)
        self.flights.clear()
        self.do(self.journal.close())
        self.reopen_store()
        self._live()

    @invariant()
    def the_budget_holds(self) -> None:
        if not hasattr(self, "ledger"):
            return
        assert self.charged + sum(worst for _, _, worst in self.flights) <= LIMIT
        ledger = self.ledger
        assert (ledger.spent + ledger.lost + ledger.held).nanos <= LIMIT
        (row,) = self.ask("select held_nanos, lost_nanos from executions")
        assert row["held_nanos"] == sum(worst for _, _, worst in self.flights)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.do(self.journal.close())
        super().teardown()


def _step(path: str) -> StepRecord:
    return StepRecord(path, "node", 0, 0, "succeeded", "f", 1, 1, 1, "1", None, Usage(), None)


def _item(path: str) -> ItemRecord:
    return ItemRecord(path, "succeeded", "0", "1", None, 1, 2)


TestStatuses = Statuses.TestCase
TestStatuses.settings = HISTORIES
TestAcknowledged = Acknowledged.TestCase
TestAcknowledged.settings = HISTORIES
TestSpending = Spending.TestCase
TestSpending.settings = HISTORIES
