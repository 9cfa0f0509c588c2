"""What is evaluated: something that answers a row. A model that is sent messages, or a flow that is run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from penstock.errors import StepError
from penstock.evaluations.benchmarks.model import BenchmarkRow
from penstock.evaluations.model import Answer
from penstock.executions.item import Attempt, ItemRun, StepPolicy
from penstock.flows.expressions import template
from penstock.flows.services import Services
from penstock.flows.walk import Walker
from penstock.models.cache import CachedAnswer, ModelCache, cache_key
from penstock.models.wire import Message, ModelRequest, ModelResponse
from penstock.types import Json, JsonObject, Tenant

GENERATE = "generate"
FLOW_PREFIX = "flow/"

_encode = msgspec.json.Encoder(order="deterministic").encode
_ANSWERS = {"model_declined": "content_filter", "model_truncated": "length"}
"""What a model did rather than what went wrong: an answer to be scored, such as it is, not a row to be tried again."""


class Target(Protocol):
    """One variant's target."""

    async def answer(self, item: ItemRun, row: BenchmarkRow, epoch: int) -> Answer:
        """Ask once, as a step `generate` of the item. Raises `ItemFailed`."""
        ...


@dataclass(frozen=True)
class ModelTarget:
    """A model that is sent the row's input, or messages made of it by templates over the row's members.

    `cache` answers from the project's earlier answers to the same request, and keeps new ones; None: neither.
    """

    tenant: Tenant
    services: Services
    model: str
    messages: tuple[JsonObject, ...] | None
    params: JsonObject
    policy: StepPolicy
    digest: bytes
    cache: ModelCache | None = None

    async def answer(self, item: ItemRun, row: BenchmarkRow, epoch: int) -> Answer:
        request = ModelRequest(self.model, _messages(self.messages, row), self.params)
        received = _encode([_as_json(message) for message in request.messages])

        async def call(attempt: Attempt) -> Json:
            return to_json(await self._ask(request, epoch, attempt))

        recorded = await item.step(
            GENERATE,
            call,
            self.policy,
            fingerprint=_fingerprint(self.digest, received, epoch),
            received=received,
        )
        return msgspec.convert(recorded, Answer)

    async def _ask(self, request: ModelRequest, epoch: int, attempt: Attempt) -> Answer:
        try:
            response = await self._complete(request, epoch, attempt)
        except StepError as error:
            if error.code not in _ANSWERS:
                raise
            attempt.detail["finishReason"] = error.code
            return Answer(error.cause or "", finish_reason=_ANSWERS[error.code])
        attempt.detail.update(_facts(response))
        if response.cached:
            return Answer(response.text, finish_reason=response.finish_reason, cached=True)
        return Answer(
            output=response.text,
            latency_ms=round(response.latency_ms, 1),
            first_token_ms=None if response.first_token_ms is None else round(response.first_token_ms, 1),
            finish_reason=response.finish_reason,
        )

    async def _complete(self, request: ModelRequest, epoch: int, attempt: Attempt) -> ModelResponse:
        models = self.services.models
        if self.cache is None:
            return await models.complete(self.tenant, request, attempt.meter)
        key = cache_key(await models.catalog.resolve(self.tenant, request.model), request, epoch)
        known = await self.cache.get(self.tenant, key)
        if known is not None:
            return known.response(request.model)
        response = await models.complete(self.tenant, request, attempt.meter)
        if not (attempt.meter.limited and response.finish_reason == "length"):
            # A budget sets a limit where the request has none; without one, the answer would not have been cut off.
            await self.cache.put(self.tenant, key, CachedAnswer.of(response))
        return response


