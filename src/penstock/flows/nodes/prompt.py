"""The `prompt` node: one model call, or a few of the same."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from penstock.errors import StepError
from penstock.flows.expressions import ExpressionError, Template, template
from penstock.flows.nodes.base import Node, NodeContext, NodeSettings, node
from penstock.flows.prompts import PromptMessage
from penstock.models.structured import SchemaInvalid, check_schema
from penstock.models.wire import Image, Message, ModelRequest, ModelResponse, Role
from penstock.types import Json, JsonObject

MAX_IMAGES = 20
MAX_ITERATIONS = 100
_IMAGE_URL = re.compile(r"https?://|data:image/[a-zA-Z0-9.+-]+;base64,")
_UNUSABLE = frozenset({"model_unknown", "model_key_missing", "model_unreachable"})


class PromptSettings(NodeSettings):
    type: Literal["prompt"] = "prompt"
    model: str | None = None
    """`provider/name`, or the name of a saved model. None: the saved prompt's, else the default model."""
    system: str | None = None
    """A template: what the model is told before the conversation."""
    prompt: str | None = None
    """A template: the user's message. `{{ variables }}` are inputs of the node."""
    messages: Annotated[list[PromptMessage] | None, Field(min_length=1, max_length=200)] = None
    """A whole conversation, in the place of `prompt`."""
    prompt_id: str | None = None
    """A saved prompt by id or name, in the place of `prompt`. What is set here beside it wins over what it says."""
    version: Annotated[int, Field(ge=1)] | Literal["latest"] = "latest"
    """Version of the saved prompt."""
    params: dict[str, Any] = Field(default_factory=dict)
    """`temperature`, `maxTokens`, `topP`, `seed`, `stop`, and what else the provider knows."""
    answer_schema: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    """JSON Schema of the answer: `out` is then the parsed value."""
    images: Annotated[list[str], Field(max_length=MAX_IMAGES)] = Field(default_factory=list)
    """Names of inputs that hold an image's URL or `data:` URL, or a list of them; they go with the last message."""
    fallback_models: Annotated[list[str], Field(max_length=10)] = Field(default_factory=list)
    """Asked in this order when a model cannot be used or fails in a way that may pass."""
    parallel_iterations: Annotated[int | None, Field(ge=1, le=MAX_ITERATIONS)] = None
    """Ask so many times at once; `out` is then the list of answers."""


@dataclass(frozen=True, slots=True)
class _Conversation:
    """The templates of a prompt, and what it says about the call."""

    messages: tuple[tuple[Role, str], ...]
    model: str | None
    params: Mapping[str, Json]
    schema: JsonObject | None
    version: int | None = None


@node
class Prompt(Node[PromptSettings]):
    """Asks a model: an inline or saved prompt in, its text out, or with a schema its parsed answer."""

    name = "prompt"
    title = "Prompt"
    settings = PromptSettings
    effectful: ClassVar[bool] = True

    async def run(self, ctx: NodeContext, settings: PromptSettings, inputs: JsonObject) -> Json:
        conversation = await _conversation(ctx, settings)
        messages = _messages(conversation, _images(settings, inputs), inputs)
        models = (conversation.model or ctx.services.models.default_model(), *settings.fallback_models)
        if conversation.version is not None:
            ctx.detail["promptVersion"] = conversation.version
        request = ModelRequest(models[0], messages, conversation.params, conversation.schema)
        if settings.timeout_seconds is not None:
            request = replace(request, timeout_seconds=settings.timeout_seconds)
        if settings.parallel_iterations is None:
            return await self._ask(ctx, request, models)
        asked = (self._ask(ctx, request, models) for _ in range(settings.parallel_iterations))
        # Every answer is waited for, also after one has failed: they are paid for, and counted in `usage`.
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return [_answer_or_raise(answer) for answer in answers]

    async def _ask(self, ctx: NodeContext, request: ModelRequest, models: tuple[str, ...]) -> Json:
        failures: list[StepError] = []
        for model in models:
            try:
                response = await ctx.services.models.complete(ctx.tenant, replace(request, model=model), ctx.meter)
            except StepError as error:
                failures.append(error)
                if not (error.retryable or error.code in _UNUSABLE):
                    break
            else:
                ctx.detail.update(_detail(response))
                return response.value
            finally:
                if failures:
                    ctx.detail["failedModels"] = _failed(models, failures)
        # Another attempt helps when it may help one of them.
        raise next((error for error in reversed(failures) if error.retryable), failures[-1])

    def check(self, settings: PromptSettings) -> Iterable[tuple[str, str]]:
        given = [name for name in ("prompt", "messages", "prompt_id") if getattr(settings, name) is not None]
        if len(given) != 1:
            yield "prompt", "give exactly one of prompt, messages and promptId"
        if settings.version != "latest" and settings.prompt_id is None:
            yield "version", "a version goes with promptId"
        for path, source in _sources(settings):
            try:
                template(source)
            except ExpressionError as error:
                yield path, str(error)
        if settings.answer_schema is not None:
            try:
                check_schema(settings.answer_schema)
            except SchemaInvalid as error:
                yield "schema", f"not a usable JSON Schema: {error}"

    def required_inputs(self, settings: PromptSettings) -> frozenset[str]:
        names = set(settings.images)
        for _, source in _sources(settings):
            try:
                names |= template(source).variables
            except ExpressionError:
                continue  # `check` reports it
        return frozenset(names)

    def output_schema(self, settings: PromptSettings) -> JsonObject | None:
        schema = settings.answer_schema
        if schema is None or settings.parallel_iterations is None:
            return schema
        return {"type": "array", "items": schema}


