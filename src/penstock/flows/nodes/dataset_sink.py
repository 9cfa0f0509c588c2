"""Dataset Sink: writes a row per item into a data set, exactly once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from penstock.datasets.model import check_name
from penstock.errors import Invalid
from penstock.flows.expressions import ExpressionError, expression
from penstock.flows.nodes.base import Node, NodeContext, NodeSettings, node
from penstock.types import Json, JsonObject


class DatasetSinkSettings(NodeSettings):
    type: Literal["dataset_sink"] = "dataset_sink"
    target: Annotated[str, Field(min_length=1)]
    """The data set's id or name; one of that name is created when there is none."""
    mapping: dict[str, str] = Field(default_factory=dict)
    """Field → an input's name, or an expression over the inputs; without it, every input is a field."""
    update: Literal["append", "update", "upsert"] = "append"
    """`append` adds a row, `update` changes the row with the same keys, `upsert` adds it where there is none."""
    keys: list[str] = Field(default_factory=list)
    """The fields that find the row to update."""


@node
class DatasetSink(Node[DatasetSinkSettings]):
    """Writes a row for each item: once, however often the item is resumed or retried. Gives the row with its `id`."""

    name = "dataset_sink"
    title = "Dataset Sink"
    settings = DatasetSinkSettings
    effectful = True

    def check(self, settings: DatasetSinkSettings) -> Iterable[tuple[str, str]]:
        try:
            check_name("data set", settings.target)
        except Invalid as error:
            yield "target", error.detail
        for field, source in settings.mapping.items():
            try:
                expression(source)
            except ExpressionError as error:
                yield f"mapping.{field}", str(error)
        if settings.update == "append" and settings.keys:
            yield "keys", "Rows that are appended are not looked for by keys; use `update: upsert`, or no keys."
        if settings.update != "append" and not settings.keys:
            yield "keys", f"`update: {settings.update}` needs the fields that find the row."
        for position, key in enumerate(settings.keys):
            if settings.mapping and key not in settings.mapping:
                yield f"keys[{position}]", f"{key!r} is no field of the mapping."

    def required_inputs(self, settings: DatasetSinkSettings) -> frozenset[str]:
        return frozenset().union(*(expression(source).required for source in settings.mapping.values()))

    async def run(self, ctx: NodeContext, settings: DatasetSinkSettings, inputs: JsonObject) -> Json:
        row = {field: expression(source).evaluate(inputs) for field, source in settings.mapping.items()} or inputs
        written = await ctx.services.datasets.write_row(
            ctx.tenant,
            settings.target,
            row,
            mode=settings.update,
            keys=tuple(settings.keys),
            origin=ctx.idempotency_key,
        )
        ctx.detail["rowId"] = written.row_id
        return {"id": written.row_id, **written.data}
