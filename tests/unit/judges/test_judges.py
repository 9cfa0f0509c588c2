"""Judges as they are kept: versions, names, menus, the model that judges, and those that come along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Conflict, Forbidden, Invalid, NotFound
from penstock.judges.definition import JudgeChange
from penstock.judges.model import version_of
from penstock.judges.ready_made import ready_made
from penstock.testing.engine import TestEngine, open_engine
from penstock.types import Tenant


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[TestEngine]:
    async with open_engine(tmp_path) as engine:
        yield engine


def wanted(name: str = "kind", **more: Any) -> JudgeChange:
    return JudgeChange(name=name, **{"goal": "Is it kind?", **more})


async def test_each_change_is_a_version_and_none_is_none(engine: TestEngine) -> None:
    judges, tenant = engine.engine.judges, engine.tenant
    made = await judges.create(tenant, wanted(rubric="Strictly.", model="scripted/a"), "key")
    assert (made.latest.version, made.latest.threshold, made.latest.output) == (1, 0.5, {"type": "binary"})
    assert (await judges.update(tenant, made.id, wanted())).latest.version == 1
    changed = await judges.update(tenant, "kind", JudgeChange(rubric=None, output="scale", name="kinder"), "other")
    assert (changed.latest.version, changed.latest.rubric, changed.latest.model) == (2, None, "scripted/a")
    found = await judges.get(tenant, "kinder")
    assert found.latest == changed.latest
    assert [one.version for one in await judges.versions(found)] == [2, 1]
    _, first = await judges.version(tenant, made.id, 1)
    assert (first.name, first.rubric, first.created_by) == ("kind", "Strictly.", "key")
    with pytest.raises(NotFound, match="has no version 3"):
        await judges.version(tenant, made.id, 3)


async def test_names_are_unique_and_free_again_once_deleted(engine: TestEngine) -> None:
    judges, tenant = engine.engine.judges, engine.tenant
    await judges.create(tenant, wanted())
    await judges.create(tenant, wanted("other"))
    with pytest.raises(Conflict, match="already exists"):
        await judges.create(tenant, wanted())
    with pytest.raises(Conflict, match="already exists"):
        await judges.update(tenant, "other", JudgeChange(name="kind"))
    assert (await judges.get(tenant, "other")).latest.version == 1
    await judges.delete(tenant, "kind")
    again = await judges.create(tenant, wanted())
    assert {judge.id for judge in await judges.page(tenant)} >= {again.id}
    with pytest.raises(NotFound):
        await judges.get(Tenant(tenant.organization_id, "elsewhere"), "kind")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"goal": "  "}, "evaluationGoal"),
        ({"threshold": float("nan")}, "threshold"),
        ({"threshold": 1.5}, "threshold"),
        ({"turns": 0}, "turns"),
        ({"output": "grades"}, "output"),
        ({"output": {"type": "scale", "min": 5, "max": 1}}, "output"),
        ({"output": {"type": "labels", "labels": {"good": 1, "bad": -1}}}, "output"),
        ({"params": {"x": "y" * 20_000}}, "params"),
        ({"model": "nobody/knows"}, "model"),
        ({"name": "a/b"}, "name"),
    ],
)
async def test_what_is_wrong_is_named(engine: TestEngine, change: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await engine.engine.judges.create(engine.tenant, wanted(**{"name": "kind", **change}))
    assert [fault.path for fault in refused.value.errors] == [field]


async def test_who_judges_is_decided_when_a_run_starts(engine: TestEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    judges, tenant = engine.engine.judges, engine.tenant
    monkeypatch.setenv("PENSTOCK_DEFAULT_MODEL", "scripted/default")
    await judges.create(tenant, wanted())
    assert version_of(await judges.pin(tenant, "kind")).model == "scripted/default"
    choices = engine.engine.project_settings
    await choices.change(tenant, type(await choices.of(tenant))(default_judge_model="scripted/chosen"))
    assert version_of(await judges.pin(tenant, "kind")).model == "scripted/chosen"
    await judges.update(tenant, "kind", JudgeChange(model="openai/gpt-4o"))
    with pytest.raises(Invalid, match="OPENAI_API_KEY"):
        await judges.pin(tenant, "kind", field="judges[0]")


async def test_ready_made_judges_are_everybodys_and_nobody_changes_them(engine: TestEngine) -> None:
    judges, tenant = engine.engine.judges, engine.tenant
    names = {"brevity", "faithfulness", "helpfulness", "safety", "structured_output", "tone"}
    assert set(ready_made()) == names
    assert {judge.id for judge in await judges.ready_made(tenant)} == names
    with pytest.raises(Forbidden, match="comes with Penstock"):
        await judges.update(tenant, "tone", JudgeChange(goal="Another."))
    own = await judges.create(tenant, wanted("tone"))
    assert (await judges.get(tenant, "tone")).id == own.id
