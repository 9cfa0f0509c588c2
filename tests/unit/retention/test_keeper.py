"""What is over goes when its days are over: not before, not in part, and without holding anybody up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.clock import now_ms
from penstock.errors import Conflict, Invalid, NotFound
from penstock.executions.model import Execution, ExecutionFilter, ItemFilter, Status
from penstock.retention import keeper as keeping
from penstock.retention.keeper import Keeper
from penstock.retention.policy import DAY_MS, RetentionPolicy, RetentionSettings
from penstock.storage import accounts, retention
from penstock.storage.store import rows_of
from penstock.testing.core import TENANT, Core, open_core
from penstock.types import Tenant

TABLES = ("executions", "items", "steps", "events")


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path / "core.db") as opened:
        await opened.store.write(
            rows_of(
                "insert into projects (id, organization_id, name, settings, created_at) values ($1, $2, 'p', '{}', 0)",
                TENANT.project_id,
                TENANT.organization_id,
            )
        )
        yield opened


async def work(item: Any) -> str:
    return "done"


def in_days(days: float) -> Any:
    return lambda: now_ms() + int(days * DAY_MS)


async def rows(core: Core) -> dict[str, int]:
    return {table: (await core.store.read(rows_of(f"select count(*) as n from {table}")))[0]["n"] for table in TABLES}


async def listed(core: Core) -> list[str]:
    bodies, _ = await core.service.page(TENANT, ExecutionFilter(), None, 100)
    return [body["executionId"] for body in bodies]


async def test_what_is_over_goes_after_its_days_and_not_before(core: Core) -> None:
    await core.run([1, 2, 3], work)
    assert await Keeper(core.store, 7, now=in_days(6.9)).keep() == 0
    assert (await rows(core))["items"] == 3
    assert await Keeper(core.store, 7, now=in_days(7.1)).keep() == 1
    assert await rows(core) == dict.fromkeys(TABLES, 0)


async def test_by_default_everything_is_kept_for_ever(core: Core) -> None:
    await core.run([1], work)
    assert await Keeper(core.store, 0, now=in_days(50_000)).keep() == 0
    assert len(await listed(core)) == 1


async def test_what_is_not_over_is_never_deleted(core: Core) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def waits(item: Any) -> str:
        begun.set()
        await go_on.wait()
        return "late"

    core.work = waits
    running = await core.submit([1])
    await begun.wait()
    assert await Keeper(core.store, 1, now=in_days(400)).keep() == 0
    go_on.set()
    assert (await core.finished(running)).status == "completed"


async def test_a_kind_has_days_of_its_own(core: Core) -> None:
    kept = await core.run([1], work)
    gone = await core.run([1], work)
    await core.store.write(rows_of("update executions set kind = 'trace' where no = $1", gone.no))
    await RetentionSettings(core.store).change(TENANT, RetentionPolicy(by_kind={"trace": 3}))
    assert await Keeper(core.store, 0, now=in_days(4)).keep() == 1
    assert await listed(core) == [kept.id]


async def test_one_that_ran_long_counts_from_its_end(core: Core) -> None:
    long = await core.run([1], work)
    await core.store.write(rows_of("update executions set finished_at = $2 where no = $1", long.no, in_days(5)()))
    assert await Keeper(core.store, 2, now=in_days(6)).keep() == 0
    assert await Keeper(core.store, 2, now=in_days(8)).keep() == 1


async def test_many_go_in_small_pieces(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(keeping, "EXECUTIONS_AT_ONCE", 3)
    for _ in range(8):
        await core.run(list(range(10)), work)
    assert await Keeper(core.store, 1, now=in_days(2)).keep() == 8
    assert await rows(core) == dict.fromkeys(TABLES, 0)


async def half_deleted(core: Core) -> Execution:
    execution = await core.run(list(range(20)), work)
    assert await core.store.write(retention.disown(execution.no))
    assert await core.store.write(retention.sweep([execution.no], 5)) == 5
    return execution


async def test_one_that_is_half_deleted_is_seen_by_nobody(core: Core) -> None:
    execution = await half_deleted(core)
    with pytest.raises(NotFound):
        await core.service.get(TENANT, execution.id)
    with pytest.raises(NotFound):
        await core.service.items(TENANT, execution.id, ItemFilter(), None, 10)
    with pytest.raises(NotFound):
        await core.service.delete(TENANT, execution.id)
    assert await listed(core) == []


async def test_the_next_process_removes_what_is_left_of_it(core: Core) -> None:
    await half_deleted(core)
    assert (await rows(core))["items"] > 0
    await Keeper(core.store, 0).keep()
    assert await rows(core) == dict.fromkeys(TABLES, 0)


async def test_its_number_is_not_given_away_while_something_is_left(core: Core) -> None:
    old = await half_deleted(core)
    new = await core.run([1, 2], work)
    assert new.no != old.no
    await Keeper(core.store, 0).keep()
    assert await core.counts(new) == {"succeeded": 2}


async def test_a_sweep_leaves_alone_what_belongs_to_somebody(core: Core) -> None:
    execution = await core.run([1, 2], work)
    assert await core.store.write(retention.sweep([execution.no], 1000)) == 0
    assert await core.counts(execution) == {"succeeded": 2}


async def test_a_key_whose_execution_was_deleted_starts_another(core: Core) -> None:
    core.work = work
    first = await core.finished(await core.submit([1], idempotency_key="k", request_hash="h"))
    await core.service.delete(TENANT, first.id)
    second = await core.submit([1], idempotency_key="k", request_hash="h")
    assert second.id != first.id
    assert (await core.submit([1], idempotency_key="k", request_hash="h")).id == second.id
    await core.finished(second)


async def test_one_that_is_not_over_cannot_be_deleted(core: Core) -> None:
    go_on = asyncio.Event()

    async def waits(item: Any) -> str:
        await go_on.wait()
        return "late"

    core.work = waits
    running = await core.submit([1])
    with pytest.raises(Conflict):
        await core.service.delete(TENANT, running.id)
    go_on.set()
    assert (await core.finished(running)).status == Status.COMPLETED


async def test_expired_idempotency_keys_are_forgotten(core: Core) -> None:
    core.work = work
    await core.finished(await core.submit([1], idempotency_key="k", request_hash="h"))
    await Keeper(core.store, 0, now=in_days(0.9)).keep()
    kept = "select count(*) as n from idempotency_keys"
    assert (await core.store.read(rows_of(kept)))[0]["n"] == 1
    await Keeper(core.store, 0, now=in_days(1.1)).keep()
    assert (await core.store.read(rows_of(kept)))[0]["n"] == 0


@pytest.mark.parametrize(
    ("settings", "kind", "days"),
    [
        ("{}", "flow", 30),
        ('{"retentionDays": 5}', "flow", 5),
        ('{"retentionDays": 0}', "flow", None),
        ('{"retentionDaysByKind": {"flow": 2}}', "flow", 2),
        ('{"retentionDaysByKind": {"flow": 2}, "retentionDays": 5}', "trace", 5),
        ('{"retentionDaysByKind": {"flow": 2}, "weight": 3}', "trace", 30),
        ('{"retentionDaysByKind": {"flow": 0}, "retentionDays": 5}', "flow", None),
    ],
)
def test_the_days_of_a_kind(settings: str, kind: str, days: int | None) -> None:
    before = RetentionPolicy.of(settings).before(kind, 30, 100 * DAY_MS)
    assert before == (None if days is None else (100 - days) * DAY_MS)


async def test_a_policy_is_kept_beside_other_settings_and_checked(core: Core) -> None:
    await core.store.write(accounts.change_settings(TENANT, ("weight",), {"weight": 3}))
    settings = RetentionSettings(core.store)
    assert await settings.of(TENANT) == RetentionPolicy()
    chosen = RetentionPolicy(7, {"flow": 1})
    await settings.change(TENANT, chosen)
    assert await settings.of(TENANT) == chosen
    assert "weight" in (await core.store.read(accounts.project_settings(TENANT.project_id)) or "")
    with pytest.raises(Invalid, match=r"byKind\.flow"):
        await settings.change(TENANT, RetentionPolicy(by_kind={"flow": -1}))
    assert await settings.of(TENANT) == chosen
    await settings.change(TENANT, RetentionPolicy())
    assert await settings.of(TENANT) == RetentionPolicy()
    with pytest.raises(NotFound):
        await settings.change(Tenant("c" * 24, "d" * 24), chosen)
