"""What an optimization takes at most, before it is started. Nothing is asked of any model."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from penstock.models.gateway import Gateway
from penstock.models.most import Most, most_of
from penstock.optimization.model import Example, Result
from penstock.optimization.reflection import reflection_prompt, reflection_request
from penstock.optimization.splitting import MINIBATCH
from penstock.optimization.targets import Target
from penstock.types import Tenant

SAMPLED = 20
"""So many examples are looked at, those that hold most; every call is taken to be as large as the largest of them."""
_REPLY_CHARS = 8_000
"""What a reflecting model is shown of an example beside what people say: what was given, and what came back."""


@dataclass(frozen=True, slots=True)
class Work:
    """So many metric calls, and so many reflections by a model."""

    metric_calls: int
    reflections: int
    reflection_model: str


async def most_cost(models: Gateway, tenant: Tenant, target: Target, examples: Sequence[Example], work: Work) -> Most:
    """The most that the work takes."""
    largest = Most()
    longest = await asyncio.to_thread(heapq.nlargest, SAMPLED, examples, _size)
    for example in longest:
        request, times = await target.request(target.instruction, example)
        most = (await most_of(models, tenant, request)).times(times)
        largest = max(largest, most, key=lambda one: (one.amounts.nanos, one.amounts.tokens))
    seen = [(example, Result(0.0, saw="x" * _REPLY_CHARS)) for example in longest[:MINIBATCH]]
    prompt = reflection_prompt(target, target.instruction.ljust(target.most_chars, "x"), seen)
    reflecting = await most_of(models, tenant, reflection_request(work.reflection_model, prompt))
    return largest.times(work.metric_calls) + reflecting.times(work.reflections)


def _size(example: Example) -> int:
    return len(msgspec.json.encode(example))
