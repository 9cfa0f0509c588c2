"""`flatten`: closes the innermost split; its elements' values become one list again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from penstock.errors import StepError
from penstock.flows.nodes.base import Node, NodeContext, NodeSettings, node
from penstock.types import Json, JsonObject


class FlattenSettings(NodeSettings):
    type: Literal["flatten"] = "flatten"
    failed: Literal["skip", "null", "fail"] = "skip"
    """What stands for an element that failed: nothing, null, or the failure of the whole item."""
    depth: Annotated[int, Field(ge=0, le=20)] = 0
    """How many levels of lists inside the values are dissolved; 0: each element gives one value, whatever it is."""


@node
class Flatten(Node[FlattenSettings]):
    """Collects one value from each element of a split, in the order of the array. Its one input says which value."""

    name = "flatten"
    title = "Array Flatten"
    settings = FlattenSettings
    role = "flatten"

    async def run(self, ctx: NodeContext, settings: FlattenSettings, inputs: JsonObject) -> Json:
        if len(inputs) != 1:
            raise StepError("invalid_inputs", "a flatten takes exactly one input: the value to collect")
        (values,) = inputs.values()
        if not isinstance(values, list | tuple):
            raise StepError("not_an_array", "a flatten's input must come from inside a split")
        return list(_dissolved(values, settings.depth))

    def check(self, settings: FlattenSettings) -> Iterable[tuple[str, str]]:
        if len(settings.inputs) != 1:
            yield "inputs", "a flatten takes exactly one input: the value to collect"

    def output_schema(self, settings: FlattenSettings) -> JsonObject | None:
        return {"type": "array"}


def _dissolved(values: Iterable[Json], depth: int) -> Iterator[Json]:
    for value in values:
        if depth and isinstance(value, list | tuple):
            yield from _dissolved(value, depth - 1)
        else:
            yield value
