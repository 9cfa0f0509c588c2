"""Dataset Source: rows of a data set, one item each, or all as one array."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from penstock.datasets.model import (
    MAX_SELECTED_IDS,
    AllRows,
    Column,
    Dataset,
    DatasetRow,
    FirstRows,
    RandomRows,
    RowIds,
    Selection,
)
from penstock.datasets.selecting import Predicate
from penstock.datasets.service import Datasets
from penstock.errors import Problem, StepError
from penstock.flows.expressions import ExpressionError, expression
from penstock.flows.nodes.base import DocumentModel, Node, NodeContext, NodeSettings, node
from penstock.types import Json, JsonObject, Tenant


class SelectionSettings(DocumentModel):
    """At most one of `ids`, `first`, `random`, `percent`; none takes every row that passes the filter."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_SELECTED_IDS)] | None = None
    """Row ids."""
    first: Annotated[int, Field(ge=1)] | None = None
    """So many rows from the top."""
    random: Annotated[int, Field(ge=1)] | None = None
    """So many rows, chosen at random."""
    percent: Annotated[float, Field(gt=0, le=100)] | None = None
    """That part of the rows, chosen at random."""
    seed: int = 0
    """The same seed chooses the same rows."""

    def as_selection(self) -> Selection:
        """What the data set is asked for."""
        if self.ids is not None:
            return RowIds(tuple(self.ids))
        if self.first is not None:
            return FirstRows(self.first)
        if self.random is not None or self.percent is not None:
            return RandomRows(self.seed, self.random, self.percent)
        return AllRows()

    @property
    def chosen(self) -> list[str]:
        """Which of the ways are named."""
        return [name for name in ("ids", "first", "random", "percent") if getattr(self, name) is not None]


class DatasetSourceSettings(NodeSettings):
    type: Literal["dataset_source"] = "dataset_source"
    dataset: Annotated[str, Field(min_length=1)]
    """The data set's id or name."""
    version: Annotated[int, Field(ge=1)] | Literal["latest"] = "latest"
    """Which version of it."""
    columns: list[str] | dict[str, str] | None = None
    """Columns to expose, or new name → column; without it, all of them."""
    filter: str | None = None
    """An expression over a row's columns; rows where it is false are left out."""
    selection: SelectionSettings = SelectionSettings()
    mode: Literal["each", "array"] = "each"
    """`each`: one item per row. `array`: one item with all rows in `out`."""
    max_rows: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """With `array`, the most rows it may hold."""

    @property
    def renamed(self) -> dict[str, str] | None:
        """Exposed name → column."""
        return {name: name for name in self.columns} if isinstance(self.columns, list) else self.columns


@node
class DatasetSource(Node[DatasetSourceSettings]):
    """Yields the rows of a data set: an item for each row, or one array of them."""

    name = "dataset_source"
    title = "Dataset Source"
    settings = DatasetSourceSettings
    role = "source"
    # The rows an array holds are recorded before they are used: the data set's latest version may move on.
    effectful = True

    def check(self, settings: DatasetSourceSettings) -> Iterable[tuple[str, str]]:
        if settings.filter is not None:
            try:
                expression(settings.filter)
            except ExpressionError as error:
                yield "filter", str(error)
        if len(settings.selection.chosen) > 1:
            yield "selection", f"{' and '.join(settings.selection.chosen)} cannot be combined; choose one."
        if settings.columns is not None and not settings.columns:
            yield "columns", "An empty list exposes nothing; leave it out to expose all columns."

    def output_schema(self, settings: DatasetSourceSettings) -> JsonObject | None:
        renamed = settings.renamed
        if renamed is None:
            return None
        row: JsonObject = {"type": "object", "properties": {name: {} for name in renamed}, "required": [*renamed]}
        return row if settings.mode == "each" else {"type": "array", "items": row}

    async def run(self, ctx: NodeContext, settings: DatasetSourceSettings, inputs: JsonObject) -> Json:
        """All rows (`mode: array`). Raises `StepError`: `dataset_unknown`, `too_many_rows`, and the like."""
        try:
            source = await open_source(ctx.services.datasets, ctx.tenant, settings)
            values: list[Json] = []
            async for rows in source.pages():
                values.extend(exposed(settings, row) for row in rows)
                if len(values) > settings.max_rows:
                    message = (
                        f"Data set {source.dataset.name!r} has more than {settings.max_rows} rows for one array."
                        " Select fewer, raise `maxRows`, or use `mode: each`."
                    )
                    raise StepError("too_many_rows", message)
        except Problem as problem:
            raise StepError(problem.code, problem.detail, retryable=problem.status == 503) from problem
        ctx.detail["datasetVersion"] = source.version
        return values


