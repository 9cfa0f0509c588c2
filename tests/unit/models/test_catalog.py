from __future__ import annotations

import pytest

from penstock.errors import Conflict, Invalid, NotFound, StepError
from penstock.models.catalog import Catalog
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.types import Tenant

OTHER = Tenant("org1", "project2")
SAVED = {
    "name": "mine",
    "provider": "openai",
    "baseUrl": "http://127.0.0.1:9/v1/",
    "apiKey": "secret-key",
    "modelName": "m-1",
    "pricing": {"inputPerMillionUsd": "1.5", "outputPerMillionUsd": 3},
}


@pytest.mark.parametrize("url", ["https://me:secret@x.example/v1", "https://x.example?key=1", "https:///v1"])
async def test_an_address_is_shown_and_logged_so_that_nothing_secret_fits_in(
    catalog: Catalog, tenant: Tenant, url: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await catalog.create(tenant, {"name": "mine", "provider": "openai", "modelName": "m", "baseUrl": url})
    assert [error.path for error in refused.value.errors] == ["baseUrl"]


async def test_a_saved_model_is_shown_without_its_key(catalog: Catalog, tenant: Tenant) -> None:
    created = await catalog.create(tenant, SAVED)
    shown = (await catalog.get(tenant, "mine")).as_json()
    assert shown == (await catalog.get(tenant, created.id)).as_json()
    assert shown["hasApiKey"] is True
    assert shown["pricing"] == {"inputPerMillionUsd": "1.5", "outputPerMillionUsd": "3"}
    assert "secret-key" not in str(shown)


async def test_the_key_is_stored_encrypted_and_used_in_the_clear(
    catalog: Catalog, store: SqliteStore, tenant: Tenant
) -> None:
    await catalog.create(tenant, SAVED)
    rows = await store.read(rows_of("select api_key_ciphertext from models"))
    assert rows[0]["api_key_ciphertext"] == "yek-terces"
    endpoint = await catalog.resolve(tenant, "mine")
    assert (endpoint.api_key, endpoint.base_url, endpoint.model) == ("secret-key", "http://127.0.0.1:9/v1", "m-1")
    assert endpoint.pricing is not None
    assert "secret-key" not in repr(endpoint)


async def test_a_wrong_model_names_each_field_and_quotes_no_value(catalog: Catalog, tenant: Tenant) -> None:
    with pytest.raises(Invalid) as caught:
        await catalog.create(
            tenant,
            {
                "name": " starts with a space",
                "provider": "nobody",
                "baseUrl": "ftp://x",
                "apiKey": ["hidden-key"],
                "pricing": {"inputPerMillionUsd": -1, "outputPerMillionUsd": "x"},
                "more": 1,
            },
        )
    paths = {error.path for error in caught.value.errors}
    assert paths == {
        "name",
        "provider",
        "baseUrl",
        "apiKey",
        "modelName",
        "pricing.inputPerMillionUsd",
        "pricing.outputPerMillionUsd",
        "more",
    }
    assert "hidden-key" not in str(caught.value.errors)


async def test_a_name_is_taken_once_per_project(catalog: Catalog, tenant: Tenant) -> None:
    await catalog.create(tenant, SAVED)
    with pytest.raises(Conflict):
        await catalog.create(tenant, SAVED)
    await catalog.create(OTHER, SAVED)


async def test_another_project_sees_nothing(catalog: Catalog, tenant: Tenant) -> None:
    created = await catalog.create(tenant, SAVED)
    assert await catalog.list(OTHER) == []
    for act in (catalog.get(OTHER, created.id), catalog.delete(OTHER, created.id), catalog.update(OTHER, "mine", {})):
        with pytest.raises(NotFound):
            await act
    with pytest.raises(StepError) as caught:
        await catalog.resolve(OTHER, "mine")
    assert caught.value.code == "model_unknown"


async def test_update_keeps_what_is_not_named(catalog: Catalog, tenant: Tenant) -> None:
    await catalog.create(tenant, SAVED)
    before = await catalog.resolve(tenant, "mine")
    await catalog.update(tenant, "mine", {"modelName": "m-2"})
    after = await catalog.resolve(tenant, "mine")
    assert (before.model, after.model, after.api_key) == ("m-1", "m-2", "secret-key")
    assert (await catalog.update(tenant, "mine", {"apiKey": None})).has_api_key is False


async def test_a_kept_key_does_not_follow_to_a_new_address(catalog: Catalog, tenant: Tenant) -> None:
    await catalog.create(tenant, SAVED)
    moved = await catalog.update(tenant, "mine", {"baseUrl": "https://elsewhere.example/v1"})
    assert moved.has_api_key is False


async def test_a_deleted_model_is_unknown_at_once(catalog: Catalog, tenant: Tenant) -> None:
    await catalog.create(tenant, SAVED)
    await catalog.resolve(tenant, "mine")
    await catalog.delete(tenant, "mine")
    with pytest.raises(StepError):
        await catalog.resolve(tenant, "mine")


async def test_pages_are_newest_first(catalog: Catalog, tenant: Tenant) -> None:
    for number in range(5):
        await catalog.create(tenant, {**SAVED, "name": f"m{number}"})
    first = await catalog.list(tenant, limit=3)
    second = await catalog.list(tenant, limit=3, after=first[-1].id)
    assert [model.name for model in first + second] == ["m4", "m3", "m2", "m1", "m0"]


async def test_the_operators_key_is_not_sent_to_a_users_address(
    catalog: Catalog, environment: dict[str, str], tenant: Tenant
) -> None:
    environment["OPENAI_API_KEY"] = "operators-key"
    await catalog.create(
        tenant, {"name": "theirs", "provider": "openai", "modelName": "m", "baseUrl": "http://x.example"}
    )
    await catalog.create(tenant, {"name": "ours", "provider": "openai", "modelName": "m"})
    assert (await catalog.resolve(tenant, "theirs")).api_key is None
    assert (await catalog.resolve(tenant, "ours")).api_key == "operators-key"


@pytest.mark.parametrize(
    ("model", "code", "names"),
    [
        ("openai/gpt-4o", "model_key_missing", "OPENAI_API_KEY"),
        ("anthropic/claude", "model_key_missing", "ANTHROPIC_API_KEY"),
        ("gemini/g", "model_key_missing", "GEMINI_API_KEY"),
        ("nobody/x", "model_unknown", "provider/name"),
        ("gpt-4o", "model_unknown", "provider/name"),
        ("openai/", "model_unknown", "provider/name"),
    ],
)
async def test_what_cannot_be_resolved_says_what_to_do(
    catalog: Catalog, tenant: Tenant, model: str, code: str, names: str
) -> None:
    with pytest.raises(StepError) as caught:
        await catalog.resolve(tenant, model)
    assert caught.value.code == code
    assert names in caught.value.message
    assert not caught.value.retryable


async def test_a_server_of_ones_own_needs_no_key(catalog: Catalog, environment: dict[str, str], tenant: Tenant) -> None:
    environment["OPENAI_BASE_URL"] = "http://127.0.0.1:8000/v1/"
    endpoint = await catalog.resolve(tenant, "openai/llama")
    assert (endpoint.base_url, endpoint.api_key) == ("http://127.0.0.1:8000/v1", None)


async def test_the_default_model_follows_the_keys_that_are_set(catalog: Catalog, environment: dict[str, str]) -> None:
    assert catalog.default_model() == "local/smollm2"
    environment["GEMINI_API_KEY"] = "k"
    assert catalog.default_model().startswith("gemini/")
    environment["OPENAI_API_KEY"] = "k"
    assert catalog.default_model().startswith("openai/")
    environment["PENSTOCK_DEFAULT_MODEL"] = "mine"
    assert catalog.default_model() == "mine"


async def test_describe_says_which_providers_are_usable_and_why_not(
    catalog: Catalog, environment: dict[str, str]
) -> None:
    environment["ANTHROPIC_API_KEY"] = "hidden-key"
    status = {provider.name: provider for provider in catalog.describe()}
    assert status["anthropic"].usable
    assert not status["openai"].usable
    assert "OPENAI_API_KEY" in status["openai"].reason
    assert status["scripted"].usable
    assert "hidden-key" not in str(status)