def _sources(settings: PromptSettings) -> Iterable[tuple[str, str]]:
    """Each template in the settings, with its path."""
    if settings.system is not None:
        yield "system", settings.system
    if settings.prompt is not None:
        yield "prompt", settings.prompt
    for number, message in enumerate(settings.messages or ()):
        yield f"messages.{number}.content", message.content


async def _conversation(ctx: NodeContext, settings: PromptSettings) -> _Conversation:
    """The settings' own, or the saved prompt's with the settings on top."""
    if settings.prompt_id is None:
        own: list[dict[str, Any]] | None = None
        if settings.messages is not None:
            own = [{"role": message.role, "content": message.content} for message in settings.messages]
        messages = _roles(settings.system, settings.prompt, own)
        return _Conversation(messages, settings.model, settings.params, settings.answer_schema)
    saved = await ctx.services.prompts.get(ctx.tenant, settings.prompt_id, settings.version)
    document: Mapping[str, Any] = saved.document
    system = settings.system if settings.system is not None else document.get("system")
    return _Conversation(
        messages=_roles(system, document.get("prompt"), document.get("messages")),
        model=settings.model or document.get("model"),
        params={**(document.get("params") or {}), **settings.params},
        schema=settings.answer_schema if settings.answer_schema is not None else document.get("schema"),
        version=saved.version,
    )


def _roles(
    system: str | None, prompt: str | None, messages: list[dict[str, Any]] | None
) -> tuple[tuple[Role, str], ...]:
    told: list[tuple[Role, str]] = [("system", system)] if system is not None else []
    if messages is None:
        return (*told, ("user", prompt or ""))
    return (*told, *((message["role"], message["content"]) for message in messages))


def _messages(conversation: _Conversation, images: tuple[Image, ...], inputs: JsonObject) -> tuple[Message, ...]:
    """The conversation with its variables filled in; images go with the last message."""
    last = len(conversation.messages) - 1
    return tuple(
        Message(role, _compiled(source).render(inputs), images if number == last else ())
        for number, (role, source) in enumerate(conversation.messages)
    )


def _compiled(source: str) -> Template:
    try:
        return template(source)
    except ExpressionError as error:
        raise StepError("prompt_invalid", f"the saved prompt does not compile: {error}") from error


def _images(settings: PromptSettings, inputs: JsonObject) -> tuple[Image, ...]:
    urls: list[Json] = []
    for name in settings.images:
        if name not in inputs:
            raise StepError("template_variable_missing", f"the image {name!r} is not among the inputs")
        value = inputs[name]
        urls += value if isinstance(value, list | tuple) else [value]
    if len(urls) > MAX_IMAGES:
        raise StepError("input_invalid", f"{len(urls)} images are more than the {MAX_IMAGES} that one call takes")
    for url in urls:
        if not isinstance(url, str) or not _IMAGE_URL.match(url):
            raise StepError("input_invalid", "an image must be an http(s) URL or a data: URL of an image in base64")
    return tuple(Image(str(url)) for url in urls)


def _failed(models: tuple[str, ...], failures: list[StepError]) -> list[Json]:
    pairs = zip(models, failures, strict=False)
    return [{"model": model, "code": error.code, "message": error.message} for model, error in pairs]


def _answer_or_raise(answer: Json | BaseException) -> Json:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _detail(response: ModelResponse) -> dict[str, Json]:
    """What the log says about a call; what is not known is left out."""
    facts: dict[str, Json] = {
        "model": response.model,
        "finishReason": response.finish_reason,
        "latencyMs": round(response.latency_ms, 1),
        "firstTokenMs": None if response.first_token_ms is None else round(response.first_token_ms, 1),
        "requestId": response.request_id,
        "priceSource": response.price_source,
        "priceDate": response.price_date,
        "repaired": response.repaired or None,
        "scripted": response.scripted or None,
    }
    return {name: value for name, value in facts.items() if value is not None}
