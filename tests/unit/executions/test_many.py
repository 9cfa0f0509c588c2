"""What is done to many items is done in pieces, and looks from outside as if it were done at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.executions import ending, reopening, runner
from penstock.executions.item import ItemRun
from penstock.executions.model import Execution, RetryRequest, Status
from penstock.storage import executions as execution_rows
from penstock.storage.store import rows_of
from penstock.testing.core import TENANT, Core, open_core, refuse
from penstock.types import Json

ITEMS = 20


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reopening, "AT_ONCE", 3)
    monkeypatch.setattr(ending, "CANCELLED_AT_ONCE", 3)
    monkeypatch.setattr(runner, "MANY_ITEMS", 5)


async def fail_but_few(core: Core) -> Execution:
    """Every fifth item succeeds; of the others every second fails with a code of its own."""

    async def work(item: ItemRun) -> Json:
        if item.ordinal % 5 == 0:
            return await core.step(item, "node", lambda attempt: "fine", final=True)
        if item.ordinal % 2:
            return await core.step(item, "node", lambda attempt: refuse(), final=True)
        return await core.step(item, "node", lambda attempt: 1 // 0, final=True)

    ended = await core.run(list(range(ITEMS)), work)
    core.calls.clear()
    return ended


async def succeed(item: ItemRun, core: Core) -> Json:
    return await core.step(item, "node", lambda attempt: "fine", final=True)


async def seqs(core: Core, execution: Execution) -> list[int]:
    rows = await core.store.read(
        rows_of(
            "select seq from events where execution_no = $1 union all"
            " select seq from items where execution_no = $1 and seq is not null order by seq",
            execution.no,
        )
    )
    return [row["seq"] for row in rows]


async def test_a_retry_reopens_them_all_and_only_them(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        execution = await fail_but_few(core)
        core.work = lambda item: succeed(item, core)
        reopened = await core.service.retry(TENANT, execution.id, RetryRequest())
        ended = await core.finished(reopened)
        assert ended.status == Status.COMPLETED
        assert ended.options.reopening is None
        assert sorted(int(path) for path, _ in core.calls) == [n for n in range(ITEMS) if n % 5]
        assert await core.counts(ended) == {"succeeded": ITEMS}
        assert await seqs(core, ended) == list(range(1, ended.seq + 1))


async def test_a_retry_by_code_leaves_the_others(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        execution = await fail_but_few(core)
        core.work = lambda item: succeed(item, core)
        wanted = RetryRequest(error_codes=("refused",))
        ended = await core.finished(await core.service.retry(TENANT, execution.id, wanted))
        assert sorted(int(path) for path, _ in core.calls) == [n for n in range(ITEMS) if n % 5 and n % 2]
        assert await core.counts(ended) == {"succeeded": 12, "failed": 8}


async def test_until_it_is_begun_they_count_as_pending(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        execution = await fail_but_few(core)
    async with open_core(tmp_path / "store.db", works=False) as core:
        await core.service.retry(TENANT, execution.id, RetryRequest())
        assert await core.counts(execution) == {"pending": 16, "succeeded": 4}


async def test_a_crash_in_between_changes_nothing(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        execution = await fail_but_few(core)
    async with open_core(tmp_path / "store.db", works=False) as core:
        reopened = await core.service.retry(TENANT, execution.id, RetryRequest())
        held = await core.store.write(execution_rows.claim(reopened.no, reopened.lease_number, "who died"))
        assert held is not None
        await core.store.write(reopening._reopen_some(held, (0, "")))
    async with open_core(tmp_path / "store.db") as core:
        core.work = lambda item: succeed(item, core)
        ended = await core.finished(execution)
        assert sorted(int(path) for path, _ in core.calls) == [n for n in range(ITEMS) if n % 5]
        assert await core.counts(ended) == {"succeeded": ITEMS}
        assert await seqs(core, ended) == list(range(1, ended.seq + 1))


async def test_a_cancel_cancels_all_that_was_never_run(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        under_way = asyncio.Event()

        async def work(item: ItemRun) -> Json:
            if item.ordinal < 2:
                return await succeed(item, core)
            under_way.set()
            await asyncio.Event().wait()
            return None

        core.work = work
        execution = await core.submit(list(range(ITEMS)), concurrency=2)
        await under_way.wait()
        cancelled = await core.service.cancel(TENANT, execution.id)
        rows = await core.store.read(
            rows_of("select status, count(*) as n from items where execution_no = $1 group by status", execution.no)
        )
        counts = await core.counts(execution)
    assert cancelled.status == Status.CANCELLED
    assert {row["status"]: row["n"] for row in rows} == counts == {"succeeded": 2, "cancelled": ITEMS - 2}
