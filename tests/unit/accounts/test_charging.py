"""Executions are charged for exactly what their steps took, whatever becomes of them; nobody spends a unit twice."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.accounts.compute_units.balances import Grant
from penstock.accounts.compute_units.ledger import LEAST_MICROS
from penstock.errors import BalanceExhausted, Conflict
from penstock.executions.charging import UNCHARGED
from penstock.executions.item import Attempt, ItemRun
from penstock.executions.model import Budget, Execution, ResumeRequest, RetryRequest, Status
from penstock.models.compute_units import SHIPPED, Rates
from penstock.models.usage import Amounts, Usage
from penstock.storage import webhooks as webhook_rows
from penstock.storage.store import Transaction, rows_of
from penstock.testing.core import TENANT, Core, open_core, refuse
from penstock.types import Json

PRICE = 7_000
WORST = Amounts(ecu_micros=9_000)


class Work:
    """Items of two steps; each calls a model once and takes `PRICE`. Some fail, some are slow."""

    def __init__(self, seed: int = 0, failing: float = 0.0) -> None:
        self.draw = random.Random(seed)
        self.failing = failing
        self.gate: asyncio.Event | None = None
        self.begun = asyncio.Event()

    async def __call__(self, item: ItemRun, core: Core) -> Json:
        await core.step(item, "first", self._pay)
        return await core.step(item, "second", self._pay, final=True)

    async def _pay(self, attempt: Attempt) -> Json:
        meter = attempt.meter
        reservation = await meter.reserve(WORST)
        try:
            await meter.begin(reservation)
            self.begun.set()
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
        except BaseException:
            meter.give_up(reservation, may_be_billed=True)
            raise
        meter.model = self.draw.choice(["m/one", "m/two"])
        meter.settle(reservation, Usage(model_calls=1, input_tokens=3, output_tokens=2, ecu_micros=PRICE))
        if self.draw.random() < self.failing:
            refuse()
        return "answer"

    def on(self, core: Core) -> Any:
        return lambda item: self(item, core)


async def ask(core: Core, sql: str, *args: Any) -> list[Any]:
    return await core.store.read(rows_of(sql, *args))


_SUMS = {
    "account": "select balance_micros as b, reserved_micros as r from compute_unit_accounts",
    "entries": "select sum(balance_micros) as b, sum(reserved_micros) as r, sum(used_micros) as u"
    " from compute_unit_entries",
    "executions": "select coalesce(sum(reserved_micros), 0) as r, count(*) as n from executions",
    "steps": "select coalesce(sum(ecu_micros), 0) as u, coalesce(sum(model_calls), 0) as c from steps",
    "days": "select coalesce(sum(ecu_micros), 0) as u, coalesce(sum(model_calls), 0) as c,"
    " coalesce(sum(case when model = '' then executions else 0 end), 0) as n from usage_days",
    "wrong": "select count(*) as n from executions e where"
    " (select coalesce(sum(ecu_micros), 0) from steps s where s.execution_no = e.no) <>"
    " (select coalesce(sum(used_micros), 0) from compute_unit_entries c where c.execution_id = e.id)",
}


async def check_books(core: Core, granted: int, *, over: bool) -> None:
    """The ledger, the balance, the reports and the steps say the same at one moment."""

    def read() -> Transaction[dict[str, dict[str, int]]]:
        found = {}
        for name, sql in _SUMS.items():
            row = (yield (sql,))[0]
            found[name] = {column: row[column] for column in row.keys()}  # noqa: SIM118 - a row iterates over values
        return found

    found = await core.store.read(read())
    account, entries, steps, days = (found[name] for name in ("account", "entries", "steps", "days"))
    assert account == {"b": entries["b"], "r": entries["r"]}
    assert account["r"] == found["executions"]["r"]
    assert account["b"] == granted - entries["u"]
    if over:
        assert account["r"] == 0
        assert entries["u"] == steps["u"] == steps["c"] * PRICE
        assert days == {**steps, "n": found["executions"]["n"]}
        assert found["wrong"]["n"] == 0


async def grant(core: Core, micros: int) -> None:
    await core.units.balances.grant(TENANT, Grant("grant", micros))


class Life:
    """Random things happen to executions, and to the process that runs them."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.granted = 0
        self.refused = 0

    async def live(self, core: Core, turns: int) -> None:
        core.work = Work(self.draw.randint(0, 999), 0.2).on(core)
        actions = (self.submit, self.submit, self.pause, self.resume, self.retry, self.cancel, self.give, self.rest)
        for _ in range(turns):
            try:
                await self.draw.choice(actions)(core)
            except BalanceExhausted:
                self.refused += 1
            except Conflict:
                pass
            await check_books(core, self.granted, over=False)

    async def submit(self, core: Core) -> None:
        limits = (None, Budget(ecu_micros=self.draw.randint(1, 90_000)), Budget(tokens=40))
        await core.submit(list(range(self.draw.randint(1, 4))), budget=self.draw.choice(limits))

    async def pause(self, core: Core) -> None:
        await core.service.pause(TENANT, await self.some(core), wait_seconds=0)

    async def resume(self, core: Core) -> None:
        more = Budget(ecu_micros=self.draw.randint(1, 200_000))
        await core.service.resume(TENANT, await self.some(core), ResumeRequest(budget=more))

    async def retry(self, core: Core) -> None:
        await core.service.retry(TENANT, await self.some(core), RetryRequest("unfinished"))

    async def cancel(self, core: Core) -> None:
        await core.service.cancel(TENANT, await self.some(core))

    async def give(self, core: Core) -> None:
        micros = self.draw.randint(1, 60_000)
        await grant(core, micros)
        self.granted += micros

    async def rest(self, core: Core) -> None:
        for _ in range(self.draw.randint(1, 20)):
            await asyncio.sleep(0)

    async def some(self, core: Core) -> str:
        found = await ask(core, "select id from executions order by id")
        if not found:
            raise Conflict("none", "There is none yet.")
        return str(self.draw.choice(found)["id"])

    async def end_all(self, core: Core) -> None:
        """Let everything come to its end; what is paused is cancelled."""
        while found := await ask(core, "select id, status from executions where finished_at is null"):
            for row in found:
                if row["status"] == Status.PAUSED:
                    await core.service.cancel(TENANT, row["id"])
                else:
                    execution = await core.service.get(TENANT, row["id"])
                    await core.service.wait_for(execution, 20, until_paused=True)


