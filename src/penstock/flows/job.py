"""A flow run as a job: items from the request or from a data set, each walked through the graph."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from penstock.errors import StepError
from penstock.executions.inputs import stored_inputs
from penstock.executions.item import ItemRun
from penstock.executions.model import Execution, Planned
from penstock.flows.graph import Graph
from penstock.flows.nodes.dataset_source import DatasetSourceSettings, exposed, open_source
from penstock.flows.services import Services
from penstock.flows.walk import Walker
from penstock.storage.store import Store
from penstock.types import Json, JsonObject


@dataclass(frozen=True)
class FlowJob:
    """One execution of a flow. `rows` says which data set its items come from; None: from the request."""

    execution: Execution
    walker: Walker
    store: Store
    services: Services
    rows: RowSource | None

    @property
    def single(self) -> bool:
        return bool(self.execution.spec.get("single")) and not self.walker.graph.open

    @property
    def steps_per_item(self) -> int:
        return len(self.walker.graph.order)

    async def plan(self) -> AsyncIterator[list[Planned]]:
        pages = stored_inputs(self.store, self.execution) if self.rows is None else self._dataset_rows(self.rows)
        async for page in pages:
            yield page

    async def run_item(self, item: ItemRun) -> Json:
        if self.walker.graph.source is not None and self.rows is not None:
            return await self.walker.run(item, self.execution.spec.get("input"), item.input)
        value: Any = item.input
        if self.rows is not None:
            try:
                value = self.walker.accepted(self._as_input(value))
            except StepError as error:
                raise item.failure("input", error) from error
        return await self.walker.run(item, value)

    async def finish(self, execution: Execution) -> Json:
        return None

    def _as_input(self, row: JsonObject) -> JsonObject:
        """The columns that are fields of the flow's input; an empty cell is no value."""
        fields = self.walker.graph.document.input
        if not fields:
            return row
        return {name: row[name] for name in fields if row.get(name) is not None}

    async def _dataset_rows(self, rows: RowSource) -> AsyncIterator[list[Planned]]:
        source = await open_source(self.services.datasets, self.execution.tenant, rows.settings, rows.version)
        number = 0
        async for page in source.pages():
            yield [Planned(number + offset, exposed(rows.settings, row)) for offset, row in enumerate(page)]
            number += len(page)


@dataclass(frozen=True, slots=True)
class RowSource:
    """A pinned version of a data set, with filter and selection."""

    settings: DatasetSourceSettings
    version: int

    def spec(self) -> JsonObject:
        return {
            "settings": self.settings.model_dump(mode="json", by_alias=True, exclude_unset=True),
            "version": self.version,
        }


def row_source_of(spec: JsonObject) -> RowSource | None:
    """The row source that a stored spec names."""
    rows: Any = spec.get("rows")
    if rows is None:
        return None
    return RowSource(
        DatasetSourceSettings.model_validate({"type": "dataset_source", **rows["settings"]}), rows["version"]
    )


def build_walker(graph: Graph, inner: JsonObject, graphs: dict[tuple[str, int], Graph], made: Walker) -> Walker:
    """A walker with walkers for every flow that is used as a node. `made` carries what all of them share.

    `inner` maps a node's name to `{"flow": id, "version": n, "flows": {...}}`, as the spec pins them.
    """
    walkers: dict[str, Walker] = {}
    for name, pinned_value in inner.items():
        pinned: Any = pinned_value
        walkers[name] = build_walker(
            graphs[pinned["flow"], pinned["version"]],
            pinned["flows"],
            graphs,
            Walker(graph, {}, made.execution, made.services, f"{made.prefix}{name}/"),
        )
    return Walker(graph, walkers, made.execution, made.services, made.prefix)
