"""Data sets: rows that flows run over, and that their sinks write."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from penstock.client import calls
from penstock.client._async.transport import AsyncTransport
from penstock.client.calls import Call
from penstock.client.objects import Dataset, DatasetFormat, ImportReport
from penstock.client.paths import dataset_format

_CONTENT_TYPES: Mapping[str, str] = {
    "csv": "text/csv",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}


class AsyncDatasets:
    """`client.datasets`. A data set is named by its id or its name."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, name: str, rows: Sequence[Mapping[str, Any]]) -> Dataset:
        """Make a data set of these rows."""
        call = calls.post("/datasets", {"name": name, "rows": rows})
        return (await self._transport.fetch(call, ImportReport)).dataset

    async def import_file(
        self,
        path: Path,
        name: str | None = None,
        *,
        format: DatasetFormat | None = None,  # noqa: A002 - the word for it
        mode: Literal["create", "append", "replace"] = "create",
        on_bad: Literal["refuse", "skip"] = "refuse",
        types: Mapping[str, str] | None = None,
    ) -> ImportReport:
        """Load a CSV, JSON, JSON Lines or Parquet file, sent as it is read, so that any size fits.

        `name` is the file's by default. With bad lines nothing is loaded and BadRequestError names each, unless
        `on_bad="skip"`. `types` says what columns hold (`{"zip": "string"}`) where what would be detected is wrong.
        Raises ValueError when the format is not given and the suffix does not tell it.
        """
        kind = format or dataset_format(path)
        chosen = {"types": ",".join(f"{column}:{type_}" for column, type_ in types.items())} if types else {}
        call = Call(
            method="POST",
            path="/datasets",
            query={"name": name or path.stem, "format": kind, "onBad": on_bad, "mode": mode, **chosen},
            headers={"content-type": _CONTENT_TYPES[kind]},
            body=path,
            repeatable=False,
        )
        return await self._transport.fetch(call, ImportReport)

    async def get(self, dataset: str) -> Dataset:
        """One data set. Raises NotFoundError."""
        return await self._transport.fetch(calls.get(f"/datasets/{calls.segment(dataset)}"), Dataset)

    def list(self) -> AsyncIterator[Dataset]:
        """Every data set of the project, by name."""
        return self._transport.pages("/datasets", Dataset)

    def rows(self, dataset: str) -> AsyncIterator[dict[str, Any]]:
        """Its rows in order, page after page."""
        return self._transport.pages(f"/datasets/{calls.segment(dataset)}/rows", dict[str, Any])

    async def export(self, dataset: str, path: Path, *, format: DatasetFormat | None = None) -> int:  # noqa: A002
        """Write its rows to a file as they come; returns the bytes written. The suffix tells the format."""
        source = f"/datasets/{calls.segment(dataset)}/export"
        return await self._transport.download(calls.get(source, format=format or dataset_format(path)), path)

    async def delete(self, dataset: str) -> None:
        """Delete a data set with its rows."""
        await self._transport.send(calls.delete(f"/datasets/{calls.segment(dataset)}"))
