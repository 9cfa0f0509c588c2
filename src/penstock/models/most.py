"""The most that work can take which asks models many questions, as estimates show it before it is started."""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock.models.compute_units import following
from penstock.models.gateway import Gateway
from penstock.models.usage import NOTHING, Amounts, ecu_from_micros, usd_from_nanos
from penstock.models.wire import Message, ModelRequest
from penstock.models.worst_case import bounded
from penstock.types import JsonObject, Tenant

_CORRECTION_BYTES = 8_000
"""More than what an answer that does not fit is sent back with."""


@dataclass(frozen=True, slots=True)
class Most:
    """The most that some questions take: `asked` are questions, `calls` those with the corrections that may follow.

    `unpriced` are models whose price is not known; `amounts` leave out what they cost.
    """

    asked: int = 0
    calls: int = 0
    input_tokens: int = 0
    amounts: Amounts = NOTHING
    unpriced: frozenset[str] = frozenset()

    def __add__(self, other: Most) -> Most:
        return Most(
            self.asked + other.asked,
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.amounts + other.amounts,
            self.unpriced | other.unpriced,
        )

    def times(self, count: int, of: int = 1) -> Most:
        """So many times as much, divided by `of` and rounded up: from a sample to all."""

        def scaled(value: int) -> int:
            return -(-value * count // of)

        amounts = self.amounts
        return Most(
            scaled(self.asked),
            scaled(self.calls),
            scaled(self.input_tokens),
            Amounts(scaled(amounts.nanos), scaled(amounts.tokens), scaled(amounts.ecu_micros)),
            self.unpriced,
        )

    def body(self) -> JsonObject:
        """The same as it is shown."""
        return {
            "modelCalls": self.calls,
            "tokens": self.amounts.tokens,
            "costUsd": usd_from_nanos(self.amounts.nanos),
            "ecu": ecu_from_micros(self.amounts.ecu_micros),
            "unpricedModels": sorted(self.unpriced),
        }


async def most_of(models: Gateway, tenant: Tenant, request: ModelRequest) -> Most:
    """The most that one question takes. With a schema, an answer that does not fit is followed by a correction.

    Raises what `Gateway.most` does.
    """
    first, priced = await models.most(tenant, request)
    unpriced = frozenset[str]() if priced else frozenset((request.model,))
    _, read = bounded(request)
    if request.schema is None:
        return Most(1, 1, read.input, first, unpriced)
    answered = first.tokens - read.input
    corrected = replace(
        request,
        messages=(*request.messages, Message("assistant", "x" * answered), Message("user", "x" * _CORRECTION_BYTES)),
        purpose=following(request.purpose),
    )
    second, _ = await models.most(tenant, corrected)
    return Most(1, 2, read.input + second.tokens - answered, first + second, unpriced)
