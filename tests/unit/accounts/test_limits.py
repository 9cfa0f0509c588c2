"""Limits of projects, as they are kept."""

from __future__ import annotations

import pytest

from penstock.accounts.limits import ProjectLimits
from penstock.accounts.organizations import create_organization, create_project
from penstock.errors import Invalid, NotFound
from penstock.queue.limits import TenantLimits
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.types import Tenant


async def project(store: SqliteStore, name: str = "p") -> Tenant:
    return await create_project(store, await create_organization(store, "o"), name)


async def test_what_was_set_holds_here_at_once_and_elsewhere_when_it_is_read(store: SqliteStore) -> None:
    tenant = await project(store)
    limits = ProjectLimits(store)
    assert await limits.of(tenant.project_id) == TenantLimits()
    wanted = TenantLimits(weight=2.5, max_running_executions=3)
    await limits.change(tenant, wanted)
    assert await limits.of(tenant.project_id) == wanted
    assert await ProjectLimits(store).of(tenant.project_id) == wanted
    await limits.change(tenant, TenantLimits())
    assert await ProjectLimits(store).of(tenant.project_id) == TenantLimits()


async def test_other_settings_of_the_project_stay(store: SqliteStore) -> None:
    tenant = await project(store)
    await store.write(rows_of('update projects set settings = \'{"theme":"dark","retentionDays":3}\''))
    await ProjectLimits(store).change(tenant, TenantLimits(weight=2.0))
    (row,) = await store.read(rows_of("select settings from projects"))
    assert row["settings"] == '{"theme": "dark", "weight": 2.0}'


async def test_a_project_changes_only_its_own(store: SqliteStore) -> None:
    one, two = await project(store), await project(store)
    limits = ProjectLimits(store)
    await limits.change(one, TenantLimits(weight=2.0))
    assert await limits.of(two.project_id) == TenantLimits()
    with pytest.raises(NotFound):
        await limits.change(Tenant(one.organization_id, two.project_id), TenantLimits(weight=3.0))


@pytest.mark.parametrize("bad", [{"weight": 0.0}, {"weight": 1e9}, {"max_items_in_flight": 0}, {"retention_days": -1}])
async def test_what_is_out_of_range_is_refused_by_name(store: SqliteStore, bad: dict[str, float]) -> None:
    tenant = await project(store)
    with pytest.raises(Invalid) as refused:
        await ProjectLimits(store).change(tenant, TenantLimits(**bad))  # type: ignore[arg-type]
    (name,) = bad
    assert [fault.path.lower() for fault in refused.value.errors] == [name.replace("_", "")]
