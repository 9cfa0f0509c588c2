"""Selections: which rows, in which order, the same every time, from any place on."""

from __future__ import annotations

import pytest

from penstock.datasets.model import AllRows, FirstRows, RandomRows, RowIds, Selection
from penstock.datasets.service import Datasets
from penstock.errors import Invalid
from penstock.types import JsonObject, Tenant

SIZE = 1000


@pytest.fixture
async def dataset_id(datasets: Datasets, tenant: Tenant) -> str:
    rows: list[JsonObject] = [{"id": f"r{number}", "n": number} for number in range(SIZE)]
    return (await datasets.create(tenant, "rows", rows)).dataset.id


def even(row: JsonObject) -> bool:
    number = row["n"]
    assert isinstance(number, int)
    return number % 2 == 0


SELECTIONS: list[Selection] = [
    AllRows(),
    RowIds(("r999", "r3", "r4", "r700")),
    FirstRows(300),
    RandomRows(seed=7, count=300),
    RandomRows(seed=7, percent=33.3),
]


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("selection", SELECTIONS)
async def test_rows_come_in_order_as_many_as_counted_and_can_be_taken_up_anywhere(
    datasets: Datasets, tenant: Tenant, dataset_id: str, selection: Selection, filtered: bool
) -> None:
    predicate = even if filtered else None

    async def ordinals(after: int) -> list[int]:
        pages = datasets.select(tenant, dataset_id, 1, selection, predicate, after)
        return [row.ordinal async for rows in pages for row in rows]

    whole = await ordinals(-1)
    assert whole == sorted(set(whole))
    assert len(whole) == await datasets.count(tenant, dataset_id, 1, selection, predicate)
    middle = whole[len(whole) // 2]
    assert await ordinals(middle) == [ordinal for ordinal in whole if ordinal > middle]
    assert await ordinals(SIZE) == []
    assert not filtered or all(ordinal % 2 == 0 for ordinal in whole)


@pytest.mark.parametrize(
    ("selection", "filtered", "size"),
    [
        (AllRows(), True, 500),
        (RowIds(("r999", "r3", "r4")), False, 3),
        (RowIds(("r999", "r3", "r4")), True, 1),
        (FirstRows(300), True, 300),
        (FirstRows(800), True, 500),
        (RandomRows(count=300), True, 300),
        (RandomRows(count=5000), False, 1000),
        (RandomRows(percent=0.05), False, 1),
        (RandomRows(percent=33.3), True, 167),
        (RandomRows(percent=100), False, 1000),
    ],
)
async def test_the_choice_is_among_the_rows_that_pass_the_filter(
    datasets: Datasets, tenant: Tenant, dataset_id: str, selection: Selection, filtered: bool, size: int
) -> None:
    assert await datasets.count(tenant, dataset_id, 1, selection, even if filtered else None) == size


async def test_a_seed_decides_what_is_drawn(datasets: Datasets, tenant: Tenant, dataset_id: str) -> None:
    async def drawn(seed: int) -> list[str]:
        pages = datasets.select(tenant, dataset_id, 1, RandomRows(seed=seed, count=20))
        return [row.row_id async for rows in pages for row in rows]

    assert await drawn(1) == await drawn(1)
    assert await drawn(1) != await drawn(2)


async def test_an_id_that_no_row_has_is_named(datasets: Datasets, tenant: Tenant, dataset_id: str) -> None:
    with pytest.raises(Invalid, match="'r1000'"):
        await datasets.count(tenant, dataset_id, 1, RowIds(("r1", "r1000")))


@pytest.mark.parametrize(
    "selection",
    [
        FirstRows(0),
        RandomRows(),
        RandomRows(count=1, percent=1),
        RandomRows(count=0),
        RandomRows(percent=0),
        RandomRows(percent=101),
        RowIds(("x",) * 10_001),
    ],
)
async def test_a_selection_without_sense_is_refused(
    datasets: Datasets, tenant: Tenant, dataset_id: str, selection: Selection
) -> None:
    with pytest.raises(Invalid):
        await anext(aiter(datasets.select(tenant, dataset_id, 1, selection)))


async def test_what_a_filter_raises_passes_through(datasets: Datasets, tenant: Tenant, dataset_id: str) -> None:
    def broken(row: JsonObject) -> bool:
        raise LookupError("no such column")

    with pytest.raises(LookupError):
        await datasets.count(tenant, dataset_id, 1, FirstRows(1), broken)
