"""The public models: what the price table says of them, and nothing that it does not say."""

from __future__ import annotations

from decimal import Decimal

import pytest

from penstock.errors import NotFound, StepError
from penstock.models.catalog import Catalog
from penstock.models.makers import company_of
from penstock.models.prices import Prices
from penstock.models.providers.base import Endpoint, Tokens
from penstock.models.public import PublicModel, PublicModels, deprecation, public_id
from penstock.models.public_search import FACETS, ModelQuery, search
from penstock.types import Tenant

GEMINI = "https://generativelanguage.googleapis.com"


@pytest.fixture
def public(catalog: Catalog, environment: dict[str, str]) -> PublicModels:
    environment["OPENAI_API_KEY"] = "k"
    return catalog.public


async def test_a_model_is_found_by_key_and_by_an_id_that_never_changes(public: PublicModels) -> None:
    model = await public.get("openai/gpt-4o-mini")
    assert model == await public.get(model.id)
    assert model.id == "651ff82541a8682a133b7aca"
    assert (model.company, model.provider, model.deprecated) == ("OpenAI", "openai", False)
    with pytest.raises(NotFound):
        await public.get("openai/no-such-model")


async def test_ids_and_keys_are_unique_and_no_description_is_missing(public: PublicModels) -> None:
    models = await public.all()
    assert len({model.id for model in models}) == len({model.key for model in models}) == len(models) > 1000
    assert all(model.description and model.name for model in models)
    assert all(len(model.id) == 24 for model in models)


async def test_prices_per_token_are_plain_decimals_and_those_that_calls_cost(public: PublicModels) -> None:
    model = await public.get("openai/gpt-4o-mini")
    price = await Prices().of(Endpoint("openai", "https://api.openai.com/v1", "gpt-4o-mini"))
    assert price is not None
    assert model.input_price_per_token is not None
    assert price.nanos(Tokens(input=1_000_000)) == int(Decimal(model.input_price_per_token) * 10**15)
    assert (model.price_source, model.price_date) == (price.source, price.day)
    for each in await public.all():
        for text in (each.input_price_per_token, each.output_price_per_token):
            assert text is None or "E" not in text


async def test_what_the_table_does_not_say_is_null(public: PublicModels) -> None:
    model = await public.get("openai/gpt-4o-mini")
    unknown = (model.license, model.open_weights, model.region, model.modality, model.released_at, model.parameters)
    assert unknown == (None,) * 6


async def test_own_models_belong_to_it(public: PublicModels) -> None:
    local = await public.get("local/smollm2")
    assert (local.input_price_per_token, local.open_weights, local.size) == ("0", True, "small")
    assert (await public.get("scripted/echo")).usable


async def test_usable_is_what_has_a_key(public: PublicModels) -> None:
    assert (await public.get("openai/gpt-4o-mini")).usable
    assert not (await public.get("anthropic/claude-haiku-4-5")).usable
    assert not (await public.get("groq/llama-3.1-8b-instant")).usable


async def test_the_cheap_models_of_usable_providers_are_the_default(public: PublicModels) -> None:
    keys = [(await public.get(one)).key for one in await public.default_ids()]
    assert keys == ["openai/gpt-4o-mini", "local/smollm2"]


