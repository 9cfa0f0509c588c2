"""`transform`: a new value out of the inputs, by an expression or a JSON template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Literal

from penstock.flows.expressions import Expression, ExpressionError, Template, expression, template
from penstock.flows.nodes.base import Node, NodeContext, NodeSettings, node
from penstock.types import Json, JsonObject

_KEPT = 4_096


class TransformSettings(NodeSettings):
    type: Literal["transform"] = "transform"
    expression: str | None = None
    """An expression over the inputs; its value is `out`."""
    template: Any = None
    """Any JSON value, in the place of `expression`: text in it may hold `{{ variables }}`. A text that is exactly one
    `{{ expression }}` becomes that expression's value with its type; every other one becomes text."""


@node
class Transform(Node[TransformSettings]):
    """Computes a value: an expression, or a JSON template filled in with the inputs."""

    name = "transform"
    title = "Transform"
    settings = TransformSettings

    async def run(self, ctx: NodeContext, settings: TransformSettings, inputs: JsonObject) -> Json:
        if settings.expression is not None:
            return expression(settings.expression).evaluate(inputs)
        return _filled(settings.template, inputs)

    def check(self, settings: TransformSettings) -> Iterable[tuple[str, str]]:
        if (settings.expression is None) == (settings.template is None):
            yield "expression", "give either an expression or a template"
        for path, compile_ in _sources(settings):
            try:
                compile_()
            except ExpressionError as error:
                yield path, str(error)

    def required_inputs(self, settings: TransformSettings) -> frozenset[str]:
        required = frozenset[str]()
        for _, compile_ in _sources(settings):
            try:
                required |= compile_().required
            except ExpressionError:
                pass  # `check` reports it.
        return required


def _sources(settings: TransformSettings) -> Iterator[tuple[str, Callable[[], Expression | Template]]]:
    """Where in the settings something is to be compiled, and how."""
    if settings.expression is not None:
        yield "expression", partial(expression, settings.expression)
    for path, text in _texts(settings.template, "template"):
        yield path, partial(_compiled, text)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _texts(entry, f"{path}.{key}")
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(entry, f"{path}[{index}]")


@lru_cache(_KEPT)
def _compiled(text: str) -> Expression | Template:
    """An `Expression` where the text is exactly one `{{ expression }}`, else a `Template`."""
    whole = text.strip()
    if whole.startswith("{{") and whole.endswith("}}"):
        try:
            return expression(whole[2:-2])
        except ExpressionError:
            pass  # `{{ a }} and {{ b }}`, or wrong also as a template, which then says why.
    return template(text)


def _filled(value: Any, inputs: JsonObject) -> Json:
    if isinstance(value, str):
        compiled = _compiled(value)
        return compiled.evaluate(inputs) if isinstance(compiled, Expression) else compiled.render(inputs)
    if isinstance(value, Mapping):
        return {key: _filled(entry, inputs) for key, entry in value.items()}
    if isinstance(value, list):
        return [_filled(entry, inputs) for entry in value]
    plain: Json = value
    return plain
