from __future__ import annotations

from decimal import Decimal

import pytest

from penstock.models.prices import Prices
from penstock.models.providers.base import Endpoint, Pricing, Tokens

OPENAI = "https://api.openai.com/v1"


async def test_a_table_price_is_exact_and_counts_cached_tokens_at_their_own_rate() -> None:
    price = await Prices().of(Endpoint("openai", OPENAI, "gpt-4o-mini"))
    assert price is not None
    assert price.source.startswith("genai-prices ")
    # 0.15 $ per million in, 0.075 cached, 0.60 out
    assert price.nanos(Tokens(input=1_000, output=100, cached=10)) == 990 * 150 + 10 * 75 + 100 * 600


@pytest.mark.parametrize(
    ("base_url", "model"),
    [
        (OPENAI, "gpt-4o-mini"),
        (OPENAI, "gpt-5.6-sol"),
        ("https://api.anthropic.com", "claude-sonnet-4-5"),
        ("https://generativelanguage.googleapis.com", "gemini-3.5-flash-lite"),
    ],
)
async def test_agrees_with_the_table_itself(base_url: str, model: str) -> None:
    from genai_prices import Usage, calc_price

    tokens = Tokens(input=300_000, output=1_234, cached=1_000, cache_write=7)
    price = await Prices().of(Endpoint("any", base_url, model))
    assert price is not None
    usage = Usage(input_tokens=300_000, output_tokens=1_234, cache_read_tokens=1_000, cache_write_tokens=7)
    expected = calc_price(usage, model, provider_api_url=base_url).total_price
    assert abs(Decimal(price.nanos(tokens)) - expected * 10**9) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("base_url", "model"), [(OPENAI, "nobody-knows-this"), ("http://127.0.0.1:8000/v1", "gpt-4o-mini")]
)
async def test_an_unknown_model_or_host_has_no_price(base_url: str, model: str) -> None:
    assert await Prices().of(Endpoint("openai", base_url, model)) is None


async def test_the_users_own_price_wins() -> None:
    pricing = Pricing("1.5", "3", cached_input_per_million_usd="0.5")
    price = await Prices().of(Endpoint("openai", OPENAI, "gpt-4o-mini", pricing=pricing))
    assert price is not None
    assert price.nanos(Tokens(input=10, output=1, cached=4)) == 6 * 1_500 + 4 * 500 + 3_000


@pytest.mark.parametrize("provider", ["local", "scripted"])
async def test_local_and_scripted_models_are_free_and_priced(provider: str) -> None:
    price = await Prices().of(Endpoint(provider, "", "x"))
    assert price is not None
    assert price.nanos(Tokens(input=1_000_000, output=1_000_000)) == 0