@dataclass(frozen=True)
class FlowTarget:
    """A flow that is run on each row. `inputs` says which member of the row each of its input fields is."""

    walker: Walker
    inputs: Mapping[str, str] | None

    async def answer(self, item: ItemRun, row: BenchmarkRow, epoch: int) -> Answer:
        started = time.perf_counter()
        try:
            accepted = self.walker.accepted(self._input(row))
        except StepError as error:
            raise item.failure("input", error) from error
        output = await self.walker.run(item, accepted)
        answer = Answer(output, latency_ms=round((time.perf_counter() - started) * 1000, 1))

        async def keep(_: Attempt) -> Json:
            return to_json(answer)

        # What the flow did is recorded node by node; this is the one place where every target's answer is found.
        kept = _encode(output)
        recorded = await item.step(
            GENERATE, keep, StepPolicy(effectful=False), fingerprint=_fingerprint(b"flow", kept, epoch)
        )
        return msgspec.convert(recorded, Answer)

    def _input(self, row: BenchmarkRow) -> JsonObject:
        if self.inputs is not None:
            values = row_values(row)
            return {name: _member(values, path) for name, path in self.inputs.items()}
        if isinstance(row.input, Mapping):
            return row.input
        fields = self.walker.graph.document.input
        return {"input" if "input" in fields else next(iter(fields), "input"): row.input}


def request_for(variant: JsonObject, row: BenchmarkRow) -> ModelRequest:
    """What a pinned variant would send its model for a row. Raises `StepError` when a template fails."""
    pinned: Any = variant
    return ModelRequest(pinned["target"]["model"], _messages(pinned["messages"], row), pinned["params"])


def _messages(templates: Sequence[JsonObject] | None, row: BenchmarkRow) -> tuple[Message, ...]:
    if templates is None:
        return tuple(_conversation(row.input))
    values = row_values(row)
    made: list[Message] = []
    for message in templates:
        given: Any = message
        if given["role"] == "user" and given["content"] is None:
            made += _conversation(row.input)
        else:
            made.append(Message(given["role"], template(given["content"]).render(values)))
    return tuple(made)


def row_values(row: BenchmarkRow) -> JsonObject:
    """What templates see of a row: everything but its truth, which no target may be told."""
    return {
        "id": row.id,
        "input": row.input,
        "context": row.context,
        "subset": row.subset,
        "metadata": row.metadata,
        **({} if not isinstance(row.input, Mapping) else {k: v for k, v in row.input.items() if k not in _MEMBERS}),
    }


_MEMBERS = frozenset({"id", "input", "context", "subset", "metadata"})


def _member(values: JsonObject, path: str) -> Json:
    """A member by its dotted path; null where there is none."""
    value: Json = values
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _conversation(given: Json) -> list[Message]:
    """A row's input as messages: a list of `{role, content}` as it is, a text or anything else as the user's."""
    if isinstance(given, Sequence) and not isinstance(given, str) and given and all(map(_is_message, given)):
        turns: Sequence[Any] = given
        return [Message(turn["role"], turn["content"]) for turn in turns]
    return [Message("user", given if isinstance(given, str) else _encode(given).decode())]


def _is_message(value: Json) -> bool:
    return (
        isinstance(value, Mapping)
        and value.get("role") in ("system", "user", "assistant")
        and isinstance(value.get("content"), str)
    )


def _as_json(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.text}


def to_json(answer: Answer) -> Json:
    """An answer as plain values."""
    plain: Json = msgspec.to_builtins(answer)
    return plain


def _fingerprint(key: bytes, received: bytes, epoch: int) -> str:
    return hashlib.blake2b(b"%d " % epoch + received, digest_size=12, key=key).hexdigest()


def _facts(response: ModelResponse) -> dict[str, Json]:
    """What the log says about a call; what is not known is left out."""
    facts: dict[str, Json] = {
        "model": response.model,
        "finishReason": response.finish_reason,
        "requestId": response.request_id,
        "priceSource": response.price_source,
        "priceDate": response.price_date,
        "scripted": response.scripted or None,
        "cached": response.cached or None,
    }
    return {name: value for name, value in facts.items() if value is not None}
