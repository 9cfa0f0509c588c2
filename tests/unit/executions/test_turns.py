"""Which execution starts next: tenants in turn, nobody held up by another's limit, what was running before all else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from penstock.executions.item import ItemRun
from penstock.executions.model import Execution, Options, Status, Submission
from penstock.queue.limits import TenantLimits
from penstock.storage import executions as execution_rows
from penstock.storage import waiting
from penstock.storage.store import rows_of
from penstock.testing.core import TENANT, Core, open_core
from penstock.types import Json, Tenant

MANY, FEW = Tenant("a" * 24, "b" * 24), Tenant("c" * 24, "d" * 24)


def submission(tenant: Tenant, value: Json) -> Submission:
    return Submission(
        tenant, "test", "s", "s", 1, "batch", {}, Options(concurrency=1), 60_000, inputs=[value], total_items=1
    )


async def submit(core: Core, tenant: Tenant, value: Json) -> Execution:
    return (await core.service.submit(submission(tenant, value))).execution


class Doorkeeper:
    """Work that notes its beginning and waits for its release."""

    def __init__(self) -> None:
        self.begun: list[Json] = []
        self.open = asyncio.Event()
        self._changed = asyncio.Condition()

    async def work(self, item: ItemRun) -> Json:
        self.begun.append(item.input)
        async with self._changed:
            self._changed.notify_all()
        await self.open.wait()
        return item.input

    async def begins(self, value: Json) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: value in self.begun)


async def ended(core: Core, executions: list[Execution]) -> None:
    for execution in executions:
        over = await core.service.wait(execution.tenant, execution.id, 30)
        assert over.status == Status.COMPLETED


def limited(core: Core, limits: dict[str, TenantLimits]) -> None:
    async def limits_of(project_id: str) -> TenantLimits:
        return limits.get(project_id, TenantLimits())

    core.dispatcher.limits_of = limits_of


async def test_the_few_of_one_tenant_start_in_turn_with_the_many_of_another(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", places=2) as core:
        keeper = Doorkeeper()
        core.work = keeper.work
        many = [await submit(core, MANY, f"many {n}") for n in range(30)]
        few = [await submit(core, FEW, f"few {n}") for n in range(3)]
        standing = await core.service.standing(few[-1])
        assert standing is not None
        assert 2 <= standing.position <= 6
        behind = await core.service.standing(many[-1])
        assert behind is not None
        assert behind.position >= 29
        keeper.open.set()
        await ended(core, [*few, *many])
        order = [str(value) for value in keeper.begun]
        assert [value for value in order if value.startswith("few")] == ["few 0", "few 1", "few 2"]
        assert order.index("few 2") <= 9
        assert [value for value in order if value.startswith("many")] == [f"many {n}" for n in range(30)]
        assert await core.service.standing(await core.service.get(FEW, few[0].id)) is None


async def test_twice_the_weight_twice_the_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every execution counts alike, however long it took on a busy machine.
    monkeypatch.setattr("penstock.executions.line.LONGEST_SECONDS", 0.001)
    async with open_core(tmp_path / "store.db", places=1) as core:
        limited(core, {MANY.project_id: TenantLimits(weight=2.0)})
        keeper = Doorkeeper()
        core.work = keeper.work
        # Of a third tenant: the time in which it holds the only place is on nobody's account here.
        executions = [await submit(core, Tenant("e" * 24, "f" * 24), "first")]
        await keeper.begins("first")
        for n in range(40):
            executions += [await submit(core, tenant, f"{name} {n}") for tenant, name in ((MANY, "two"), (FEW, "one"))]
        keeper.open.set()
        await ended(core, executions)
        assert 18 <= sum(1 for value in keeper.begun[1:31] if str(value).startswith("two")) <= 22


async def test_a_tenant_at_its_limit_holds_up_only_itself(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", places=8) as core:
        limited(core, {MANY.project_id: TenantLimits(max_running_executions=2)})
        keeper = Doorkeeper()
        core.work = keeper.work
        many = [await submit(core, MANY, f"many {n}") for n in range(10)]
        few = [await submit(core, FEW, f"few {n}") for n in range(3)]
        await keeper.begins("few 2")
        assert sorted(map(str, keeper.begun)) == ["few 0", "few 1", "few 2", "many 0", "many 1"]
        keeper.open.set()
        await ended(core, [*many, *few])


async def test_the_tenant_s_limit_on_items_holds_over_all_its_executions(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", places=8) as core:
        limited(core, {TENANT.project_id: TenantLimits(max_items_in_flight=3)})
        inside = most = 0

        async def work(item: ItemRun) -> Json:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
            return None

        core.work = work
        executions = [await core.submit(list(range(20)), concurrency=10) for _ in range(3)]
        await ended(core, executions)
        assert most == 3


async def test_what_was_running_comes_before_what_waits_whatever_its_tenant_may_have(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", works=False) as core:
        for n in range(3):
            await submit(core, FEW, f"waited {n}")
        left = [await submit(core, MANY, f"ran {n}") for n in range(2)]
        # As a process that died left them.
        for execution in left:
            await core.store.write(execution_rows.claim(execution.no, 0, "gone"))
        assert len(await core.store.read(waiting.orphans("me", 10))) == 2
    async with open_core(tmp_path / "store.db", places=2) as core:
        limited(core, {MANY.project_id: TenantLimits(max_running_executions=1)})
        keeper = Doorkeeper()
        core.work = keeper.work
        await keeper.begins("ran 0")
        keeper.open.set()
        found = await core.store.read(rows_of("select id, project_id from executions"))
        for row in found:
            tenant = MANY if row["project_id"] == MANY.project_id else FEW
            assert (await core.service.wait(tenant, row["id"], 30)).status == Status.COMPLETED
        assert sorted(map(str, keeper.begun[:1])) == ["ran 0"]


async def test_the_start_is_estimated_from_what_runs_and_then_from_what_has_ended(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", places=1) as core:
        keeper = Doorkeeper()
        core.work = keeper.work
        executions = [await submit(core, MANY, n) for n in range(8)]
        await keeper.begins(0)
        unknown = await core.service.standing(executions[-1])
        assert unknown is not None
        assert (unknown.position, unknown.starts_at) == (6, None)
        keeper.open.set()
        await ended(core, executions[:3])
        keeper.open.clear()
        later = [await submit(core, MANY, f"later {n}") for n in range(3)]
        known = await core.service.standing(later[-1])
        assert known is not None
        assert known.starts_at is not None
        _, body = await core.service.progress(MANY, later[-1].id)
        # What had begun before the door was shut may end in between, and somebody before it start.
        assert body["queue"]["position"] in (known.position, known.position - 1)
        keeper.open.set()
        await ended(core, [*executions, *later])


async def test_projects_that_wait_are_found_however_many_executions_they_have(tmp_path: Path) -> None:
    async with open_core(tmp_path / "store.db", works=False) as core:
        for n in range(20):
            for tenant in (MANY, FEW):
                await submit(core, tenant, n)
        assert await core.store.read(waiting.projects("batch")) == sorted([MANY.project_id, FEW.project_id])
        assert await core.store.read(waiting.projects("interactive")) == []
        assert await core.store.read(waiting.counts("batch")) == {MANY.project_id: 20, FEW.project_id: 20}
