"""`split`: an item of its own for each element of an array."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from penstock.errors import StepError
from penstock.flows.nodes.base import Node, NodeContext, NodeSettings, node
from penstock.flows.references import Reference, ReferenceSyntaxError, follow, parse
from penstock.types import Json, JsonObject

ARRAY = "array"


class SplitSettings(NodeSettings):
    type: Literal["split"] = "split"
    path: str = ""
    """Where in the input the array is, `result.rows` or `[0].rows`; empty: the input itself."""
    mode: Literal["parallel", "sequential", "chunked"] = "parallel"
    """`parallel`: as many elements at once as the flow's concurrency lets; `sequential`: one after the other;
    `chunked`: a chunk at once, the next chunk when it is through."""
    max_concurrency: Annotated[int | None, Field(ge=1, le=5000)] = None
    """At most so many elements at once."""
    chunk_size: Annotated[int, Field(ge=1, le=5000)] = 10
    max_elements: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """A longer array is an error of the item."""


@node
class Split(Node[SplitSettings]):
    """Runs the nodes that follow once for each element of an array, until a flatten closes it.

    The array is the input named `array`, or the only input; `path` leads further into it. An empty array gives none.
    """

    name = "split"
    title = "Array Splitter"
    settings = SplitSettings
    role = "split"

    async def run(self, ctx: NodeContext, settings: SplitSettings, inputs: JsonObject) -> Json:
        where = f"the array at {settings.path!r}" if settings.path else "the array"
        try:
            value = follow(_given(inputs), _reference(settings.path))
        except StepError as error:
            raise StepError("not_an_array", f"{where} is missing: {error.message}") from None
        if not isinstance(value, list | tuple):
            raise StepError("not_an_array", f"{where} is no array, it is {_kind(value)}")
        if len(value) > settings.max_elements:
            raise StepError(
                "too_many_elements",
                f"{where} has {len(value)} elements; maxElements is {settings.max_elements}, raise it to allow more",
            )
        return list(value)

    def concurrency(self, settings: SplitSettings, bound: int) -> int:
        """How many elements run at once where the flow allows `bound`; of chunks, how long one is."""
        wanted = {"sequential": 1, "chunked": settings.chunk_size}.get(settings.mode, bound)
        return max(1, min(wanted, bound, settings.max_concurrency or bound))

    def check(self, settings: SplitSettings) -> Iterable[tuple[str, str]]:
        if len(settings.inputs) != 1 and ARRAY not in settings.inputs:
            yield "inputs", f"a split needs one input, or one named {ARRAY!r}"
        try:
            _reference(settings.path)
        except ReferenceSyntaxError:
            yield "path", f"{settings.path!r} is no path; write one such as result.rows or [0].rows"


def _given(inputs: JsonObject) -> Json:
    if ARRAY in inputs:
        return inputs[ARRAY]
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    raise StepError("not_an_array", f"a split needs one input, or one named {ARRAY!r}")


def _reference(path: str) -> Reference:
    separator = "" if not path or path.startswith("[") else "."
    return parse(f"{ARRAY}.out{separator}{path}")


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    return "an object" if not isinstance(value, str | int | float) else f"a {type(value).__name__}"
