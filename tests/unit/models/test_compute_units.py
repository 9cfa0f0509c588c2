"""What calls take in compute units: by purpose, by who pays, and never more than was said before."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

import pytest

from penstock.models.compute_units import SHIPPED, Purpose, Rates
from penstock.models.prices import FlatPrice
from penstock.models.providers.base import Tokens
from penstock.models.tariff import Tariff
from penstock.models.wire import Message, ModelRequest
from penstock.models.worst_case import bounded, worst_case

RATES = Rates(inference=1, judge=20, trace_evaluation=300, metric=4_000, usd=7_000_000, million_tokens=5_000_000)


@dataclass(frozen=True)
class PerToken:
    """A price in nano-dollars for each token."""

    each: int
    source: str = "test"
    day: str = "2026-11-21"

    def nanos(self, tokens: Tokens) -> int:
        return (tokens.input + tokens.output) * self.each


@pytest.mark.parametrize(
    ("purpose", "own"), [("inference", 1), ("judge", 20), ("trace_evaluation", 300), ("metric", 4_000)]
)
def test_a_call_takes_the_work_of_its_purpose_and_what_the_operator_pays(purpose: Purpose, own: int) -> None:
    tokens = Tokens(input=700, output=300)
    free = Tariff(PerToken(1_000), PerToken(1_000), operator_pays=False, rates=RATES)
    assert free.ecu_micros(purpose, tokens) == own
    # 1,000 tokens at 1,000 nano-dollars are a thousandth of a dollar.
    assert Tariff(free.price, free.listed, operator_pays=True, rates=RATES).ecu_micros(purpose, tokens) == own + 7_000
    assert Tariff(None, None, operator_pays=True, rates=RATES).ecu_micros(purpose, tokens) == own + 5_000


def test_a_price_of_the_project_s_own_does_not_make_the_operator_s_key_cheaper() -> None:
    tariff = Tariff(PerToken(0), PerToken(1_000), operator_pays=True, rates=RATES)
    assert tariff.nanos(Tokens(input=1_000)) == 0
    assert tariff.ecu_micros("inference", Tokens(input=1_000)) == 1 + 7_000


def test_a_fraction_of_a_millionth_is_rounded_up() -> None:
    tariff = Tariff(PerToken(1), PerToken(1), operator_pays=True, rates=RATES)
    assert tariff.ecu_micros("inference", Tokens(output=1)) == 2


def test_no_call_takes_more_than_its_worst_case() -> None:
    draw = random.Random(3)
    request = ModelRequest("m", (Message("user", "a question"),), purpose="judge")
    request, most = bounded(request)
    for _ in range(300):
        rates = Rates(**{name: draw.randint(0, 10**8) for name in RATES.__dataclass_fields__})
        plain, output, write = (Decimal(draw.randint(0, 50)) for _ in range(3))
        # A token that is read from a cache costs no more than one that is not.
        price = draw.choice([None, FlatPrice("test", "2026-11-21", plain, output, plain / 2, write)])
        tariff = Tariff(price, price, operator_pays=True, rates=rates)
        used = draw.randint(0, most.input)
        cached = draw.randint(0, used)
        tokens = Tokens(used, draw.randint(0, most.output), cached, draw.randint(0, used - cached))
        assert tariff.ecu_micros("judge", tokens) <= worst_case(tariff, most, request).ecu_micros


def test_the_shipped_rates_stay_what_executions_are_pinned_to() -> None:
    shipped = SHIPPED
    assert shipped == Rates(
        inference=10_000,
        judge=10_000,
        trace_evaluation=20_000,
        metric=20_000,
        usd=100_000_000,
        million_tokens=100_000_000,
    )
