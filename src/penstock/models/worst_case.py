"""The most that a model call can consume, known before it is made.

A token stands for at least one byte of text, so the bytes of a request bound the tokens of its input. The output is
bounded by the request's own token limit; a call that has none is given one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from penstock.errors import StepError
from penstock.models.parameters import LIMIT_NAMES
from penstock.models.prices import Price
from penstock.models.providers.base import Tokens
from penstock.models.tariff import Tariff, dearest
from penstock.models.usage import Amounts
from penstock.models.wire import ModelRequest
from penstock.types import Json

OUTPUT_TOKENS = 4_096
"""What a call under a budget may answer when it does not say."""
IMAGE_TOKENS = 50_000
"""More than the providers' documented most for one image (OpenAI counts up to 48,169 for its small models)."""
_FRAME_TOKENS = 64
"""What a provider's chat template adds around a request and around each message."""
_ANSWER_NAMES = ("n", "candidateCount", "best_of")
"""Some providers give several answers to one request, and bill each."""


def bounded(request: ModelRequest) -> tuple[ModelRequest, Tokens]:
    """The request with a limit on its output, and the most tokens it can take."""
    limit = max(_counts(request.params, LIMIT_NAMES), default=None)
    if limit is None:
        limit = OUTPUT_TOKENS
        request = replace(request, params={**request.params, "maxTokens": limit})
    answers = max(_counts(request.params, _ANSWER_NAMES), default=1)
    return request, Tokens(input=_input_tokens(request), output=limit * answers)


def worst_case(tariff: Tariff, tokens: Tokens, request: ModelRequest) -> Amounts:
    """What a request takes at most that consumes so many tokens."""
    ways = dearest(tokens)
    return Amounts(
        nanos=max(tariff.nanos(way) or 0 for way in ways),
        tokens=tokens.input + tokens.output,
        ecu_micros=max(tariff.ecu_micros(request.purpose, way) for way in ways),
    )


def check_price(price: Price | None, model: str, *, in_money: bool) -> None:
    """Raises `StepError` when money is limited and the price is not known."""
    if price is None and in_money:
        message = (
            f"the price of {model} is not known, so a budget in dollars cannot hold it: "
            "save the model with its pricing, or give the budget in tokens"
        )
        raise StepError("budget_needs_price", message)


def _input_tokens(request: ModelRequest) -> int:
    tokens = _FRAME_TOKENS + len(msgspec.json.encode(request.params))
    if request.schema is not None:
        tokens += _FRAME_TOKENS + 2 * len(msgspec.json.encode(request.schema))
    for message in request.messages:
        tokens += _FRAME_TOKENS + len(message.text.encode(errors="replace")) + IMAGE_TOKENS * len(message.images)
    return tokens


def _counts(params: Mapping[str, Json], names: tuple[str, ...]) -> list[int]:
    values = (params.get(name) for name in names)
    return [value for value in values if isinstance(value, int) and not isinstance(value, bool) and value > 0]
