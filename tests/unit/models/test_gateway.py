"""The gateway and its adapters against a scripted server in another process, over real HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import msgspec
import pytest

from penstock.errors import StepError
from penstock.models.gateway import Gateway
from penstock.models.meter import Meter
from penstock.models.wire import Image, Message, ModelRequest
from penstock.testing.model_server import ModelServer
from penstock.types import Tenant

Ask = Callable[..., ModelRequest]
KEY = "sk-very-secret-key-0123456789"
SCHEMA = {
    "type": "object",
    "properties": {"label": {"enum": ["good", "bad"]}},
    "required": ["label"],
    "additionalProperties": False,
}


@pytest.fixture(autouse=True)
async def saved(gateway: Gateway, tenant: Tenant, server: ModelServer) -> None:
    """One saved model for each protocol, all of them on the scripted server."""
    for provider, url in (("openai", f"{server.url}/v1"), ("anthropic", server.url), ("gemini", server.url)):
        body = {"name": f"my-{provider}", "provider": provider, "baseUrl": url, "apiKey": KEY, "modelName": "m/1"}
        await gateway.catalog.create(tenant, body)


PROTOCOLS = pytest.mark.parametrize("model", ["my-openai", "my-anthropic", "my-gemini"])


async def failure(gateway: Gateway, tenant: Tenant, request: ModelRequest, meter: Meter | None = None) -> StepError:
    with pytest.raises(StepError) as caught:
        await gateway.complete(tenant, request, meter or Meter())
    return caught.value


@PROTOCOLS
async def test_answers_with_text_and_counts(
    gateway: Gateway, tenant: Tenant, server: ModelServer, meter: Meter, ask: Ask, model: str
) -> None:
    server.script([{"contains": "hello", "template": "{last} from {model}"}])
    request = ask(model, params={"temperature": 0, "maxTokens": 8, "topP": 0.5, "stop": "x", "seed": 1})
    response = await gateway.complete(tenant, request, meter)
    assert response.value == response.text == "hello from m/1"
    assert (response.finish_reason, response.request_id) == ("stop", "scripted-1")
    assert response.model == model
    assert meter.usage.model_calls == 1
    assert meter.usage.input_tokens > 0
    assert meter.usage.output_tokens > 0
    assert meter.usage.unpriced_calls == 1
    assert response.price_source is None


@PROTOCOLS
async def test_system_and_images_travel(gateway: Gateway, tenant: Tenant, meter: Meter, model: str) -> None:
    image = Image("data:image/png;base64,iVBORw0KGgo=")
    messages = (Message("system", "be brief"), Message("user", "what is this?", (image,)))
    response = await gateway.complete(tenant, ModelRequest(model, messages), meter)
    assert response.text.startswith("scripted reply ")


@PROTOCOLS
async def test_structured_output_is_the_parsed_value(
    gateway: Gateway, tenant: Tenant, server: ModelServer, meter: Meter, ask: Ask, model: str
) -> None:
    server.script([{"json": {"label": "bad"}}])
    response = await gateway.complete(tenant, ask(model, schema=SCHEMA), meter)
    assert response.value == {"label": "bad"}
    assert not response.repaired


@PROTOCOLS
async def test_a_schema_whose_root_is_no_object_works_everywhere(
    gateway: Gateway, tenant: Tenant, meter: Meter, ask: Ask, model: str
) -> None:
    schema = {"type": "array", "items": {"$ref": "#/$defs/label"}, "$defs": {"label": {"enum": ["good"]}}}
    response = await gateway.complete(tenant, ask(model, schema=schema), meter)
    assert response.value == ["good"]


@PROTOCOLS
async def test_an_answer_that_misses_its_schema_is_repaired_once(
    gateway: Gateway, tenant: Tenant, server: ModelServer, meter: Meter, ask: Ask, model: str
) -> None:
    server.script([{"contains": "hello", "text": '{"label":"fine"}'}, {"contains": "label", "json": {"label": "good"}}])
    response = await gateway.complete(tenant, ask(model, schema=SCHEMA), meter)
    assert response.value == {"label": "good"}
    assert response.repaired
    assert meter.usage.model_calls == 2


async def test_an_answer_that_misses_its_schema_twice_is_an_error_that_was_paid_for(
    gateway: Gateway, tenant: Tenant, server: ModelServer, meter: Meter, ask: Ask
) -> None:
    server.script([{"text": "I would say good."}])
    error = await failure(gateway, tenant, ask("my-openai", schema=SCHEMA), meter)
    assert (error.code, error.retryable, error.cause) == ("output_schema_mismatch", True, "I would say good.")
    assert meter.usage.model_calls == 2
    assert server.stats()["calls"] == 2


async def test_an_unusable_schema_costs_nothing(
    gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask
) -> None:
    error = await failure(gateway, tenant, ask("my-openai", schema={"type": "wat"}))
    assert (error.code, error.retryable) == ("schema_invalid", False)
    assert server.stats()["calls"] == 0


@PROTOCOLS
async def test_a_structured_answer_cut_by_the_token_limit_says_so(
    gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask, model: str
) -> None:
    server.script([{"text": '{"label":"go', "finishReason": "length"}])
    error = await failure(gateway, tenant, ask(model, schema=SCHEMA))
    assert (error.code, error.retryable) == ("model_truncated", False)
    assert "maxTokens" in error.message
    assert server.stats()["calls"] == 1


async def test_text_cut_by_the_token_limit_is_an_answer(
    gateway: Gateway, tenant: Tenant, server: ModelServer, meter: Meter, ask: Ask
) -> None:
    server.script([{"text": "Once upon a", "finishReason": "length"}])
    response = await gateway.complete(tenant, ask("my-openai"), meter)
    assert (response.text, response.finish_reason) == ("Once upon a", "length")


@PROTOCOLS
async def test_a_refusal_is_not_an_answer(
    gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask, model: str
) -> None:
    server.script([{"text": "", "finishReason": "content_filter"}])
    error = await failure(gateway, tenant, ask(model))
    assert (error.code, error.retryable) == ("model_declined", False)


@PROTOCOLS
@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (400, "model_refused_request", False),
        (401, "model_refused_request", False),
        (404, "model_refused_request", False),
        (408, "model_error", True),
        (409, "model_refused_request", False),
        (425, "model_error", True),
        (500, "model_error", True),
        (503, "model_error", True),
    ],
)
async def test_statuses(
    gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask, model: str, status: int, code: str, retryable: bool
) -> None:
    server.script([{"status": status, "error": f"no luck with {KEY} and sk-ant-another-0123456789"}])
    meter = Meter()
    error = await failure(gateway, tenant, ask(model), meter)
    assert (error.code, error.retryable) == (code, retryable)
    assert error.cause is not None
    assert "no luck" in error.cause
    assert "secret" not in error.cause
    assert "another" not in error.cause
    assert meter.usage.model_calls == 0


async def test_a_conflict_is_retryable_where_the_provider_says_so(
    gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask
) -> None:
    server.script([{"status": 409, "headers": {"x-should-retry": "true"}}])
    error = await failure(gateway, tenant, ask("my-openai"))
    assert (error.code, error.retryable) == ("model_error", True)


async def test_an_account_without_money_is_not_asked_again(
    gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask
) -> None:
    server.script([{"status": 429, "error": "insufficient_quota: check your plan"}])
    error = await failure(gateway, tenant, ask("my-openai"))
    assert (error.code, error.retryable) == ("model_refused_request", False)


@PROTOCOLS
async def test_429_carries_its_retry_after_and_keeps_the_next_call_back(
    gateway: Gateway, tenant: Tenant, server: ModelServer, meter: Meter, ask: Ask, model: str
) -> None:
    server.script([{"status": 429, "retryAfterSeconds": 0.2, "times": 1}])
    error = await failure(gateway, tenant, ask(model))
    assert (error.code, error.retryable, error.retry_after_seconds) == ("model_rate_limited", True, 0.2)
    await gateway.complete(tenant, ask(model), meter)
    first, second = server.calls()
    assert second["at"] - first["at"] >= 190


async def test_a_retry_after_longer_than_the_call_may_take_is_told_at_once(
    gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask
) -> None:
    server.script([{"status": 429, "retryAfterSeconds": 3600, "times": 1}])
    await failure(gateway, tenant, ask("my-openai"))
    error = await failure(gateway, tenant, ask("my-openai", timeout_seconds=1.0))
    assert error.code == "model_rate_limited"
    assert error.retry_after_seconds is not None
    assert error.retry_after_seconds > 3500
    assert server.stats()["calls"] == 1


@PROTOCOLS
async def test_rubbish(gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask, model: str) -> None:
    server.script([{"behaviour": "rubbish"}])
    error = await failure(gateway, tenant, ask(model))
    assert (error.code, error.retryable) == ("model_bad_answer", True)
    assert error.cause is not None
    assert "not what you think" in error.cause


@PROTOCOLS
async def test_a_connection_cut_in_the_middle(
    gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask, model: str
) -> None:
    server.script([{"behaviour": "cut"}])
    error = await failure(gateway, tenant, ask(model))
    assert (error.code, error.retryable) == ("model_unreachable", True)


@PROTOCOLS
async def test_a_model_that_hangs_ends_in_a_timeout(
    gateway: Gateway, tenant: Tenant, server: ModelServer, ask: Ask, model: str
) -> None:
    server.script([{"behaviour": "hang"}])
    error = await failure(gateway, tenant, ask(model, timeout_seconds=0.2))
    assert (error.code, error.retryable) == ("model_timeout", True)
    assert "0.2 s" in error.message


async def test_a_model_that_is_down(gateway: Gateway, tenant: Tenant, ask: Ask) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/v1"
        await gateway.catalog.create(tenant, {"name": "down", "provider": "openai", "baseUrl": url, "modelName": "m"})
        error = await failure(gateway, tenant, ask("down"))
    assert (error.code, error.retryable) == ("model_unreachable", True)


async def test_a_private_address_is_not_called(gateway: Gateway, tenant: Tenant, ask: Ask) -> None:
    await gateway.catalog.create(
        tenant, {"name": "inside", "provider": "openai", "baseUrl": "http://169.254.169.254/v1", "modelName": "m"}
    )
    error = await failure(gateway, tenant, ask("inside"))
    assert (error.code, error.retryable) == ("model_unreachable", False)


async def test_a_cancelled_call_is_stopped_and_leaves_no_place_taken(
    gateway: Gateway, tenant: Tenant, server: ModelServer, meter: Meter, ask: Ask
) -> None:
    server.script([{"contains": "hang", "behaviour": "hang"}])
    tasks = [asyncio.create_task(gateway.complete(tenant, ask("my-openai", "hang"), meter)) for _ in range(25)]
    while (await asyncio.to_thread(server.stats))["inFlight"] < 20:
        pass
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(gateway.complete(tenant, ask("my-openai"), meter) for _ in range(25)))
    assert meter.usage.model_calls == 25


async def test_no_more_calls_at_once_than_the_limit_allows(
    gateway: Gateway, tenant: Tenant, server: ModelServer, meter: Meter, ask: Ask
) -> None:
    server.script([{"delayMs": 20}])
    await asyncio.gather(*(gateway.complete(tenant, ask("my-openai"), meter) for _ in range(20)))
    assert server.stats()["mostInFlight"] <= 20


async def test_scripted_models_say_that_they_are(gateway: Gateway, tenant: Tenant, meter: Meter, ask: Ask) -> None:
    echo = await gateway.complete(tenant, ask("scripted/echo", "say it"), meter)
    fixed = await gateway.complete(tenant, ask("scripted/delay:1:fixed:done"), meter)
    assert (echo.text, echo.scripted, echo.price_source) == ("say it", True, "scripted")
    assert fixed.text == "done"
    assert (meter.usage.cost_nanos, meter.usage.unpriced_calls) == (0, 0)
    error = await failure(gateway, tenant, ask("scripted/fail:503"))
    assert (error.code, error.retryable) == ("model_error", True)


async def test_scripted_models_speak_to_the_server_of_the_environment(
    gateway: Gateway, tenant: Tenant, server: ModelServer, environment: dict[str, str], meter: Meter, ask: Ask
) -> None:
    environment["PENSTOCK_SCRIPTED_URL"] = server.url
    response = await gateway.complete(tenant, ask("scripted/echo", "over the wire"), meter)
    assert (response.text, response.scripted) == ("over the wire", True)
    assert server.stats()["calls"] == 1


async def test_the_test_call_reports_latency_or_the_error(
    gateway: Gateway, tenant: Tenant, server: ModelServer
) -> None:
    good = (await gateway.test(tenant, "my-openai")).as_json()
    assert good["ok"] is True
    assert good["error"] is None
    server.script([{"status": 401, "error": "bad key"}])
    bad = (await gateway.test(tenant, "my-openai")).as_json()
    assert bad["ok"] is False
    assert "bad key" in str(bad["error"])


async def test_what_an_endpoint_says_it_counted_is_taken_within_reason(
    gateway: Gateway, tenant: Tenant, meter: Meter, ask: Ask
) -> None:
    counted = {"prompt_tokens": 5 * 10**18, "completion_tokens": -(10**9)}
    body = msgspec.json.encode({"choices": [{"message": {"content": "hi"}}], "usage": counted})

    async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(lie, "127.0.0.1", 0) as liar:
        url = f"http://127.0.0.1:{liar.sockets[0].getsockname()[1]}/v1"
        pricing = {"inputPerMillionUsd": "1000000", "outputPerMillionUsd": "1000000"}
        saved = {"name": "liar", "provider": "openai", "baseUrl": url, "apiKey": KEY, "modelName": "m"}
        await gateway.catalog.create(tenant, {**saved, "pricing": pricing})
        await gateway.complete(tenant, ask("liar"), meter)
    used = meter.usage
    assert (used.input_tokens, used.output_tokens, used.cost_nanos) == (10**9, 0, 10**12)


async def test_the_most_a_call_takes_counts_what_is_sent_with_every_call_of_its_model(
    gateway: Gateway, tenant: Tenant
) -> None:
    saved = {"provider": "openai", "baseUrl": "http://127.0.0.1:1/v1", "apiKey": KEY, "modelName": "m"}
    await gateway.catalog.create(tenant, {**saved, "name": "long", "maxTokens": 50_000})
    most, _ = await gateway.most(tenant, ModelRequest("long", (Message("user", "Hello"),)))
    assert most.tokens > 50_000
