"""Which models and benchmarks belong to a project, and what it has chosen."""

from __future__ import annotations

import pytest

from penstock.accounts.organizations import create_organization, create_project
from penstock.accounts.project_models import ProjectModels
from penstock.accounts.project_sets import MAX_IDS, ProjectSets
from penstock.accounts.project_settings import ProjectChoices, ProjectSettings
from penstock.errors import Invalid, NotFound
from penstock.models.catalog import Catalog
from penstock.models.public import public_id
from penstock.retention.policy import RetentionPolicy, RetentionSettings
from penstock.storage.sqlite import SqliteStore
from penstock.types import Tenant

MINE = {"name": "mine", "provider": "scripted", "modelName": "echo"}


@pytest.fixture
async def tenant(store: SqliteStore) -> Tenant:
    return await create_project(store, await create_organization(store, "o"), "p")


@pytest.fixture
async def other(store: SqliteStore) -> Tenant:
    return await create_project(store, await create_organization(store, "o2"), "p")


@pytest.fixture
def catalog(store: SqliteStore) -> Catalog:
    return Catalog(store, encrypt=str, decrypt=str, environment={"ANTHROPIC_API_KEY": "k"})


async def test_sets_are_replaced_whole_and_kept_apart(store: SqliteStore, tenant: Tenant, other: Tenant) -> None:
    sets = ProjectSets(store)
    assert await sets.models(tenant) is None
    assert await sets.set_models(tenant, ["b", "a", "b"]) == ("b", "a")
    await sets.set_models(tenant, ["c"])
    await sets.set_benchmarks(tenant, [])
    assert await sets.models(tenant) == ("c",)
    assert await sets.benchmarks(tenant) == ()
    assert await sets.models(other) is None
    assert await sets.benchmarks(other) is None


async def test_a_set_has_its_limits(store: SqliteStore, tenant: Tenant) -> None:
    sets = ProjectSets(store)
    with pytest.raises(Invalid):
        await sets.set_benchmarks(tenant, [str(n) for n in range(MAX_IDS + 1)])
    with pytest.raises(Invalid) as caught:
        await sets.set_benchmarks(tenant, ["a", "", "x" * 301])
    assert [error.path for error in caught.value.errors] == ["ids[1]", "ids[2]"]
    assert await sets.benchmarks(tenant) is None


async def test_by_default_a_project_has_what_it_can_call(store: SqliteStore, catalog: Catalog, tenant: Tenant) -> None:
    found = await ProjectModels(ProjectSets(store), catalog).of(tenant)
    assert not found.chosen
    assert [model.key for model in found.models] == ["anthropic/claude-haiku-4-5", "local/smollm2"]


async def test_models_are_chosen_by_id_name_or_key(
    store: SqliteStore, catalog: Catalog, tenant: Tenant, other: Tenant
) -> None:
    models = ProjectModels(ProjectSets(store), catalog)
    saved = await catalog.create(tenant, {**MINE, "key": "own/key"})
    chosen = await models.replace(tenant, ["mine", "own/key", public_id("local/smollm2"), "openai/gpt-4o-mini"])
    assert chosen.chosen
    assert [model.kind for model in chosen.models] == ["saved", "public", "public"]
    assert chosen.models[0].id == saved.id
    with pytest.raises(Invalid) as caught:
        await models.replace(other, ["openai/gpt-4o-mini", "mine", "nobody/x"])
    assert [error.path for error in caught.value.errors] == ["ids[1]", "ids[2]"]
    assert not (await models.of(other)).chosen


async def test_what_a_project_has_chosen_stands_beside_its_other_settings(store: SqliteStore, tenant: Tenant) -> None:
    settings = ProjectSettings(store)
    await RetentionSettings(store).change(tenant, RetentionPolicy(days=7))
    assert await settings.of(tenant) == ProjectChoices()
    await settings.change(tenant, ProjectChoices("local/smollm2"))
    assert (await settings.of(tenant)).default_judge_model == "local/smollm2"
    assert (await RetentionSettings(store).of(tenant)).days == 7
    await settings.change(tenant, ProjectChoices())
    assert await settings.of(tenant) == ProjectChoices()
    with pytest.raises(NotFound):
        await settings.change(Tenant("o", "nowhere"), ProjectChoices())
