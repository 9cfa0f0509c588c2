"""What an optimization takes at most, before it is started. Nothing is asked of any model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.judges.estimates import Most, most_of
from penstock.models.gateway import Gateway
from penstock.models.usage import Amounts
from penstock.optimization.model import Example, Result
from penstock.optimization.reflection import reflection_prompt, reflection_request
from penstock.optimization.splitting import MINIBATCH
from penstock.optimization.targets import Target
from penstock.types import Tenant

SAMPLED = 20
"""So many examples are looked at; every call is taken to be as large as the largest of them."""
_REPLY_CHARS = 8_000
"""What a reflecting model is shown of an example beside what people say: what was given, and what came back."""


@dataclass(frozen=True, slots=True)
class Work:
    """So many metric calls, and so many reflections by a model."""

    metric_calls: int
    reflections: int
    reflection_model: str


@dataclass(frozen=True, slots=True)
class Cost:
    """The most that all model calls take. `unpriced`: models whose price nobody knows; they are left out of it."""

    calls: int
    amounts: Amounts
    unpriced: tuple[str, ...]


async def most_cost(models: Gateway, tenant: Tenant, target: Target, examples: Sequence[Example], work: Work) -> Cost:
    """The cost of the work. Each question to a model may need its correction."""
    largest, model = Most(), ""
    for example in examples[:SAMPLED]:
        request, times = await target.request(target.instruction, example)
        model = request.model
        most = (await most_of(models, tenant, request)).times(times)
        largest = max(largest, most, key=lambda one: (one.amounts.nanos, one.amounts.tokens))
    seen = [(example, Result(0.0, saw="x" * _REPLY_CHARS)) for example in examples[:MINIBATCH]]
    prompt = reflection_prompt(target, target.instruction, seen)
    amounts, priced = await models.most(tenant, reflection_request(work.reflection_model, prompt))
    metric = largest.times(work.metric_calls)
    reflecting = Most(1, 0, amounts, priced).times(work.reflections)
    unpriced = {name for name, one in ((model, metric), (work.reflection_model, reflecting)) if not one.priced}
    return Cost(2 * metric.asked + reflecting.asked, metric.amounts + reflecting.amounts, tuple(sorted(unpriced)))
