"""Data sets as the rest of Penstock uses them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterable, Mapping, Sequence
from pathlib import Path

from penstock.datasets import imports, selecting
from penstock.datasets.columns import check_types
from penstock.datasets.formats import Format, converted, read_rows, writer_for
from penstock.datasets.imports import ImportOptions, SourceRows
from penstock.datasets.model import (
    AllRows,
    BadLine,
    BadLines,
    ColumnType,
    Dataset,
    DatasetRow,
    ImportMode,
    ImportReport,
    Selection,
    SinkMode,
    SourceRow,
    check_name,
)
from penstock.datasets.selecting import Predicate, View
from penstock.errors import Invalid, NotFound, StepError
from penstock.storage import dataset_sinks, datasets
from penstock.storage.dataset_sinks import SinkWrite
from penstock.storage.store import Store
from penstock.types import JsonObject, Tenant

MAX_PAGE = 1000


class Datasets:
    """All data sets of all tenants. Methods that take a data set take its id or its name, and raise `NotFound`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # One data set

    async def create(self, tenant: Tenant, name: str, rows: Iterable[JsonObject] = ()) -> ImportReport:
        """A new data set of rows at hand. Raises `Conflict` when the name is taken, `Invalid` naming each bad row."""
        check_name("data set", name)
        return await imports.run_import(self._store, tenant, name, _numbered(rows), ImportOptions())

    async def import_file(
        self,
        tenant: Tenant,
        name: str,
        path: Path,
        file_format: Format,
        *,
        mode: ImportMode = "create",
        on_bad: BadLines = "refuse",
        types: Mapping[str, str] | None = None,
    ) -> ImportReport:
        """Load a file into a new version of a data set; `append` and `replace` create it when it is missing.

        `types` says what columns are, where the types that were found do not suit. Raises `Invalid` (`bad_lines` naming
        up to a hundred lines, `file_unreadable`, `column_unknown`), `Conflict` (`dataset_exists`, `import_running`);
        nothing is loaded then.
        """
        check_name("data set", name)
        options = ImportOptions(mode, on_bad, check_types(types or {}))
        rows = read_rows(path, file_format, options.types)
        return await imports.run_import(self._store, tenant, name, rows, options)

    async def get(self, tenant: Tenant, id_or_name: str) -> Dataset:
        return await self._store.read(datasets.get(tenant, id_or_name))

    async def pin(self, tenant: Tenant, id_or_name: str) -> Dataset:
        """The data set as it is now: rows of the version it names will never change again, whoever writes on."""
        return await self._store.write(datasets.pin(tenant, id_or_name))

    async def list(self, tenant: Tenant, *, after_name: str = "", limit: int = 100) -> Sequence[Dataset]:
        """Data sets in the order of their names, behind a name."""
        return await self._store.read(datasets.list_by_name(tenant, after_name, min(limit, MAX_PAGE)))

    async def delete(self, tenant: Tenant, id_or_name: str) -> None:
        """Delete a data set with all its versions. An import into it that is running fails."""
        dataset = await self.get(tenant, id_or_name)
        await self._store.write(datasets.hide(tenant, dataset.id))
        await imports.sweep(self._store, tenant)

    async def update_columns(self, tenant: Tenant, id_or_name: str, types: Mapping[str, str]) -> ImportReport:
        """Convert columns to other types, as a new version. Raises `Invalid` naming rows whose values do not fit."""
        wanted = check_types(types)
        dataset = await self.pin(tenant, id_or_name)
        loop = asyncio.get_running_loop()
        view = View(self._store, tenant, dataset.id, dataset.version)
        rows = _converted_pages(view, wanted, loop)
        return await imports.run_import(
            self._store, tenant, dataset.id, rows, ImportOptions("replace", "refuse", wanted)
        )

    # Its rows

    async def rows(
        self, tenant: Tenant, dataset_id: str, *, version: int, after_ordinal: int = -1, limit: int = 256
    ) -> Sequence[DatasetRow]:
        """One page of a version's rows behind an ordinal, at most 1,000. Takes the id; none for an unknown version."""
        page = datasets.page(tenant, dataset_id, version, after_ordinal, min(limit, MAX_PAGE))
        return await self._store.read(page)

    async def at(self, tenant: Tenant, dataset_id: str, version: int, ordinals: Sequence[int]) -> Sequence[DatasetRow]:
        """The rows of a version at these ordinals (at most 900), in the order they are named in."""
        if not ordinals:
            return []
        found = await self._store.read(datasets.with_ordinals(tenant, dataset_id, version, ordinals))
        by_ordinal = {row.ordinal: row for row in found}
        return [by_ordinal[ordinal] for ordinal in ordinals if ordinal in by_ordinal]

    def select(
        self,
        tenant: Tenant,
        dataset_id: str,
        version: int,
        selection: Selection,
        predicate: Predicate | None = None,
        after_ordinal: int = -1,
    ) -> AsyncIterator[Sequence[DatasetRow]]:
        """The selected rows of a pinned version behind an ordinal, in pages of up to 256, in the data set's order.

        The filter comes first: the first ten, or ten at random, are of those that pass. Takes the id. Raises
        `Invalid` when the selection makes no sense.
        """
        return selecting.select(View(self._store, tenant, dataset_id, version, predicate), selection, after_ordinal)

    async def count(
        self,
        tenant: Tenant,
        dataset_id: str,
        version: int,
        selection: Selection | None = None,
        predicate: Predicate | None = None,
    ) -> int:
        """How many rows `select` will yield. Reads every row when there is a filter."""
        view = View(self._store, tenant, dataset_id, version, predicate)
        return await selecting.count(view, selection or AllRows())

    async def write_row(
        self, tenant: Tenant, target: str, row: JsonObject, *, mode: SinkMode, keys: tuple[str, ...], origin: str
    ) -> DatasetRow:
        """Write one row into a data set, which is created when it is missing, exactly once for an origin.

        `update` and `upsert` merge the row into the one that has the same values in the key columns. The row that was
        written comes back, the same one for a repeat. Raises `StepError`, see `storage.dataset_sinks`.
        """
        try:
            check_name("data set", target)
        except Invalid as error:
            raise StepError(error.code, error.detail) from error
        write = SinkWrite(target, row, mode, tuple(sorted(set(keys))), origin)
        while True:
            written = await self._store.write(dataset_sinks.write_row(tenant, write))
            if written is not None:
                return written

    async def export(
        self, tenant: Tenant, id_or_name: str, file_format: Format, *, version: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes of a file with the rows of a version (the current one by default), piece by piece.

        Raises `NotFound` for an unknown data set or version, before the first piece.
        """
        dataset = await self.pin(tenant, id_or_name)
        chosen = dataset.version if version is None else version
        if not 1 <= chosen <= dataset.version:
            detail = f"Data set {dataset.name!r} has no version {chosen}; its latest is {dataset.version}."
            raise NotFound("dataset_version_unknown", detail)
        writer = await asyncio.to_thread(writer_for, file_format, dataset.columns)
        async for rows in View(self._store, tenant, dataset.id, chosen).pages():
            piece = await asyncio.to_thread(writer.write, [row.data for row in rows])
            if piece:
                yield piece
        yield await asyncio.to_thread(writer.close)


def _numbered(rows: Iterable[JsonObject]) -> SourceRows:
    for line, row in enumerate(rows, 1):
        yield SourceRow(line, dict(row))


def _converted_pages(
    view: View, types: Mapping[str, ColumnType], loop: asyncio.AbstractEventLoop
) -> Generator[SourceRow | BadLine, None, None]:
    """The rows of a view, converted; pulled from the event loop by the thread that runs an import."""
    pages = view.pages()
    while True:
        rows = asyncio.run_coroutine_threadsafe(anext(pages, None), loop).result()
        if rows is None:
            return
        for row in rows:
            yield converted(SourceRow(row.ordinal + 1, dict(row.data)), types)
