"""Imports: rows from outside become the next version of a data set, whole or not at all.

Rows are read and encoded in a thread, a batch at a time, and staged under the next version, which nobody sees. When the
last one is staged, the version is published; when a line is bad and bad lines are refused, what was staged goes again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

from penstock.datasets.columns import ColumnTypes
from penstock.datasets.identity import EncodedRow, encode_row
from penstock.datasets.model import (
    MAX_ROW_BYTES,
    BadLine,
    BadLines,
    ColumnType,
    Dataset,
    DatasetKind,
    ImportMode,
    ImportReport,
    SourceRow,
)
from penstock.errors import Conflict, FieldError, Invalid
from penstock.ids import new_id
from penstock.storage import dataset_imports, datasets
from penstock.storage.store import Store, Transaction
from penstock.types import Tenant

SourceRows: TypeAlias = Generator[SourceRow | BadLine, None, None]

BATCH_ROWS = 500
_BATCH_BYTES = 2 * MAX_ROW_BYTES
_NAMED_LINES = 100


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """`types` overrides what column types are found; `on_bad` says whether one bad line refuses the whole.

    `known_hash` is the content hash of the rows that are there: the same rows again make no version. `also` is done in
    the transaction that publishes, given the data set as it then is and the content hash; what it raises undoes both.
    """

    mode: ImportMode = "create"
    on_bad: BadLines = "refuse"
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    kind: DatasetKind = "dataset"
    known_hash: str | None = None
    also: Callable[[Dataset, str], Transaction[None]] | None = None


class Batches:
    """Source rows as batches ready to be staged, with what was learnt from them on the way. Blocks: run in a thread."""

    def __init__(self, rows: SourceRows, *, refuse: bool) -> None:
        self._rows = rows
        self._refuse = refuse
        self._in_use = threading.Lock()
        self.types = ColumnTypes()
        self.errors: list[FieldError] = []
        self.error_count = 0
        self._content = sha256()

    @property
    def content_hash(self) -> str:
        """The hash of all rows so far, in order; the order of a row's members makes no difference."""
        return self._content.hexdigest()

    def next(self) -> list[EncodedRow]:
        """The next good rows; none at the end, or once the import is refused: then it reads on for more faults only."""
        batch: list[EncodedRow] = []
        size = 0
        with self._in_use:
            for row in self._rows:
                encoded = self._encode(row)
                if self._refuse and self.error_count:
                    if self.error_count == _NAMED_LINES:
                        return []
                elif encoded is not None:
                    batch.append(encoded)
                    self._content.update(encoded.hash.encode())
                    size += len(encoded.text)
                    if len(batch) == BATCH_ROWS or size >= _BATCH_BYTES:
                        return batch
        return [] if self._refuse and self.error_count else batch

    def close(self) -> None:
        """Let go of the source. Waits for a `next` that a cancelled task has left running."""
        with self._in_use:
            self._rows.close()

    def _encode(self, row: SourceRow | BadLine) -> EncodedRow | None:
        if isinstance(row, SourceRow):
            try:
                encoded = encode_row(row.data)
                self.types.learn(row.data)
            except ValueError as error:
                row = BadLine(row.line, str(error))
            else:
                return encoded
        self.error_count += 1
        if len(self.errors) < _NAMED_LINES:
            self.errors.append(row.as_error())
        return None


async def run_import(store: Store, tenant: Tenant, name: str, rows: SourceRows, options: ImportOptions) -> ImportReport:
    """Import rows from a generator that may block; it is closed at the end.

    Raises `Invalid` (`bad_lines`, or whatever makes the source unreadable), `Conflict` when the name is taken or
    another import into the data set is running; nothing is loaded then.
    """
    await sweep(store, tenant)
    running = await store.write(
        dataset_imports.begin(
            tenant,
            name,
            new_id(),
            must_be_new=options.mode == "create",
            replaces=options.mode == "replace",
            kind=options.kind,
        )
    )
    batches = Batches(rows, refuse=options.on_bad == "refuse")
    published = False
    try:
        if running.leftovers:
            await _discard(store, running)
        count = await _stage(store, running, batches)
        if options.on_bad == "refuse":
            _refuse_bad(batches)
        batches.types.declare(options.types)
        if batches.content_hash == options.known_hash:
            dataset = await store.read(datasets.get(tenant, name, options.kind))
        else:
            dataset = await store.write(_publish(running, batches, count, options))
            published = True
    finally:
        await asyncio.shield(_end(store, running, batches, published=published))
    return ImportReport(
        dataset, count, batches.error_count, tuple(batches.errors), batches.error_count, batches.content_hash
    )


async def sweep(store: Store, tenant: Tenant) -> None:
    """Delete what hidden and half-made data sets have left, in small parts."""
    for dataset_no in await store.read(datasets.rubbish(tenant)):
        while not await store.write(datasets.sweep(tenant, dataset_no)):
            pass


async def _stage(store: Store, running: dataset_imports.Import, batches: Batches) -> int:
    count = ordinal = 0
    while batch := await asyncio.to_thread(batches.next):
        ordinal = await store.write(dataset_imports.stage(running, batch, ordinal))
        count += len(batch)
    return count


def _publish(
    running: dataset_imports.Import, batches: Batches, count: int, options: ImportOptions
) -> Transaction[Dataset]:
    dataset = yield from dataset_imports.publish(running, batches.types.columns, count)
    if options.also is not None:
        yield from options.also(dataset, batches.content_hash)
    return dataset


async def _discard(store: Store, running: dataset_imports.Import) -> None:
    while not await store.write(dataset_imports.discard(running)):
        pass


async def _end(store: Store, running: dataset_imports.Import, batches: Batches, *, published: bool) -> None:
    await asyncio.to_thread(batches.close)
    if not published:
        # A lost lease means that somebody else clears up, and has perhaps done so.
        with suppress(Conflict):
            await _discard(store, running)
            await store.write(dataset_imports.release(running))
        await sweep(store, running.tenant)


def _refuse_bad(batches: Batches) -> None:
    if batches.error_count:
        more = "at least " if batches.error_count == _NAMED_LINES else ""
        detail = (
            f"{more.capitalize()}{batches.error_count} of the lines cannot be read as rows; nothing was loaded."
            f" The first is {batches.errors[0].path}: {batches.errors[0].message}."
            " Correct them, or import with bad lines skipped."
        )
        raise Invalid("bad_lines", detail, errors=tuple(batches.errors))
