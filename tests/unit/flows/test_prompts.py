"""Saved prompts: versions that never change, documents that are checked."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import Conflict, Invalid, NotFound, Unprocessable
from penstock.flows.prompts import PromptLibrary
from penstock.storage.sqlite import SqliteStore
from penstock.types import Tenant

TENANT = Tenant("org", "project")
DOCUMENT = {"system": "Answer with one word.", "prompt": "Is this good? {{ review }}", "params": {"temperature": 0}}


@pytest.fixture
def library(store: SqliteStore) -> PromptLibrary:
    return PromptLibrary(store)


async def test_an_update_is_a_new_version_and_the_old_one_stays(library: PromptLibrary) -> None:
    first = await library.create(TENANT, "triage", DOCUMENT)
    second = await library.update(TENANT, "triage", {"prompt": "Good or bad: {{ review }}"})
    assert (first.version, second.version, second.id) == (1, 2, first.id)
    assert (await library.get(TENANT, "triage", 1)).document == DOCUMENT
    assert await library.get(TENANT, first.id) == second
    assert await library.get(TENANT, "triage", "latest") == second


async def test_lists_page_by_name_and_versions_from_the_newest(library: PromptLibrary) -> None:
    for name in ("b", "a", "c"):
        await library.create(TENANT, name, DOCUMENT)
    for number in range(3):
        await library.update(TENANT, "b", {"prompt": f"text {number}"})
    assert [(saved.name, saved.version) for saved in await library.list(TENANT)] == [("a", 1), ("b", 4), ("c", 1)]
    assert [saved.name for saved in await library.list(TENANT, after_name="a", limit=1)] == ["b"]
    assert [saved.version for saved in await library.versions(TENANT, "b", limit=2)] == [4, 3]
    assert [saved.version for saved in await library.versions(TENANT, "b", before=3)] == [2, 1]


async def test_a_name_is_taken_once_in_a_project(library: PromptLibrary) -> None:
    await library.create(TENANT, "triage", DOCUMENT)
    with pytest.raises(Conflict, match="'triage'"):
        await library.create(TENANT, "triage", DOCUMENT)
    other = Tenant("org", "other")
    assert (await library.create(other, "triage", DOCUMENT)).version == 1


async def test_another_project_cannot_reach_it_by_its_id(library: PromptLibrary) -> None:
    saved = await library.create(TENANT, "triage", DOCUMENT)
    other = Tenant("org", "other")
    with pytest.raises(NotFound):
        await library.get(other, saved.id)
    with pytest.raises(NotFound):
        await library.update(other, saved.id, DOCUMENT)
    with pytest.raises(NotFound):
        await library.delete(other, saved.id)
    assert await library.list(other) == []
    assert await library.get(TENANT, "triage") == saved


async def test_an_unknown_version_names_the_latest(library: PromptLibrary) -> None:
    await library.create(TENANT, "triage", DOCUMENT)
    with pytest.raises(NotFound, match="no version 7; its latest is 1"):
        await library.get(TENANT, "triage", 7)


async def test_a_deleted_prompt_is_gone_and_its_name_is_free(library: PromptLibrary) -> None:
    old = await library.create(TENANT, "triage", DOCUMENT)
    await library.delete(TENANT, "triage")
    with pytest.raises(NotFound):
        await library.get(TENANT, old.id)
    assert (await library.create(TENANT, "triage", DOCUMENT)).version == 1


async def test_a_conversation_and_a_schema_are_kept_as_they_were_sent(library: PromptLibrary) -> None:
    document = {
        "messages": [{"role": "user", "content": "Rate {{ text }}"}, {"role": "assistant", "content": "Which scale?"}],
        "model": "local/smollm2",
        "schema": {"type": "object", "properties": {"rating": {"type": "integer"}}},
        "description": "rates",
    }
    assert (await library.create(TENANT, "rate", document)).document == document


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, "prompt"),
        ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "a", "tempo": 1}, "tempo"),
        ({"prompt": "Hello {{ name"}, "prompt"),
        ({"prompt": "a", "system": "{% if %}"}, "system"),
        ({"messages": [{"role": "robot", "content": "b"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "user", "content": "ok"}, {"role": "user", "content": "{{ }}"}]},
            "messages[1].content",
        ),
        ({"messages": [{"role": "system", "content": "b"}], "system": "a"}, "system"),
        ({"prompt": "a", "schema": {"type": "strin"}}, "schema.type"),
        ({"prompt": "a", "description": "x" * 1_100_000}, ""),
    ],
)
async def test_a_fault_in_a_document_is_named_and_nothing_is_kept(
    library: PromptLibrary, document: dict[str, Any], path: str
) -> None:
    with pytest.raises(Unprocessable) as refused:
        await library.create(TENANT, "triage", document)
    assert path in [error.path for error in refused.value.errors]
    assert await library.list(TENANT) == []


@pytest.mark.parametrize("name", ["", " a", "a/b", "a\nb", "x" * 121])
async def test_a_name_that_is_none_is_refused(library: PromptLibrary, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        await library.create(TENANT, name, DOCUMENT)
    assert refused.value.errors[0].path == "name"
