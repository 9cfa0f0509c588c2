"""A kept answer is for whoever asks the same question of the same endpoint in the same repeat, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock.clock import now_ms
from penstock.models.cache import MAX_ANSWER_BYTES, CachedAnswer, ModelCache, cache_key
from penstock.models.providers.base import Endpoint, Pricing
from penstock.models.wire import Image, Message, ModelRequest, ModelResponse
from penstock.retention.keeper import Keeper
from penstock.storage import model_cache
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.types import Tenant

OTHER = Tenant("org1", "project2")
ENDPOINT = Endpoint("openai", "https://one.example/v1", "m-1", api_key="a")
REQUEST = ModelRequest("mine", (Message("user", "2+2?"),), {"temperature": 0, "maxTokens": 5})
ANSWER = CachedAnswer("four", "four", "stop")


@pytest.fixture
def cache(store: SqliteStore) -> ModelCache:
    return ModelCache(store, 30)


@pytest.mark.parametrize(
    ("endpoint", "request_", "epoch"),
    [
        (replace(ENDPOINT, model="m-2"), REQUEST, 0),
        (replace(ENDPOINT, base_url="https://two.example/v1"), REQUEST, 0),
        (replace(ENDPOINT, provider="scripted"), REQUEST, 0),
        (replace(ENDPOINT, defaults={"top_k": 1}), REQUEST, 0),
        (ENDPOINT, replace(REQUEST, messages=(Message("user", "2+3?"),)), 0),
        (ENDPOINT, replace(REQUEST, messages=(Message("system", "2+2?"),)), 0),
        (ENDPOINT, replace(REQUEST, messages=(Message("user", "2+2?", (Image("https://i.example/1"),)),)), 0),
        (ENDPOINT, replace(REQUEST, params={"temperature": 1, "maxTokens": 5}), 0),
        (ENDPOINT, replace(REQUEST, schema={"type": "string"}), 0),
        (ENDPOINT, REQUEST, 1),
    ],
)
def test_whatever_may_change_the_answer_changes_the_key(endpoint: Endpoint, request_: Any, epoch: int) -> None:
    assert cache_key(endpoint, request_, epoch) != cache_key(ENDPOINT, REQUEST, 0)


def test_names_keys_prices_and_the_order_of_parameters_do_not(cache: ModelCache) -> None:
    same = replace(ENDPOINT, api_key="b", pricing=Pricing("1", "2"))
    asked = replace(REQUEST, model="another name", params={"maxTokens": 5, "temperature": 0}, timeout_seconds=9)
    assert cache_key(same, asked) == cache_key(ENDPOINT, REQUEST)


async def test_an_answer_is_kept_for_its_project_only(cache: ModelCache, tenant: Tenant) -> None:
    await cache.put(tenant, "k", ANSWER)
    assert await cache.get(tenant, "k") == ANSWER
    assert await cache.get(tenant, "other") is None
    assert await cache.get(OTHER, "k") is None


async def test_a_kept_answer_says_that_it_is_one(cache: ModelCache, tenant: Tenant) -> None:
    given = ModelResponse("[1]", [1], "m", finish_reason="stop", latency_ms=812.0, request_id="r", price_source="table")
    await cache.put(tenant, "k", CachedAnswer.of(given))
    kept = await cache.get(tenant, "k")
    assert kept is not None
    assert kept.response("m") == ModelResponse("[1]", [1], "m", finish_reason="stop", cached=True)


async def test_a_large_answer_is_not_kept(cache: ModelCache, tenant: Tenant) -> None:
    await cache.put(tenant, "k", CachedAnswer("x" * MAX_ANSWER_BYTES, None))
    assert await cache.get(tenant, "k") is None


async def test_no_days_is_no_cache(store: SqliteStore, tenant: Tenant) -> None:
    await ModelCache(store, 30).put(tenant, "k", ANSWER)
    off = ModelCache(store, 0)
    assert await off.get(tenant, "k") is None
    await off.put(tenant, "k2", ANSWER)
    assert await ModelCache(store, 30).get(tenant, "k2") is None


async def test_an_old_answer_is_given_to_nobody_and_swept(store: SqliteStore, tenant: Tenant) -> None:
    cache = ModelCache(store, 30)
    await cache.put(tenant, "new", ANSWER)
    await store.write(model_cache.keep(tenant, "old", '{"text":"x","value":"x"}', now_ms() - 1))
    assert await cache.get(tenant, "old") is None
    await Keeper(store, 0, expiring=(model_cache.forget_some,)).keep()
    assert [row["key"] for row in await store.read(rows_of("select key from model_cache"))] == ["new"]
