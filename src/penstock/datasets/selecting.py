"""Which rows of a version a caller wants, in the order of the data set, from any place on.

Every selection but "all" is first turned into ordinals (8 bytes each), which is the same every time for one version, so
a selection can be taken up again behind any ordinal.
"""

from __future__ import annotations

import asyncio
import math
import random
from array import array
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from penstock.datasets.model import (
    MAX_SELECTED_IDS,
    AllRows,
    DatasetRow,
    FirstRows,
    RandomRows,
    RowIds,
    Selection,
)
from penstock.errors import Invalid
from penstock.storage import datasets
from penstock.storage.store import Store, chunked
from penstock.types import JsonObject, Tenant

PAGE_ROWS = 256
_ORDINALS_PAGE = 10_000

Predicate: TypeAlias = Callable[[JsonObject], bool]


@dataclass(frozen=True, slots=True)
class View:
    """One version of one data set, and a filter on it."""

    store: Store
    tenant: Tenant
    dataset_id: str
    version: int
    predicate: Predicate | None = None

    async def pages(self, after_ordinal: int = -1) -> AsyncIterator[list[DatasetRow]]:
        """The rows that pass the filter, page by page; no page is empty."""
        while True:
            page = datasets.page(self.tenant, self.dataset_id, self.version, after_ordinal, PAGE_ROWS)
            rows = await self.store.read(page)
            if not rows:
                return
            after_ordinal = rows[-1].ordinal
            passed = await self._filtered(rows)
            if passed:
                yield passed

    async def ordinals(self) -> AsyncIterator[Sequence[int]]:
        """The ordinals of those rows, page by page."""
        if self.predicate is not None:
            async for rows in self.pages():
                yield [row.ordinal for row in rows]
            return
        after = -1
        while True:
            page = datasets.ordinals(self.tenant, self.dataset_id, self.version, after, _ORDINALS_PAGE)
            found = await self.store.read(page)
            if not found:
                return
            after = found[-1]
            yield found

    async def at(self, ordinals: Sequence[int]) -> list[DatasetRow]:
        """The rows with these ordinals that pass the filter."""
        found = datasets.with_ordinals(self.tenant, self.dataset_id, self.version, ordinals)
        return await self._filtered(await self.store.read(found))

    async def _filtered(self, rows: list[DatasetRow]) -> list[DatasetRow]:
        predicate = self.predicate
        if predicate is None:
            return rows
        # A filter is the caller's expression: up to a millisecond each, too much for a page on the event loop.
        return await asyncio.to_thread(lambda: [row for row in rows if predicate(row.data)])


async def select(view: View, selection: Selection, after_ordinal: int = -1) -> AsyncIterator[list[DatasetRow]]:
    """The selected rows behind an ordinal, page by page.

    Raises `Invalid` when the selection makes no sense or names an id that no row has; whatever the filter raises
    passes through.
    """
    if isinstance(selection, AllRows):
        async for rows in view.pages(after_ordinal):
            yield rows
        return
    chosen = await chosen_ordinals(view, selection)
    for ordinals in chunked(chosen[bisect_right(chosen, after_ordinal) :], PAGE_ROWS):
        rows = await view.at(ordinals)
        if rows:
            yield rows


async def count(view: View, selection: Selection) -> int:
    """How many rows are selected."""
    if isinstance(selection, AllRows) and view.predicate is None:
        return await view.store.read(datasets.count(view.tenant, view.dataset_id, view.version))
    if isinstance(selection, RowIds) and view.predicate is not None:
        return sum([len(rows) async for rows in select(view, selection)])
    return len(await chosen_ordinals(view, selection))


async def chosen_ordinals(view: View, selection: Selection) -> array[int]:
    """The ordinals of the selected rows, in order. A choice by ids is not filtered yet."""
    check(selection)
    if isinstance(selection, RowIds):
        return await _of_ids(view, selection.ids)
    found = array("q")
    limit = selection.count if isinstance(selection, FirstRows) else None
    async for ordinals in view.ordinals():
        found.extend(ordinals)
        if limit is not None and len(found) >= limit:
            return found[:limit]
    if isinstance(selection, RandomRows):
        return await asyncio.to_thread(_draw, found, selection)
    return found


def check(selection: Selection) -> None:
    """Raises `Invalid` when a selection makes no sense."""
    if isinstance(selection, RowIds) and len(selection.ids) > MAX_SELECTED_IDS:
        raise Invalid("selection_invalid", f"{len(selection.ids)} ids are selected; the limit is {MAX_SELECTED_IDS}.")
    if isinstance(selection, FirstRows) and selection.count < 1:
        raise Invalid("selection_invalid", f"The first {selection.count} rows cannot be selected; take 1 or more.")
    if isinstance(selection, RandomRows):
        if (selection.count is None) == (selection.percent is None):
            raise Invalid("selection_invalid", "A random selection takes a count or a percentage, one of both.")
        if selection.count is not None and selection.count < 1:
            raise Invalid("selection_invalid", f"{selection.count} random rows cannot be selected; take 1 or more.")
        if selection.percent is not None and not 0 < selection.percent <= 100:
            raise Invalid("selection_invalid", f"{selection.percent} % of the rows cannot be selected; 0 < % ≤ 100.")


def _draw(ordinals: array[int], selection: RandomRows) -> array[int]:
    wanted = selection.count
    if wanted is None:
        wanted = math.ceil(len(ordinals) * (selection.percent or 0) / 100)
    chooser = random.Random(selection.seed)  # noqa: S311 - a sample, not a secret
    return array("q", sorted(chooser.sample(ordinals, min(wanted, len(ordinals)))))


async def _of_ids(view: View, ids: Sequence[str]) -> array[int]:
    found: dict[str, int] = {}
    for some in chunked(ids, 500):
        places = datasets.ordinals_of_ids(view.tenant, view.dataset_id, view.version, some)
        found.update(await view.store.read(places))
    missing = [row_id for row_id in ids if row_id not in found]
    if missing:
        named = ", ".join(map(repr, missing[:5]))
        raise Invalid("row_unknown", f"{len(missing)} of the selected ids are not in the data set: {named}.")
    return array("q", sorted(set(found.values())))
