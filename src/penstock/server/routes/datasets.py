"""`/datasets`: import, read, export, delete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from penstock.clock import iso
from penstock.datasets import model as kept
from penstock.datasets.formats import MEDIA_TYPES, Format
from penstock.errors import FieldError, Invalid
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.bodies import JSON, expect_type, stream_bytes
from penstock.server.describe import (
    BINARY,
    OBJECT,
    Cursor,
    Limit,
    content,
    doc,
    page_of,
    path_id,
    ref,
)
from penstock.server.uploads import received_file

router = APIRouter(tags=["data sets"])
Reads = Annotated[Call, needs("datasets:read")]
Writes = Annotated[Call, needs("datasets:write")]
Name = Annotated[str, path_id("dataset")]

_FORMAT_OF = {media.partition(";")[0]: name for name, media in MEDIA_TYPES.items()}
_LINES: Format = "jsonl"


class DatasetBody(BaseModel):
    """A data set sent as rows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    rows: list[dict[str, Any]]


class DatasetChange(BaseModel):
    """Other types for some columns."""

    model_config = ConfigDict(extra="forbid", strict=True)

    types: dict[str, str] = Field(min_length=1, description="Column → type. Every row is converted, or none is.")


class Column(msgspec.Struct):
    """A column and the type of its values."""

    name: str
    type: str


class Dataset(msgspec.Struct, rename="camel"):
    """A data set and the number of rows of its current version."""

    id: str
    name: str
    columns: list[Column]
    version: int
    row_count: int
    created_at: str
    updated_at: str


class BadLine(msgspec.Struct):
    """A line that was not loaded, and why."""

    path: str
    message: str
    line: int | None


class ImportReport(msgspec.Struct, rename="camel"):
    """What an import did. `errors` holds the first hundred skipped lines, `errorCount` counts them all."""

    dataset: Dataset
    rows: int
    skipped: int
    errors: list[BadLine]
    error_count: int


SCHEMAS = (DatasetBody, DatasetChange, Column, Dataset, BadLine, ImportReport)

_IMPORT_BODY = {
    "requestBody": {
        "required": True,
        **content({JSON: ref(DatasetBody)} | {m: BINARY for m in _FORMAT_OF if m != JSON}),
    }
}


@router.post(
    "/datasets",
    **doc(
        "Import a data set", status=201, returns=ref(ImportReport), problems=(400, 409, 413, 415), extra=_IMPORT_BODY
    ),
)
async def import_dataset(
    call: Writes,
    name: Annotated[str | None, Query(description="Of the data set, when the body is a file.")] = None,
    file_format: Annotated[
        Format | None, Query(alias="format", description="Of the file; the content type tells it, too.")
    ] = None,
    on_bad: Annotated[
        kept.BadLines, Query(alias="onBad", description="`refuse`: any bad line, and nothing is loaded.")
    ] = "refuse",
    mode: Annotated[
        kept.ImportMode, Query(description="`append` and `replace` make it when it is missing.")
    ] = "create",
    types: Annotated[
        str | None, Query(max_length=10_000, description="Column types to use: `price:number,zip:string`.")
    ] = None,
) -> Response:
    """The body is the file itself, or `{"name", "rows"}` as JSON without `format`.

    A file is streamed, so it may be larger than other bodies. Each bad line is named with its number and the reason;
    nothing is loaded then unless `onBad=skip`.
    """
    if file_format is None and name is None:
        body = await call.body(DatasetBody)
        name, file_format = body.name, _LINES
        chunks = _lines(body.rows)
    else:
        if name is None:
            raise Invalid("name_missing", "Name the data set: ?name=…", errors=(FieldError("name", "is required"),))
        file_format = file_format or _FORMAT_OF[expect_type(call.request, _FORMAT_OF)]
        chunks = stream_bytes(call.request, call.running.settings.limits.max_import_bytes)
    async with received_file(chunks, call.running.uploads) as path:
        report = await call.engine.datasets.import_file(
            call.tenant, name, path, file_format, mode=mode, on_bad=on_bad, types=_types(types)
        )
    shown = ImportReport(
        _shown(report.dataset),
        report.rows,
        report.skipped,
        [BadLine(error.path, error.message, error.line) for error in report.errors],
        report.error_count,
    )
    return answer(shown, 201, {"Location": call.path(f"/datasets/{report.dataset.id}")})


