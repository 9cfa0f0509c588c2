"""Dataset Source: settings, what a row becomes, and the array form."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError

from penstock.datasets.model import AllRows, DatasetRow, FirstRows, RandomRows, RowIds
from penstock.datasets.service import Datasets
from penstock.errors import NotFound, StepError
from penstock.flows.nodes.base import NodeContext
from penstock.flows.nodes.dataset_source import DatasetSource, DatasetSourceSettings, exposed, open_source
from penstock.flows.services import Services
from penstock.storage.sqlite import SqliteStore
from penstock.types import Tenant

TENANT = Tenant("org", "project")
NODE = DatasetSource()


@pytest.fixture
async def datasets(store: SqliteStore) -> Datasets:
    datasets = Datasets(store)
    rows = [{"id": f"r{n}", "text": f"text {n}", "stars": n % 5} for n in range(100)]
    await datasets.create(TENANT, "reviews", [*rows, {"id": "sparse", "text": "no stars"}])
    return datasets


def settings(**fields: Any) -> DatasetSourceSettings:
    return DatasetSourceSettings.model_validate({"type": "dataset_source", "dataset": "reviews", **fields})


async def run(datasets: Datasets, **fields: Any) -> Any:
    ctx = NodeContext(
        tenant=TENANT,
        execution_id="exec_1",
        item_path="0",
        flow_id="flow",
        flow_version=1,
        node="source",
        round=0,
        attempt=1,
        services=cast(Services, SimpleNamespace(datasets=datasets)),
    )
    return await NODE.run(ctx, settings(mode="array", **fields), {})


@pytest.mark.parametrize(
    ("given", "selection"),
    [
        ({}, AllRows()),
        ({"ids": ["a", "b"]}, RowIds(("a", "b"))),
        ({"first": 3}, FirstRows(3)),
        ({"random": 3, "seed": 5}, RandomRows(5, count=3)),
        ({"percent": 2.5}, RandomRows(0, percent=2.5)),
    ],
)
def test_a_selection_is_read(given: dict[str, Any], selection: object) -> None:
    assert settings(selection=given).selection.as_selection() == selection


@pytest.mark.parametrize(
    "fields", [{"selection": {"first": 0}}, {"selection": {"last": 1}}, {"version": 0}, {"mode": "some"}]
)
def test_settings_out_of_bounds_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**fields)


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"filter": "stars > 2"}, []),
        ({"filter": "stars >"}, ["filter"]),
        ({"selection": {"first": 1, "random": 2}}, ["selection"]),
        ({"columns": []}, ["columns"]),
    ],
)
def test_faults_are_found_when_a_flow_is_saved(fields: dict[str, Any], paths: list[str]) -> None:
    assert [path for path, _ in NODE.check(settings(**fields))] == paths


@pytest.mark.parametrize(
    ("columns", "value"),
    [
        (None, {"id": 1, "text": "a"}),
        (["text"], {"text": "a"}),
        ({"review": "text", "gone": "missing"}, {"review": "a", "gone": None}),
    ],
)
def test_columns_are_exposed_and_renamed(columns: Any, value: Any) -> None:
    row = DatasetRow(0, "1", {"id": 1, "text": "a"}, "hash")
    assert exposed(settings(columns=columns), row) == value


def test_the_schema_names_the_exposed_columns() -> None:
    schema = NODE.output_schema(settings(columns={"review": "text"}, mode="array"))
    assert schema == {
        "type": "array",
        "items": {"type": "object", "properties": {"review": {}}, "required": ["review"]},
    }
    assert NODE.output_schema(settings()) is None


async def test_an_array_holds_the_selected_rows(datasets: Datasets) -> None:
    rows = await run(datasets, filter="stars == 4", selection={"first": 3}, columns=["id"])
    assert rows == [{"id": "r4"}, {"id": "r9"}, {"id": "r14"}]


async def test_a_column_that_a_row_has_not_is_null_in_a_filter(datasets: Datasets) -> None:
    assert await run(datasets, filter="stars is none", columns=["id"]) == [{"id": "sparse"}]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"dataset": "unknown"}, "dataset_unknown"),
        ({"version": 2}, "dataset_version_unknown"),
        ({"columns": ["txt"]}, "column_unknown"),
        ({"filter": "text"}, "filter_not_boolean"),
        ({"filter": "sters == 1"}, "template_variable_missing"),
        ({"selection": {"ids": ["r1", "r100"]}}, "row_unknown"),
        ({"maxRows": 100}, "too_many_rows"),
    ],
)
async def test_what_cannot_be_read_is_an_error_of_the_item(
    datasets: Datasets, fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(StepError) as refused:
        await run(datasets, **fields)
    assert (refused.value.code, refused.value.retryable) == (code, False)


async def test_a_source_that_is_opened_again_gives_the_same_rows(datasets: Datasets) -> None:
    first = await open_source(datasets, TENANT, settings(filter="stars != 0"))
    await datasets.write_row(TENANT, "reviews", {"stars": 1}, mode="append", keys=(), origin="o")
    again = await open_source(datasets, TENANT, settings(filter="stars != 0"), first.version)
    later = await open_source(datasets, TENANT, settings(filter="stars != 0"))
    assert [await source.count() for source in (first, again, later)] == [81, 81, 82]
    assert (first.version, again.version, later.version) == (1, 1, 2)
    assert [len(rows) async for rows in again.pages(after_ordinal=98)] == [2]


async def test_an_unknown_data_set_is_not_found(datasets: Datasets) -> None:
    with pytest.raises(NotFound, match="'unknown'"):
        await open_source(datasets, TENANT, settings(dataset="unknown"))
