"""Dataset Sink: what is written for an item, once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from penstock.datasets.model import AllRows
from penstock.datasets.service import Datasets
from penstock.errors import StepError
from penstock.flows.nodes.base import NodeContext
from penstock.flows.nodes.dataset_sink import DatasetSink, DatasetSinkSettings
from penstock.flows.services import Services
from penstock.storage.sqlite import SqliteStore
from penstock.types import JsonObject, Tenant

TENANT = Tenant("org", "project")
NODE = DatasetSink()


@pytest.fixture
def datasets(store: SqliteStore) -> Datasets:
    return Datasets(store)


def settings(**fields: Any) -> DatasetSinkSettings:
    return DatasetSinkSettings.model_validate({"type": "dataset_sink", "target": "out", **fields})


async def run(datasets: Datasets, inputs: JsonObject, item: str = "0", attempt: int = 1, **fields: Any) -> Any:
    ctx = NodeContext(
        tenant=TENANT,
        execution_id="exec_1",
        item_path=item,
        flow_id="flow",
        flow_version=1,
        node="sink",
        round=0,
        attempt=attempt,
        services=cast(Services, SimpleNamespace(datasets=datasets)),
    )
    return await NODE.run(ctx, settings(**fields), inputs)


async def rows(datasets: Datasets) -> list[JsonObject]:
    dataset = await datasets.get(TENANT, "out")
    pages = datasets.select(TENANT, dataset.id, dataset.version, AllRows())
    return [row.data async for page in pages for row in page]


async def test_without_a_mapping_every_input_is_a_field(datasets: Datasets) -> None:
    written = await run(datasets, {"text": "a", "label": "good"})
    assert await rows(datasets) == [{"text": "a", "label": "good"}]
    assert written == {"id": written["id"], "text": "a", "label": "good"}


async def test_a_mapping_takes_inputs_and_expressions(datasets: Datasets) -> None:
    await run(datasets, {"text": "Ab", "n": 2}, mapping={"lower": "text|lower", "twice": "n * 2", "same": "text"})
    assert await rows(datasets) == [{"lower": "ab", "twice": 4, "same": "Ab"}]


async def test_an_item_that_runs_again_gives_the_same_and_writes_nothing(datasets: Datasets) -> None:
    first = await run(datasets, {"text": "a"})
    assert await run(datasets, {"text": "a"}, attempt=2) == first
    await run(datasets, {"text": "a"}, item="1")
    assert len(await rows(datasets)) == 2


async def test_an_upsert_finds_its_row_by_the_keys(datasets: Datasets) -> None:
    await run(datasets, {"id": "x", "stars": 1}, update="upsert", keys=["id"])
    written = await run(datasets, {"id": "x", "label": "good"}, item="1", update="upsert", keys=["id"])
    assert written == {"id": "x", "stars": 1, "label": "good"}
    assert await rows(datasets) == [written]


async def test_a_mapping_that_fails_is_an_error_of_the_item(datasets: Datasets) -> None:
    with pytest.raises(StepError, match="label"):
        await run(datasets, {"text": "a"}, mapping={"label": "label"})
    assert await datasets.list(TENANT) == []


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({}, []),
        ({"update": "upsert", "keys": ["id"]}, []),
        ({"update": "upsert"}, ["keys"]),
        ({"keys": ["id"]}, ["keys"]),
        ({"update": "update", "keys": ["id", "b"], "mapping": {"id": "a"}}, ["keys[1]"]),
        ({"mapping": {"a": "1 +"}}, ["mapping.a"]),
        ({"target": "a/b"}, ["target"]),
    ],
)
def test_faults_are_found_when_a_flow_is_saved(fields: dict[str, Any], paths: list[str]) -> None:
    assert [path for path, _ in NODE.check(settings(**fields))] == paths


def test_the_names_a_mapping_reads_are_required() -> None:
    assert NODE.required_inputs(settings(mapping={"a": "x + y", "b": "x"})) == {"x", "y"}
    assert NODE.required_inputs(settings()) == frozenset()