@router.get("/datasets", **doc("List data sets", returns=page_of(Dataset)))
async def list_datasets(call: Reads, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """In the order of their names."""
    found = await call.engine.datasets.list(call.tenant, after_name=cursor or "", limit=limit + 1)
    following = found[limit - 1].name if len(found) > limit else None
    return page([_shown(dataset) for dataset in found[:limit]], following)


@router.get("/datasets/{dataset}", **doc("Get a data set", returns=ref(Dataset), problems=(404,)))
async def get_dataset(call: Reads, dataset: Name) -> Response:
    """By its id or its name."""
    return answer(_shown(await call.engine.datasets.get(call.tenant, dataset)))


@router.patch(
    "/datasets/{dataset}",
    **doc("Convert columns", body=ref(DatasetChange), returns=ref(Dataset), problems=(400, 404, 409)),
)
async def change_dataset(call: Writes, dataset: Name) -> Response:
    """Gives columns other types, as a new version. Rows whose values do not fit are named, and nothing changes then."""
    body = await call.body(DatasetChange)
    report = await call.engine.datasets.update_columns(call.tenant, dataset, body.types)
    return answer(_shown(report.dataset))


@router.delete("/datasets/{dataset}", **doc("Delete a data set", status=204, problems=(404,)))
async def delete_dataset(call: Writes, dataset: Name) -> Response:
    """With all its versions."""
    await call.engine.datasets.delete(call.tenant, dataset)
    return nothing()


@router.get(
    "/datasets/{dataset}/rows",
    **doc("Read rows", returns=page_of(OBJECT), problems=(404,)),
)
async def list_rows(
    call: Reads,
    dataset: Name,
    cursor: Cursor = None,
    limit: Limit = 50,
    version: Annotated[int | None, Query(ge=1, le=2**31, description="The current one by default.")] = None,
) -> Response:
    """In the order of the data set. The pages of one listing are all of one version."""
    found = await call.engine.datasets.get(call.tenant, dataset)
    chosen, after = (version or found.version, -1) if cursor is None else _row_cursor(cursor)
    rows = await call.engine.datasets.rows(call.tenant, found.id, version=chosen, after_ordinal=after, limit=limit + 1)
    following = f"{chosen}.{rows[limit - 1].ordinal}" if len(rows) > limit else None
    return page([row.data for row in rows[:limit]], following)


@router.get(
    "/datasets/{dataset}/export",
    **doc(
        "Export a data set",
        responses={200: {"description": "The file, streamed", **content(dict.fromkeys(_FORMAT_OF, BINARY))}},
        problems=(404,),
    ),
)
async def export_dataset(
    call: Reads,
    dataset: Name,
    file_format: Annotated[Format, Query(alias="format")] = "jsonl",
    version: Annotated[int | None, Query(ge=1, le=2**31, description="The current one by default.")] = None,
) -> Response:
    """All rows of one version as a file."""
    found = await call.engine.datasets.get(call.tenant, dataset)
    pieces = call.engine.datasets.export(call.tenant, found.id, file_format, version=version)
    first = await anext(pieces, b"")
    headers = {"Content-Disposition": f'attachment; filename="{found.id}.{file_format}"'}
    return StreamingResponse(_behind(first, pieces), media_type=MEDIA_TYPES[file_format], headers=headers)


async def _lines(rows: list[dict[str, Any]]) -> AsyncIterator[bytes]:
    for row in rows:
        yield msgspec.json.encode(row) + b"\n"


async def _behind(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The first piece is asked for before the answer begins, so that an unknown version is still a 404."""
    yield first
    async for piece in pieces:
        yield piece


def _types(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    pairs = [part.rpartition(":") for part in text.split(",")]
    if not all(name and kind for name, _, kind in pairs):
        raise Invalid("types_invalid", "types is a list such as price:number,zip:string.")
    return {name.strip(): kind.strip() for name, _, kind in pairs}


def _row_cursor(cursor: str) -> tuple[int, int]:
    version, _, ordinal = cursor.partition(".")
    if not (version.isdecimal() and ordinal.isdecimal() and len(cursor) < 40):
        raise Invalid("cursor_invalid", "This cursor was not made here; take nextCursor of the page before.")
    return int(version), int(ordinal)


def _shown(dataset: kept.Dataset) -> Dataset:
    return Dataset(
        dataset.id,
        dataset.name,
        [Column(column.name, column.type) for column in dataset.columns],
        dataset.version,
        dataset.row_count,
        iso(dataset.created_at),
        iso(dataset.updated_at),
    )
