"""The prompt node, with a real gateway and the models that play back what their names say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from pydantic import ValidationError

from penstock.errors import StepError
from penstock.flows.nodes.base import REGISTRY, NodeContext
from penstock.flows.nodes.prompt import Prompt, PromptSettings
from penstock.flows.prompts import PromptLibrary
from penstock.flows.services import Services
from penstock.models.catalog import Catalog
from penstock.models.gateway import Gateway
from penstock.models.prices import Prices
from penstock.net.client import GuardedClient
from penstock.net.policy import EgressPolicy
from penstock.storage.sqlite import SqliteStore
from penstock.types import Tenant

TENANT = Tenant("org1", "project1")


@dataclass(frozen=True)
class World:
    """The two services that a prompt uses."""

    models: Gateway
    prompts: PromptLibrary


@pytest.fixture
async def world(store: SqliteStore) -> AsyncIterator[World]:
    http = GuardedClient(EgressPolicy())
    environment = {"PENSTOCK_DEFAULT_MODEL": "scripted/fixed:from the default"}
    models = Gateway(http, Catalog(store, encrypt=str, decrypt=str, environment=environment), Prices())
    yield World(models, PromptLibrary(store))
    await models.close()
    await http.close()


@pytest.fixture
def ctx(world: World) -> NodeContext:
    return NodeContext(
        tenant=TENANT,
        execution_id="exec_1",
        item_path="1",
        flow_id="flow",
        flow_version=1,
        node="ask",
        round=1,
        attempt=1,
        services=cast(Services, world),
    )


def settings(**given: Any) -> PromptSettings:
    return PromptSettings.model_validate({"type": "prompt", **given})


async def run(ctx: NodeContext, inputs: dict[str, Any] | None = None, **given: Any) -> Any:
    return await Prompt().run(ctx, settings(**given), inputs or {})


async def test_variables_are_filled_in_and_the_call_is_recorded(ctx: NodeContext) -> None:
    out = await run(ctx, {"who": "{{ you }}"}, model="scripted/echo", system="Be kind.", prompt="Hello {{ who }}")
    assert out == "Hello {{ you }}"  # what an input says is data, never a template
    assert ctx.usage.model_calls == 1
    assert ctx.detail["model"] == "scripted/echo"
    assert ctx.detail["scripted"] is True
    assert ctx.detail["finishReason"] == "stop"
    assert ctx.detail["priceSource"] == "scripted"
    assert "latencyMs" in ctx.detail


async def test_a_missing_variable_is_an_error_and_costs_nothing(ctx: NodeContext) -> None:
    with pytest.raises(StepError) as caught:
        await run(ctx, {}, model="scripted/echo", prompt="Hello {{ who }}")
    assert (caught.value.code, caught.value.retryable) == ("template_variable_missing", False)
    assert ctx.usage.model_calls == 0


async def test_without_a_model_the_default_is_asked(ctx: NodeContext) -> None:
    assert await run(ctx, prompt="hi") == "from the default"


async def test_a_schema_makes_out_the_parsed_value(ctx: NodeContext) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert await run(ctx, model="scripted/x", prompt="hi", schema=schema) == {"n": 0}
    node, given = Prompt(), settings(prompt="hi", schema=schema)
    assert node.output_schema(given) == schema
    repeated = settings(prompt="hi", schema=schema, parallelIterations=2)
    assert node.output_schema(repeated) == {"type": "array", "items": schema}


async def test_a_conversation(ctx: NodeContext) -> None:
    messages = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    messages.append({"role": "user", "content": "{{ last }}"})
    assert await run(ctx, {"last": "three"}, model="scripted/echo", messages=messages) == "three"


async def test_a_saved_prompt_in_the_version_that_is_asked_for(ctx: NodeContext, world: World) -> None:
    await world.prompts.create(TENANT, "greet", {"prompt": "v1 {{ who }}", "model": "scripted/echo"})
    await world.prompts.update(TENANT, "greet", {"prompt": "v2 {{ who }}", "model": "scripted/echo"})
    assert await run(ctx, {"who": "a"}, promptId="greet", version=1) == "v1 a"
    assert ctx.detail["promptVersion"] == 1
    assert await run(ctx, {"who": "a"}, promptId="greet") == "v2 a"
    assert ctx.detail["promptVersion"] == 2
    assert await run(ctx, {"who": "a"}, promptId="greet", model="scripted/fixed:mine") == "mine"


async def test_fallback_models_are_asked_in_order(ctx: NodeContext) -> None:
    out = await run(
        ctx,
        model="scripted/fail:503",
        fallbackModels=["anthropic/no-key", "scripted/fail:429", "scripted/fixed:saved", "scripted/fixed:unasked"],
        prompt="hi",
    )
    assert out == "saved"
    assert ctx.detail["model"] == "scripted/fixed:saved"
    failed = cast(list[dict[str, str]], ctx.detail["failedModels"])
    assert [one["code"] for one in failed] == ["model_error", "model_key_missing", "model_rate_limited"]


async def test_a_refused_request_does_not_fall_back(ctx: NodeContext) -> None:
    with pytest.raises(StepError) as caught:
        await run(ctx, model="scripted/fail:400", fallbackModels=["scripted/fixed:no"], prompt="hi")
    assert caught.value.code == "model_refused_request"


async def test_the_last_failure_is_the_steps(ctx: NodeContext) -> None:
    with pytest.raises(StepError) as caught:
        await run(ctx, model="scripted/fail:503", fallbackModels=["scripted/fail:429"], prompt="hi")
    assert (caught.value.code, caught.value.retryable) == ("model_rate_limited", True)


async def test_a_step_is_retryable_when_one_of_its_models_is(ctx: NodeContext) -> None:
    with pytest.raises(StepError) as caught:
        await run(ctx, model="scripted/fail:503", fallbackModels=["anthropic/no-key"], prompt="hi")
    assert (caught.value.code, caught.value.retryable) == ("model_error", True)


async def test_parallel_iterations_give_a_list(ctx: NodeContext) -> None:
    assert await run(ctx, model="scripted/fixed:x", prompt="hi", parallelIterations=3) == ["x", "x", "x"]
    assert ctx.usage.model_calls == 3
    assert await run(ctx, model="scripted/fixed:x", prompt="hi", parallelIterations=1) == ["x"]


async def test_images_come_from_inputs(ctx: NodeContext) -> None:
    given = {"model": "scripted/echo", "prompt": "look", "images": ["photo"]}
    data = "data:image/png;base64,AA=="
    assert await run(ctx, {"photo": data}, **given) == "look"
    assert await run(ctx, {"photo": [data, "https://x.example/a.png"]}, **given) == "look"
    for wrong in ("file:///etc/passwd", 7, "data:text/html;base64,AA==", [data] * 21):
        with pytest.raises(StepError) as caught:
            await run(ctx, {"photo": wrong}, **given)
        assert caught.value.code == "input_invalid"
    with pytest.raises(StepError) as caught:
        await run(ctx, {}, **given)
    assert caught.value.code == "template_variable_missing"


def test_its_inputs_are_its_variables_and_images() -> None:
    given = settings(system="{{ tone }}", prompt="{{ a.b }} {% for x in list %}{{ x }}{% endfor %}", images=["photo"])
    assert Prompt().required_inputs(given) == {"tone", "a", "list", "photo"}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "prompt"),
        ({"prompt": "x", "promptId": "y"}, "prompt"),
        ({"prompt": "x", "version": 2}, "version"),
        ({"prompt": "{{ x"}, "prompt"),
        ({"prompt": "x", "system": "{% if %}"}, "system"),
        ({"messages": [{"role": "user", "content": "{{"}]}, "messages.0.content"),
        ({"prompt": "x", "schema": {"type": "wat"}}, "schema"),
    ],
)
def test_faults_are_found_when_the_flow_is_saved(given: dict[str, Any], path: str) -> None:
    assert [fault[0] for fault in Prompt().check(settings(**given))] == [path]


def test_a_right_prompt_has_no_faults() -> None:
    assert not list(Prompt().check(settings(prompt="{{ x }}", system="s", schema={"type": "object"})))
    assert not list(Prompt().check(settings(promptId="p", version=3)))


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError):
        settings(prompt="x", temprature=1)


def test_it_is_registered_and_effectful() -> None:
    assert isinstance(REGISTRY["prompt"], Prompt)
    assert REGISTRY["prompt"].effectful
