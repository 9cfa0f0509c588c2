"""Which rows of a version: what an evaluation takes, and pages for people who look through them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from penstock.datasets.model import AllRows, DatasetRow, FirstRows, RandomRows, RowIds, Selection
from penstock.datasets.selecting import Predicate
from penstock.datasets.service import Datasets
from penstock.errors import FieldError, Invalid
from penstock.evaluations.benchmarks.model import BenchmarkRow, BenchmarkVersion, RowChoice
from penstock.types import Json, JsonObject, Tenant

SearchField = Literal["id", "input", "truth"]
SortOrder = Literal["asc", "desc"]

MAX_SORTED_DEPTH = 100_000
_SORT_CHARS = 200


@dataclass(frozen=True, slots=True)
class PromptQuery:
    """A page of rows, counted from 1: those that have `search` in a field, in the order of one, or of the benchmark."""

    page: int = 1
    page_size: int = 100
    search_field: SearchField | None = None
    search: str | None = None
    sort_by: SearchField | None = None
    order: SortOrder = "asc"

    @property
    def end(self) -> int:
        """How many rows there are up to the end of the page."""
        return self.page * self.page_size


def check(version: BenchmarkVersion, choice: RowChoice) -> None:
    """Raises `Invalid` when a choice makes no sense for a version."""
    unknown = [name for name in choice.subsets if name not in version.subsets]
    if unknown:
        known = ", ".join(map(repr, version.subsets[:20])) or "none"
        detail = f"The benchmark has no subset {unknown[0]!r}; it has {known}."
        raise Invalid("subset_unknown", detail, errors=(FieldError("choice.subsets", detail),))
    if choice.ids and (choice.count is not None or choice.seed is not None):
        detail = "Choose rows by their ids, or so many of them; not both."
        raise Invalid("choice_invalid", detail, errors=(FieldError("choice.ids", detail),))
    if choice.seed is not None and choice.count is None:
        detail = "A seed draws rows at random; say how many with count."
        raise Invalid("choice_invalid", detail, errors=(FieldError("choice.seed", detail),))


def selection_of(choice: RowChoice) -> Selection:
    """The choice as data sets know it."""
    if choice.ids:
        return RowIds(choice.ids)
    if choice.count is None:
        return AllRows()
    return FirstRows(choice.count) if choice.seed is None else RandomRows(choice.seed, choice.count)


def predicate_of(choice: RowChoice) -> Predicate | None:
    """Whether a row is of one of the chosen subsets; None when all are."""
    if not choice.subsets:
        return None
    chosen = frozenset(choice.subsets)
    return lambda data: data.get("subset") in chosen


def row_of(row: DatasetRow) -> BenchmarkRow:
    """A stored row as what it was when it was checked."""
    members: Any = row.data
    return BenchmarkRow(**members)


async def prompts(
    datasets: Datasets, tenant: Tenant, version: BenchmarkVersion, query: PromptQuery
) -> tuple[Sequence[BenchmarkRow], int]:
    """A page, and how many rows pass the search. Reads every row where there is a search or an order.

    At most the rows up to the end of the page are held, and those without their content. Raises `Invalid` when that
    would be too many.
    """
    start = query.end - query.page_size
    if query.search is None and query.sort_by is None:
        # A version is loaded whole by one import, so its rows are numbered from 0 without a gap.
        found = await datasets.rows(
            tenant,
            version.dataset_id,
            version=version.dataset_version,
            after_ordinal=start - 1,
            limit=query.page_size,
        )
        return [row_of(row) for row in found], version.row_count
    if query.sort_by is not None and query.end > MAX_SORTED_DEPTH:
        detail = f"In an order of their own, rows are listed down to {MAX_SORTED_DEPTH:,}; search for the others."
        raise Invalid("page_too_deep", detail, errors=(FieldError("page", detail),))
    picked, total = await _picked(
        datasets.select(tenant, version.dataset_id, version.dataset_version, AllRows(), _matching(query)), query
    )
    rows = await datasets.at(tenant, version.dataset_id, version.dataset_version, picked)
    return [row_of(row) for row in rows], total


async def _picked(pages: AsyncIterator[Sequence[DatasetRow]], query: PromptQuery) -> tuple[list[int], int]:
    """The ordinals of the page's rows in their order, and how many rows there are."""
    start, total = query.end - query.page_size, 0
    kept: list[tuple[str, int]] = []
    reverse = query.order == "desc"
    async for page in pages:
        if query.sort_by is None:
            window = page[max(0, start - total) : max(0, query.end - total)]
            kept += [("", row.ordinal) for row in window]
        else:
            kept += [(_text(row.data.get(query.sort_by))[:_SORT_CHARS], row.ordinal) for row in page]
            if len(kept) > 2 * query.end + len(page):
                kept = sorted(kept, key=_by_text, reverse=reverse)[: query.end]
        total += len(page)
    if query.sort_by is not None:
        kept = sorted(kept, key=_by_text, reverse=reverse)[start : query.end]
    return [ordinal for _, ordinal in kept], total


def _by_text(entry: tuple[str, int]) -> str:
    return entry[0]


def _matching(query: PromptQuery) -> Predicate | None:
    """Whether a row has the searched text, in upper or lower case, in the field, or in any of them."""
    if query.search is None:
        return None
    wanted = query.search.casefold()
    fields = ("id", "input", "truth") if query.search_field is None else (query.search_field,)

    def matches(data: JsonObject) -> bool:
        return any(wanted in _text(data.get(field)).casefold() for field in fields)

    return matches


def _text(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
