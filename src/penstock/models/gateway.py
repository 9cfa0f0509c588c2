"""Every model call goes through here: find the endpoint, wait for a place, call, count, check the answer."""

from __future__ import annotations

import time
from dataclasses import astuple, dataclass, replace

from penstock.errors import StepError
from penstock.models.adaptive import AdaptiveLimiter
from penstock.models.catalog import Catalog
from penstock.models.compute_units import Rates, RatesOf, following, shipped_rates
from penstock.models.meter import Meter, Reservation
from penstock.models.parameters import merged
from penstock.models.prices import Price, Prices
from penstock.models.providers.base import Endpoint, ProviderAnswer, Tokens
from penstock.models.providers.registry import PROVIDERS, adapters
from penstock.models.structured import Mismatch, SchemaInvalid, check_schema, parsed
from penstock.models.tariff import Tariff
from penstock.models.usage import NOTHING, Amounts, Usage
from penstock.models.wire import Message, ModelRequest, ModelResponse
from penstock.models.worst_case import bounded, check_price, worst_case
from penstock.net.client import GuardedClient
from penstock.types import Json, JsonObject, Tenant

_MAX_LIMITERS = 1_000
_MAX_CAUSE_CHARS = 2_000
_TEST_TIMEOUT_SECONDS = 60.0
_NOT_BILLED = frozenset({"model_rate_limited", "model_refused_request", "model_error", "model_key_missing"})
"""Failures in which the provider itself said that there is no answer."""
_MOST_TOKENS = 1_000_000_000
"""No call takes more; an endpoint that somebody has saved may say anything."""
_NEVER_LEFT = frozenset({"connection_failed", "address_refused"})


@dataclass(frozen=True, slots=True)
class ModelTest:
    """How one call of one token went."""

    model: str
    latency_ms: float | None
    error: StepError | None

    def as_json(self) -> JsonObject:
        error = self.error
        return {
            "model": self.model,
            "ok": error is None,
            "latencyMs": self.latency_ms,
            "error": {"code": error.code, "message": error.message, "cause": error.cause} if error else None,
        }


@dataclass(frozen=True, slots=True)
class _Called:
    """One answered call."""

    answer: ProviderAnswer
    latency_ms: float
    price: Price | None