@dataclass(frozen=True, slots=True)
class OpenSource:
    """One version of a data set with the source's filter and selection: the same rows whenever it is opened again."""

    datasets: Datasets
    tenant: Tenant
    dataset: Dataset
    version: int
    selection: Selection
    predicate: Predicate | None

    def pages(self, after_ordinal: int = -1) -> AsyncIterator[Sequence[DatasetRow]]:
        """The rows behind an ordinal. Raises `StepError` from the filter, `Invalid` from the selection."""
        return self.datasets.select(
            self.tenant, self.dataset.id, self.version, self.selection, self.predicate, after_ordinal
        )

    async def count(self) -> int:
        """How many rows `pages` yields in all."""
        return await self.datasets.count(self.tenant, self.dataset.id, self.version, self.selection, self.predicate)


async def open_source(
    datasets: Datasets, tenant: Tenant, settings: DatasetSourceSettings, version: int | None = None
) -> OpenSource:
    """Open a source on the version of its settings, or on the one that an earlier opening chose.

    The version is pinned: its rows do not change, even when the flow writes into this data set. Raises `NotFound`, and
    `StepError` for a column that the data set has not.
    """
    dataset = await datasets.pin(tenant, settings.dataset)
    wanted = version or (dataset.version if settings.version == "latest" else settings.version)
    if wanted > dataset.version:
        message = f"Data set {dataset.name!r} has no version {wanted}; its latest is {dataset.version}."
        raise StepError("dataset_version_unknown", message)
    _check_columns(settings, dataset.columns, dataset.name)
    selection = settings.selection.as_selection()
    return OpenSource(datasets, tenant, dataset, wanted, selection, predicate_of(settings, dataset.columns))


def predicate_of(settings: DatasetSourceSettings, columns: Sequence[Column] = ()) -> Predicate | None:
    """The filter as a function of a row's data; of `columns`, those that a row has not are null.

    It raises `StepError` when it cannot be evaluated, or gives neither true nor false.
    """
    if settings.filter is None:
        return None
    source = settings.filter
    compiled = expression(source)
    empty = {column.name: None for column in columns}

    def passes(data: JsonObject) -> bool:
        result = compiled.evaluate({**empty, **data})
        if not isinstance(result, bool):
            raise StepError("filter_not_boolean", f"The filter {source!r} gave {result!r:.80}, not true or false.")
        return result

    return passes


def exposed(settings: DatasetSourceSettings, row: DatasetRow) -> JsonObject:
    """What the node's `out` is for a row: the columns that are exposed; one that the row has not is null."""
    renamed = settings.renamed
    if renamed is None:
        return row.data
    return {name: row.data.get(column) for name, column in renamed.items()}


def _check_columns(settings: DatasetSourceSettings, columns: Sequence[Column], dataset_name: str) -> None:
    known = {column.name for column in columns}
    missing = sorted(set((settings.renamed or {}).values()) - known)
    if missing:
        message = (
            f"Data set {dataset_name!r} has no column {', '.join(map(repr, missing))};"
            f" its columns are {', '.join(sorted(known)) or 'none'}."
        )
        raise StepError("column_unknown", message)