async def test_every_default_model_is_in_the_table(public: PublicModels) -> None:
    for key in ("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "gemini/gemini-3.5-flash-lite"):
        assert await public.find(key) is not None, key


async def test_a_public_model_can_be_named_by_its_id(catalog: Catalog, public: PublicModels, tenant: Tenant) -> None:
    endpoint = await catalog.resolve(tenant, public_id("openai/gpt-4o-mini"))
    assert (endpoint.provider, endpoint.model, endpoint.api_key) == ("openai", "gpt-4o-mini", "k")


async def test_a_provider_that_is_not_called_is_told_apart_from_a_model_that_is_none(
    catalog: Catalog, tenant: Tenant
) -> None:
    with pytest.raises(StepError, match="does not call Groq by itself") as caught:
        await catalog.resolve(tenant, "groq/llama-3.1-8b-instant")
    assert caught.value.code == "model_unknown"


@pytest.mark.parametrize(
    ("provider", "model", "company"),
    [
        ("openai", "gpt-5", "OpenAI"),
        ("openrouter", "meta-llama/llama-3.3-70b-instruct", "Meta"),
        ("openrouter", "~openai/gpt-latest", "OpenAI"),
        ("aws", "global.anthropic.claude-opus-5", "Anthropic"),
        ("aws", "mistral.ministral-3-3b-instruct", "Mistral AI"),
        ("google", "claude-opus-5", "Anthropic"),
        ("huggingface_novita", "Sao10K/L3-8B-Lunaris-v1", None),
        ("groq", "llama-3.1-8b-instant", None),
        ("groq", "gemini", None),
    ],
)
def test_who_made_a_model_is_read_and_not_guessed(provider: str, model: str, company: str | None) -> None:
    assert company_of(provider, model) == company


async def test_a_withdrawn_model_has_a_warning() -> None:
    gone = await deprecation(GEMINI, "gemini-2.0-flash")
    assert gone is not None
    assert "gemini-2.0-flash is deprecated" in gone
    assert await deprecation(GEMINI, "gemini-2.5-flash") is None
    assert await deprecation("http://127.0.0.1:9/v1", "gemini-2.0-flash") is None


async def test_so_has_whoever_names_it(catalog: Catalog, environment: dict[str, str], tenant: Tenant) -> None:
    environment["GEMINI_API_KEY"] = "k"
    assert await catalog.warnings(tenant, "gemini/gemini-2.0-flash")
    assert await catalog.warnings(tenant, "gemini/gemini-2.5-flash") == ()
    assert await catalog.warnings(tenant, "local/smollm2") == ()


def model(key: str, **more: object) -> PublicModel:
    provider, _, name = key.partition("/")
    given = {"name": name, "description": f"About {name}.", "provider": provider, "provider_name": provider, **more}
    return PublicModel(id=public_id(key), key=key, **given)  # type: ignore[arg-type]


MODELS = (
    model("a/one-8b", company="Acme", size="small", context_length=10, input_price_per_token="0.2"),
    model("a/Two", company="Acme", open_weights=True, context_length=30, input_price_per_token="0.03", usable=True),
    model("b/three", company="Bolt", license="MIT", region="eu", architecture_type="moe"),
    model("b/old", company="Past", deprecated=True),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (ModelQuery(), ["a/one-8b", "a/Two", "b/three"]),
        (ModelQuery(include_deprecated=True), ["a/one-8b", "a/Two", "b/old", "b/three"]),
        (ModelQuery(query="ABOUT acme"), ["a/one-8b", "a/Two"]),
        (ModelQuery(query="about nowhere"), []),
        (ModelQuery(name="tw"), ["a/Two"]),
        (ModelQuery(key="A/"), ["a/one-8b", "a/Two"]),
        (ModelQuery(ids=(public_id("b/three"), "x")), ["b/three"]),
        (ModelQuery(companies=("acme", "bolt")), ["a/one-8b", "a/Two", "b/three"]),
        (ModelQuery(companies=("acme",), sizes=("small",)), ["a/one-8b"]),
        (ModelQuery(providers=("b",)), ["b/three"]),
        (ModelQuery(categories=("open-source", "MoE")), ["a/Two", "b/three"]),
        (ModelQuery(licenses=("mit",), regions=("EU",)), ["b/three"]),
        (ModelQuery(usable=True), ["a/Two"]),
        (ModelQuery(sort_by="context_length"), ["a/one-8b", "a/Two", "b/three"]),
        (ModelQuery(sort_by="context_length", descending=True), ["a/Two", "a/one-8b", "b/three"]),
        (ModelQuery(sort_by="input_price"), ["a/Two", "a/one-8b", "b/three"]),
        (ModelQuery(offset=1, limit=1, sort_by="name"), ["b/three"]),
    ],
)
def test_search(query: ModelQuery, found: list[str]) -> None:
    assert [model.key for model in search(MODELS, query).models] == found


def test_a_page_tells_the_total_and_what_there_is_to_choose_from() -> None:
    page = search(MODELS, ModelQuery(companies=("Acme",), limit=1))
    assert (len(page.models), page.total) == (1, 2)
    assert tuple(page.facets) == FACETS
    assert page.facets["companies"] == ["Acme", "Bolt"]
    assert page.facets["categories"] == ["moe", "open-source"]