class Gateway:
    """Model calls for every project. Belongs to one event loop.

    Failures are `StepError`s:

        model_unknown             no     no saved model and no provider of this name, or weights not installed
        model_key_missing         no     the provider's key is not set; the message names the variable
        model_unreachable         yes    no connection, or it was cut (not retryable when the address is refused)
        model_timeout             yes    no answer in time
        model_rate_limited        yes    429; `retry_after_seconds` when the provider said
        model_error               yes    5xx, 408, 425, and whatever the provider says to try again
        model_refused_request     no     other 4xx
        model_bad_answer          yes    an answer that is not what the protocol says
        model_truncated           no     the token limit ended the answer before it was one
        model_declined            no     the model or the provider's filter declines to answer
        output_schema_mismatch    yes    the answer does not fit its schema, nor does the repaired one
        schema_invalid            no     the schema itself cannot be used
    """

    def __init__(
        self, http: GuardedClient, catalog: Catalog, prices: Prices, rates_of: RatesOf = shipped_rates
    ) -> None:
        self.catalog = catalog
        self._prices = prices
        self._rates_of = rates_of
        self._providers = adapters(http)
        self._limiters: dict[Endpoint, AdaptiveLimiter] = {}

    def default_model(self) -> str:
        """The model for whoever names none."""
        return self.catalog.default_model()

    async def complete(self, tenant: Tenant, request: ModelRequest, meter: Meter) -> ModelResponse:
        """One completion. `meter` counts every answered call, whether or not its answer is any use.

        With a schema, an answer that misses it is sent back once, with what is wrong. Under a meter with limits, a
        request without a limit on its output is given one.
        """
        if request.schema is not None:
            _check_schema(request.schema)
        endpoint = await self.catalog.resolve(tenant, request.model)
        called = await self._call(endpoint, request, meter)
        if request.schema is None:
            _check_finished(request, called.answer)
            return _response(request, called, called.answer.text)
        try:
            value = await _value(request, called.answer)
        except Mismatch as mismatch:
            return await self._repair(endpoint, request, called, mismatch, meter)
        return _response(request, called, value)

    async def most(self, tenant: Tenant, request: ModelRequest) -> tuple[Amounts, bool]:
        """The most that one completion can consume, and whether its price is known. Nothing is called.

        Raises `StepError`: `model_unknown`, `model_key_missing`.
        """
        endpoint = await self.catalog.resolve(tenant, request.model)
        tariff = await self._tariff(endpoint, await self._rates_of(tenant))
        request, tokens = bounded(_with_defaults(endpoint, request))
        return worst_case(tariff, tokens, request), tariff.price is not None

    async def test(self, tenant: Tenant, model: str) -> ModelTest:
        """Ask a model for one token, and say how that went."""
        try:
            endpoint = await self.catalog.resolve(tenant, model)
        except StepError as error:
            return ModelTest(model, None, error)
        return await self.probe(endpoint, model)

    async def probe(self, endpoint: Endpoint, model: str) -> ModelTest:
        """The same of an endpoint, whether or not it is saved; `model` is what to call it."""
        hello = Message("user", "Say hello.")
        request = ModelRequest(model, (hello,), {"maxTokens": 1}, timeout_seconds=_TEST_TIMEOUT_SECONDS)
        try:
            called = await self._call(endpoint, request, Meter())
        except StepError as error:
            return ModelTest(model, None, error)
        return ModelTest(model, called.latency_ms, None)

    async def close(self) -> None:
        """Let go of local models. The HTTP client belongs to whoever made it."""
        for provider in self._providers.values():
            await provider.close()

    async def _call(self, endpoint: Endpoint, request: ModelRequest, meter: Meter) -> _Called:
        limiter = self._limiter(endpoint)
        if limiter.closed_seconds > request.timeout_seconds:
            # To wait here would outlast the call's own time; the caller can put the item aside instead.
            message = f"{request.model} takes no requests for another {limiter.closed_seconds:.0f} s"
            raise StepError("model_rate_limited", message, retryable=True, retry_after_seconds=limiter.closed_seconds)
        tariff = await self._tariff(endpoint, meter.rates)
        request = _with_defaults(endpoint, request)
        worst = NOTHING
        if meter.limited:
            request, tokens = bounded(request)
            check_price(tariff.price, request.model, in_money=meter.limits_money)
            worst = worst_case(tariff, tokens, request)
        reservation = await meter.reserve(worst)
        try:
            async with limiter.place(meter.claim):
                await meter.begin(reservation)
                started = time.perf_counter()
                answer = await self._providers[endpoint.provider].complete(endpoint, request)
                latency_ms = (time.perf_counter() - started) * 1000
        except BaseException as error:
            meter.give_up(reservation, may_be_billed=_may_be_billed(error))
            raise
        meter.model = endpoint.name
        _settle(meter, reservation, _used(tariff, request, answer))
        return _Called(answer, latency_ms, tariff.price)

    async def _tariff(self, endpoint: Endpoint, rates: Rates) -> Tariff:
        price = listed = await self._prices.of(endpoint)
        if endpoint.operator_pays and endpoint.pricing is not None:
            listed = await self._prices.of(replace(endpoint, pricing=None))
        return Tariff(price, listed, endpoint.operator_pays, rates)

    async def _repair(
        self, endpoint: Endpoint, request: ModelRequest, first: _Called, mismatch: Mismatch, meter: Meter
    ) -> ModelResponse:
        faults = "\n".join(f"- {fault}" for fault in mismatch.faults)
        correction = (
            f"Your answer does not fit the JSON Schema that was asked for:\n{faults}\n"
            "Answer again, with JSON that fits the schema and nothing else."
        )
        messages = (
            *request.messages,
            Message("assistant", first.answer.text or "(nothing)"),
            Message("user", correction),
        )
        again = replace(request, messages=messages, purpose=following(request.purpose))
        second = await self._call(endpoint, again, meter)
        try:
            value = await _value(request, second.answer)
        except Mismatch as still:
            message = f"the answer of {request.model} does not fit its schema, also after a correction: {still}"
            cause = second.answer.text[:_MAX_CAUSE_CHARS]
            raise StepError("output_schema_mismatch", message, retryable=True, cause=cause) from still
        both = replace(second, latency_ms=first.latency_ms + second.latency_ms)
        return _response(request, both, value, repaired=True)

    def _limiter(self, endpoint: Endpoint) -> AdaptiveLimiter:
        limiter = self._limiters.get(endpoint)
        if limiter is None:
            if len(self._limiters) >= _MAX_LIMITERS:
                self._limiters = {key: kept for key, kept in self._limiters.items() if not kept.idle}
            places = PROVIDERS[endpoint.provider].places
            limiter = AdaptiveLimiter(start=places, cap=places) if places else AdaptiveLimiter()
            self._limiters[endpoint] = limiter
        return limiter