@pytest.mark.parametrize("seed", range(6))
async def test_a_random_life_is_charged_for_what_its_steps_took(tmp_path: Path, seed: int) -> None:
    life = Life(seed)
    for _ in range(4):
        async with open_core(tmp_path / "store.db") as core:
            if not life.granted:
                await life.give(core)
            await life.live(core, 12)
            # The process dies here: its store is closed under it, so nothing more is written.
            await core.store.close()
    async with open_core(tmp_path / "store.db") as core:
        core.work = Work().on(core)
        await life.end_all(core)
        await check_books(core, life.granted, over=True)


async def test_of_many_submissions_at_the_last_unit_one_wins(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        work = Work()
        work.gate = asyncio.Event()
        core.work = work.on(core)
        await grant(core, 50_000)
        wanted = [core.submit([1], budget=Budget(ecu_micros=30_000)) for _ in range(8)]
        results = await asyncio.gather(*wanted, return_exceptions=True)
        won = [one for one in results if isinstance(one, Execution)]
        lost = [one for one in results if isinstance(one, BalanceExhausted)]
        assert (len(won), len(lost)) == (1, 7)
        assert lost[0].code == "ecu_exhausted"
        assert "insufficient credits: 0.02 ECU are available" in lost[0].detail
        assert "reserves 0.03" in lost[0].detail
        assert (await ask(core, "select count(*) as n from executions"))[0]["n"] == 1
        work.gate.set()
        await core.finished(won[0])
        await check_books(core, 50_000, over=True)
        # What it held and did not need is there for the next one.
        await core.finished(await core.submit([1], budget=Budget(ecu_micros=30_000)))


async def test_a_balance_that_runs_out_in_the_middle_stops_nothing_that_runs(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        core.work = Work().on(core)
        await grant(core, LEAST_MICROS)
        ended = await core.finished(await core.submit(list(range(10))))
        assert ended.status == Status.COMPLETED
        account = await core.units.balances.of(TENANT)
        assert account.available_micros == LEAST_MICROS - 20 * PRICE
        with pytest.raises(
            BalanceExhausted, match=r"insufficient credits: -0\.13 ECU are available, and new work is ref"
        ):
            await core.submit([1])
        with pytest.raises(BalanceExhausted):
            await core.service.retry(TENANT, ended.id, RetryRequest(("0",)))
        assert (await core.service.get(TENANT, ended.id)).status == Status.COMPLETED, "a retry that is refused is none"


async def test_a_retry_settles_only_what_it_adds(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        await grant(core, 1_000_000)
        core.work = Work(failing=1.0).on(core)
        ended = await core.finished(await core.submit([1, 2]))
        core.work = Work().on(core)
        await core.service.retry(TENANT, ended.id, RetryRequest())
        assert (await core.finished(ended)).status == Status.COMPLETED
        settled = await ask(core, "select used_micros as u from compute_unit_entries where kind = 'settlement'")
        assert [row["u"] for row in settled] == [2 * PRICE, 4 * PRICE]
        await check_books(core, 1_000_000, over=True)


async def test_with_a_budget_on_everything_the_balance_stays_above_zero(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        core.work = Work().on(core)
        await grant(core, 200_000)
        refused = 0
        while refused < 3:
            try:
                execution = await core.submit(list(range(9)), budget=Budget(ecu_micros=40_000))
            except BalanceExhausted:
                refused += 1
                continue
            execution = await core.service.wait_for(execution, 20, until_paused=True)
            if execution.status == Status.PAUSED:
                await core.service.cancel(TENANT, execution.id)
        account = await core.units.balances.of(TENANT)
        assert 0 <= account.balance_micros < 40_000
        await check_books(core, 200_000, over=True)


async def test_without_a_limit_everything_is_counted_and_nothing_is_taken(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        core.work = Work().on(core)
        await core.run([1, 2, 3], core.work)
        await grant(core, 100_000)
        await core.units.balances.set_limited(TENANT, limited=False)
        await core.run([1], core.work)
        account = await core.units.balances.of(TENANT)
        assert (account.limited, account.balance_micros, account.reserved_micros) == (False, 100_000, 0)
        settled = await ask(
            core, "select used_micros as u, balance_micros as b from compute_unit_entries where no <> 2"
        )
        assert [(row["u"], row["b"]) for row in settled] == [(6 * PRICE, 0), (2 * PRICE, 0)]


async def test_what_is_deleted_stays_in_the_ledger_and_in_reports(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        core.work = Work().on(core)
        ended = await core.run([1, 2], core.work)
        await core.service.delete(TENANT, ended.id)
        assert await ask(core, "select * from compute_unit_settled") == []
        entry = (await ask(core, "select * from compute_unit_entries"))[0]
        assert (entry["execution_id"], entry["used_micros"]) == (ended.id, 4 * PRICE)
        assert (await ask(core, "select sum(ecu_micros) as n from usage_days"))[0]["n"] == 4 * PRICE


async def test_a_retry_is_charged_by_the_rates_it_was_submitted_under(tmp_path: Path) -> None:
    rates: list[Rates] = []

    async def work(item: ItemRun) -> Json:
        def note(attempt: Attempt) -> Json:
            rates.append(attempt.meter.rates)
            return refuse()

        return await core.step(item, "only", note)

    async with open_core(tmp_path / "store.db") as core:
        before = await core.run([1], work)
        given = dict.fromkeys(("inference", "judge", "trace_evaluation", "metric", "usd", "million_tokens"), "1")
        await core.units.rates.change(TENANT, given, None)
        await core.service.retry(TENANT, before.id, RetryRequest())
        await core.finished(before)
        after = await core.run([1], work)
    # Another process looks the version up.
    async with open_core(tmp_path / "store.db") as core:
        core.work = work
        await core.service.retry(TENANT, after.id, RetryRequest())
        await core.finished(after)
    assert [one.inference for one in rates] == [SHIPPED.inference, SHIPPED.inference, 1_000_000, 1_000_000]


async def test_each_warning_comes_once_until_there_is_another_grant(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        core.work = Work().on(core)
        await core.store.write(
            webhook_rows.insert_endpoint(
                TENANT, url="https://example.com/hook", description="", events='["compute_units.low"]'
            )
        )
        told: list[list[int]] = []
        for _ in range(2):
            account = await core.units.balances.of(TENANT)
            if account.granted_micros:
                await core.units.balances.grant(TENANT, Grant("adjustment", -account.balance_micros))
            await grant(core, 10 * PRICE)
            for _ in range(5):
                await core.finished(await core.submit([1]))
            rows = await ask(core, "select event, body from webhook_deliveries order by id")
            assert {row["event"] for row in rows} == {"compute_units.low"}
            told.append([msgspec.json.decode(row["body"])["data"]["percent"] for row in rows])
        assert told == [[20, 5], [20, 5, 20, 5]]
        notes = await ask(core, "select note from compute_unit_entries where kind = 'warning'")
        assert len(notes) == 4


async def test_what_ended_before_anybody_counted_is_not_charged_when_it_is_retried(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        core.dispatcher.charging = UNCHARGED
        core.work = Work(failing=1.0).on(core)
        ended = await core.finished(await core.submit([1, 2]))
    async with open_core(tmp_path / "store.db") as core:
        await grant(core, 1_000_000)
        for failing in (1.0, 0.0):
            core.work = Work(failing=failing).on(core)
            await core.service.retry(TENANT, ended.id, RetryRequest())
            await core.finished(ended)
        settled = await ask(core, "select used_micros as u from compute_unit_entries where kind = 'settlement'")
        assert [row["u"] for row in settled] == [2 * PRICE, 4 * PRICE]
