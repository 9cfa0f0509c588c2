"""Scorers as users name them, and as evaluations keep them."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.accounts.keys import Accounts
from penstock.accounts.project_settings import ProjectChoices, ProjectSettings
from penstock.errors import Conflict, Invalid, NotFound
from penstock.evaluations.scorers import registry
from penstock.evaluations.scorers.base import Scorer
from penstock.evaluations.scorers.library import MAX_PINNED, ScorerLibrary, build
from penstock.evaluations.scorers.specs import snapshot
from penstock.storage.sqlite import SqliteStore
from penstock.types import Tenant

TENANT, OTHER = Tenant("a" * 24, "b" * 24), Tenant("a" * 24, "c" * 24)
JUDGE = {"type": "llm", "promptName": "correctness"}


@pytest.fixture
def library(store: SqliteStore) -> ScorerLibrary:
    return ScorerLibrary(store, lambda: "some/default")


async def faults(library: ScorerLibrary, *given: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        await library.pin(TENANT, given)
    return {fault.path: fault.message for fault in caught.value.errors}


async def test_pinned_scorers_are_whole_and_can_be_built_without_the_store(library: ScorerLibrary) -> None:
    saved = await library.create(TENANT, "sum", {"type": "numeric", "tolerance": 0.5})
    given = ["exact", {"type": "regex", "pattern": "(a)", "name": "a"}, "sum", {"scorer": saved.id, "name": "again"}]
    pinned = await library.pin(TENANT, given)
    assert [one["name"] for one in pinned] == ["exact", "a", "sum", "again"]
    assert all(one["version"] == registry()[str(one["type"])].version for one in pinned)
    assert pinned[2]["tolerance"] == 0.5
    assert pinned[2]["scorer"] == {"id": saved.id, "name": "sum", "version": 1}
    built: list[Scorer[Any]] = build(pinned)
    assert [(made.kind, made.name) for made in built] == [
        ("exact", "exact"),
        ("regex", "a"),
        ("numeric", "sum"),
        ("numeric", "again"),
    ]
    assert await library.pin(TENANT, []) == []


async def test_every_fault_is_named_with_its_place(library: ScorerLibrary) -> None:
    found = await faults(
        library,
        "exact",
        "exact",
        "numerik",
        {"type": "numeric", "tolerance": "much", "tolerence": 1},
        {"scorer": "nobody"},
        {"scorer": 3, "pattern": "x"},
        7,
        {"type": "llm", "prompt": "{{ outputs }}"},
        {"pattern": "x"},
    )
    assert list(found) == [
        "scorers[2]",
        "scorers[3].tolerance",
        "scorers[3].tolerence",
        "scorers[4]",
        "scorers[5].pattern",
        "scorers[5].scorer",
        "scorers[6]",
        "scorers[7].prompt",
        "scorers[8].type",
        "scorers[1].name",
    ]
    assert "Did you mean 'numeric'?" in found["scorers[2]"]
    assert "named 'exact' already" in found["scorers[1].name"]
    assert "scorers" in await faults(library, *["exact"] * (MAX_PINNED + 1))


async def test_a_judge_without_a_model_is_the_project_s_default(library: ScorerLibrary, store: SqliteStore) -> None:
    accounts = Accounts(store)
    tenant = (await accounts.first_start(None)).tenant
    await accounts.close()
    assert (await library.pin(tenant, [JUDGE]))[0]["model"] == "some/default"
    await ProjectSettings(store).change(tenant, ProjectChoices("judge/of-the-house"))
    await library.create(tenant, "right", JUDGE)
    pinned = await library.pin(tenant, ["right", {**JUDGE, "model": "mine/own"}])
    assert [one["model"] for one in pinned] == ["judge/of-the-house", "mine/own"]
    assert build(pinned)[0].models == ("judge/of-the-house",)


async def test_updates_make_versions_and_old_ones_stay(library: ScorerLibrary) -> None:
    made = await library.create(TENANT, "sum", {"type": "numeric", "tolerance": 0.5}, "for totals")
    same = await library.update(TENANT, "sum", definition={"type": "numeric", "tolerance": 0.5}, description="sums")
    assert (same.version, same.description) == (1, "sums")
    changed = await library.update(TENANT, made.id, definition={"type": "numeric", "tolerance": 1.0}, name="total")
    assert (changed.version, changed.name, changed.definition["tolerance"]) == (2, "total", 1.0)
    assert (await library.get(TENANT, "total", 1)).definition["tolerance"] == 0.5
    older = await library.pin(TENANT, [{"scorer": "total", "version": 1}])
    assert (older[0]["tolerance"], older[0]["scorer"]) == (0.5, {"id": made.id, "name": "total", "version": 1})
    with pytest.raises(NotFound):
        await library.get(TENANT, "total", 3)
    await library.delete(TENANT, "total")
    assert await library.list(TENANT) == []


async def test_names_are_unique_in_a_project_and_nobody_else_s_are_seen(library: ScorerLibrary) -> None:
    await library.create(TENANT, "sum", "exact")
    other = await library.create(OTHER, "sum", "numeric")
    with pytest.raises(Conflict) as caught:
        await library.create(TENANT, "sum", "exact")
    assert (caught.value.code, "already exists" in caught.value.detail) == ("scorer_exists", True)
    for refused in ("exact", "types", "a/b", ""):
        with pytest.raises(Invalid):
            await library.create(TENANT, refused, "exact")
    for call in (library.get, library.delete):
        with pytest.raises(NotFound):
            await call(TENANT, other.id)
    assert await faults(library, other.id)
    assert [(one.name, one.definition["type"]) for one in await library.list(OTHER)] == [("sum", "numeric")]


async def test_a_definition_has_no_reference_to_another(library: ScorerLibrary) -> None:
    await library.create(TENANT, "sum", "numeric")
    for wrong in ("sum", {"scorer": "sum"}, {"type": "numeric", "tolerance": -1}, None, {"type": "exact", "name": ""}):
        with pytest.raises(Invalid) as caught:
            await library.create(TENANT, "other", wrong)
        assert caught.value.errors[0].path.startswith("definition")


def test_a_snapshot_that_would_now_score_otherwise_is_refused() -> None:
    taken = snapshot("exact", "")
    for changed, code in (({"version": 99}, "scorer_changed"), ({"type": "gone"}, "scorer_missing")):
        with pytest.raises(Conflict) as caught:
            build([{**taken, **changed}])
        assert caught.value.code == code


def test_every_type_has_what_a_form_and_a_snapshot_need() -> None:
    for kind, made in registry().items():
        schema = made.settings_type.model_json_schema()
        assert (made.kind, schema["properties"]["type"]["const"]) == (kind, kind)
        assert made.title
        assert made.__doc__
        assert not {"version", "scorer"} & set(schema["properties"]), "these words are the snapshot's own"