def _with_defaults(endpoint: Endpoint, request: ModelRequest) -> ModelRequest:
    """The request with what is sent with every call of the endpoint."""
    return replace(request, params=merged(endpoint.defaults, request.params)) if endpoint.defaults else request


def _used(tariff: Tariff, request: ModelRequest, answer: ProviderAnswer) -> Usage:
    tokens = _credible(answer.tokens)
    nanos = tariff.nanos(tokens)
    return Usage(
        model_calls=1,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cached_tokens=tokens.cached,
        cost_nanos=nanos or 0,
        unpriced_calls=1 if nanos is None else 0,
        ecu_micros=tariff.ecu_micros(request.purpose, tokens),
    )


def _settle(meter: Meter, reservation: Reservation, used: Usage) -> None:
    if meter.limited and not (used.input_tokens or used.output_tokens):
        # A provider that does not say what it counted may still bill it.
        meter.give_up(reservation, may_be_billed=True)
        meter.usage.add(used)
        return
    meter.settle(reservation, used)


def _credible(tokens: Tokens) -> Tokens:
    """What an endpoint says it counted, within reason: nothing that gives budget back, or makes sums overflow."""
    return Tokens(*(max(0, min(count, _MOST_TOKENS)) for count in astuple(tokens)))


def _may_be_billed(error: BaseException) -> bool:
    """Whether a call that brought no answer may still cost: it left, and nobody said that it was refused."""
    if not isinstance(error, StepError):
        return True
    never_left = isinstance(error.__cause__, StepError) and error.__cause__.code in _NEVER_LEFT
    return error.code not in _NOT_BILLED and not never_left


def _check_schema(schema: JsonObject) -> None:
    """Before anything is paid for."""
    try:
        check_schema(schema)
    except SchemaInvalid as error:
        raise StepError("schema_invalid", f"the JSON Schema cannot be used: {error}") from error


async def _value(request: ModelRequest, answer: ProviderAnswer) -> Json:
    """The answer's value. Raises `Mismatch`, or a `StepError` where asking again cannot help."""
    schema = request.schema or {}
    try:
        return await parsed(answer.text, schema)
    except SchemaInvalid as error:
        raise StepError("schema_invalid", f"the JSON Schema cannot be used: {error}") from error
    except Mismatch:
        if answer.finish_reason == "length":
            raise _truncated(request, answer) from None
        _check_finished(request, answer)
        raise


def _check_finished(request: ModelRequest, answer: ProviderAnswer) -> None:
    """An answer that was cut off or declined is one only when there is text to show for it."""
    if answer.finish_reason == "content_filter" and (not answer.text or request.schema is not None):
        message = f"{request.model}, or its provider's filter, declines to answer"
        raise StepError("model_declined", message, cause=answer.text[:_MAX_CAUSE_CHARS] or None)
    if answer.finish_reason == "length" and not answer.text:
        raise _truncated(request, answer)


def _truncated(request: ModelRequest, answer: ProviderAnswer) -> StepError:
    message = f"{request.model} reached its token limit before the answer was complete: raise params.maxTokens"
    return StepError("model_truncated", message, cause=answer.text[:_MAX_CAUSE_CHARS] or None)


def _response(request: ModelRequest, called: _Called, value: Json, *, repaired: bool = False) -> ModelResponse:
    answer, price = called.answer, called.price
    return ModelResponse(
        text=answer.text,
        value=value,
        model=request.model,
        finish_reason=answer.finish_reason,
        latency_ms=called.latency_ms,
        first_token_ms=answer.first_token_ms,
        request_id=answer.request_id,
        repaired=repaired,
        scripted=answer.scripted,
        price_source=price.source if price else None,
        price_date=price.day if price else None,
    )
