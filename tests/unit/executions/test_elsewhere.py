"""How far an execution is, as seen by a process that does not run it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.executions import noting
from penstock.executions.item import ItemRun
from penstock.executions.model import RetryRequest, Status
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import Transaction
from penstock.testing.core import TENANT, Core, open_core, refuse
from penstock.types import Json


class Watched:
    """A store that remembers which statements were read."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.statements: list[str] = []

    async def read(self, transaction: Transaction[Any]) -> Any:
        return await self._store.read(self._watched(transaction))

    def _watched(self, transaction: Transaction[Any]) -> Iterator[Any]:
        rows: Any = None
        while True:
            try:
                statement = transaction.send(rows)
            except StopIteration as stop:
                return stop.value
            self.statements.append(statement[0])
            rows = yield statement

    @property
    def sums(self) -> int:
        return sum("sum(" in statement or "count(" in statement for statement in self.statements)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noting, "NOTE_SECONDS", 0.0)


def watch(core: Core) -> Watched:
    watched = Watched(core.store)
    core.service._elsewhere._store = watched  # type: ignore[assignment]
    return watched


async def test_its_owner_notes_it_so_that_nobody_adds_up_its_rows(tmp_path: Path) -> None:
    release, third = asyncio.Event(), asyncio.Event()

    async with open_core(tmp_path / "store.db") as core, open_core(tmp_path / "store.db", works=False) as other:

        async def work(item: ItemRun) -> Json:
            if item.ordinal == 3:
                third.set()
                await release.wait()
            return await core.step(item, "node", lambda attempt: item.ordinal, final=True)

        core.work = work
        execution = await core.submit([0, 1, 2, 3])
        await third.wait()
        body: dict[str, Any] = {"counts": {"succeeded": 0}}
        watched = watch(other)
        while body["counts"]["succeeded"] < 3 or not body["counts"]["running"]:
            watched.statements.clear()
            _, body = await other.service.progress(TENANT, execution.id)
        assert watched.sums == 0
        _, own = await core.service.progress(TENANT, execution.id)
        assert {name: body[name] for name in ("counts", "usage", "totalItems", "seq", "progress")} == {
            name: own[name] for name in ("counts", "usage", "totalItems", "seq", "progress")
        }
        release.set()
        ended = await core.finished(execution)
        assert ended.status == Status.COMPLETED
        _, body = await other.service.progress(TENANT, execution.id)
        assert body["counts"]["succeeded"] == 4


async def test_what_waits_is_added_up_once(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db") as core:
        execution = await core.run([1, 2, 3], lambda item: core.step(item, "node", lambda attempt: refuse()))
    async with open_core(tmp_path / "store.db", works=False) as other:
        await other.service.retry(TENANT, execution.id, RetryRequest())
        watched = watch(other)
        _, body = await other.service.progress(TENANT, execution.id)
        assert body["counts"]["pending"] == 3
        first = watched.sums
        assert first > 0
        _, again = await other.service.progress(TENANT, execution.id)
        assert again["counts"] == body["counts"]
        assert watched.sums == first


async def test_of_what_was_never_begun_nothing_is_read(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", works=False) as other:
        execution = await other.submit([1, 2])
        watched = watch(other)
        _, body = await other.service.progress(TENANT, execution.id)
        assert body["counts"]["pending"] == 2
        assert watched.statements == []
