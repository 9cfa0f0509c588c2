"""`/benchmarks`: rows with a truth, in versions that never change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from penstock.datasets.formats import MEDIA_TYPES, Format
from penstock.errors import FieldError, Invalid
from penstock.evaluations.benchmarks import adapters
from penstock.evaluations.benchmarks.generators import Recipe
from penstock.evaluations.benchmarks.model import BenchmarkFilter, Details
from penstock.evaluations.benchmarks.selecting import PromptQuery
from penstock.evaluations.benchmarks.service import Reading
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.benchmark_schemas import (
    SCHEMAS as SCHEMAS,
)
from penstock.server.benchmark_schemas import (
    BenchmarkBody,
    BenchmarkImport,
    BenchmarkPatch,
    BenchmarkQuery,
    BenchmarkRowPage,
    BenchmarkVersionView,
    BenchmarkView,
    FileQuery,
    GenerateBody,
    NewFileQuery,
    RowsQuery,
    benchmark_view,
    checked_details,
    details_of,
    import_view,
    labels,
    reading_of,
    row_view,
    version_view,
)
from penstock.server.bodies import JSON, expect_type, stream_bytes
from penstock.server.describe import BINARY, Cursor, Limit, content, doc, page_of, path_id, ref
from penstock.server.uploads import received_file

router = APIRouter(tags=["benchmarks"])
Reads = Annotated[Call, needs("benchmarks:read")]
Writes = Annotated[Call, needs("benchmarks:write")]
Name = Annotated[str, path_id("benchmark")]

_FORMAT_OF = {media.partition(";")[0]: name for name, media in MEDIA_TYPES.items()}
_FILE = {media: BINARY for media in _FORMAT_OF if media != JSON}
_NEW_BODY = {"requestBody": {"required": True, **content({JSON: ref(BenchmarkBody), **_FILE})}}
_FILE_BODY = {"requestBody": {"required": True, **content({JSON: BINARY, **_FILE})}}


@router.get("/benchmarks", **doc("List benchmarks", returns=page_of(BenchmarkView), problems=(400,)))
async def list_benchmarks(call: Reads, wanted: Annotated[BenchmarkQuery, Query()]) -> Response:
    """The project's and the public ones, in the order of their keys."""
    chosen = BenchmarkFilter(
        kind=wanted.kind,
        category=wanted.category,
        language=wanted.language,
        text=wanted.text,
        key=wanted.key,
        deprecated=wanted.deprecated,
        public=wanted.public,
    )
    key, _, benchmark_id = (wanted.cursor or "").partition(" ")
    limit = wanted.limit
    found = await call.engine.benchmarks.page(call.tenant, chosen, after=(key, benchmark_id), limit=limit + 1)
    following = f"{found[limit - 1].key} {found[limit - 1].id}" if len(found) > limit else None
    return page([benchmark_view(benchmark) for benchmark in found[:limit]], following)


@router.post(
    "/benchmarks",
    **doc(
        "Import a benchmark", status=201, returns=ref(BenchmarkImport), problems=(400, 409, 413, 415), extra=_NEW_BODY
    ),
)
async def create_benchmark(call: Writes, asked: Annotated[NewFileQuery, Query()]) -> Response:
    """The body is the file itself, streamed, with `key` in the query; or `{"key", "rows"}` as JSON without either.

    Each bad line is named with its number and the reason; nothing is kept then unless `onBad=skip`.
    """
    if asked.key is None and asked.file_format is None:
        body = await call.body(BenchmarkBody)
        details = await checked_details(call, details_of(body, Details(body.key)))
        reading = Reading(None, body.mapping, body.on_bad, body.require_truth)
        report = await call.engine.benchmarks.create_from_rows(
            call.tenant, body.key, body.rows, reading=reading, details=details
        )
    else:
        if asked.key is None:
            fault = FieldError("key", "is required")
            raise Invalid("key_missing", "Give the benchmark a key: ?key=…", errors=(fault,))
        file_format = _format(call, asked)
        async with _received(call) as path:
            report = await call.engine.benchmarks.create_from_file(
                call.tenant, asked.key, path, file_format, reading=reading_of(asked), details=_details(asked)
            )
    location = {"Location": call.path(f"/benchmarks/{report.benchmark.id}")}
    return answer(import_view(report), 201, location)


@router.post(
    "/benchmarks/generate",
    **doc(
        "Generate a benchmark", status=201, body=ref(GenerateBody), returns=ref(BenchmarkImport), problems=(400, 409)
    ),
)
async def generate_benchmark(call: Writes) -> Response:
    """From a seed: arithmetic, boolean_logic, dates, instructions, sorting, string_edits."""
    body = await call.body(GenerateBody)
    recipe = Recipe(body.generator, body.seed, body.difficulty, body.rows)
    report = await call.engine.benchmarks.generate(call.tenant, recipe, key=body.key, name=body.name)
    location = {"Location": call.path(f"/benchmarks/{report.benchmark.id}")}
    return answer(import_view(report), 201, location)


@router.get("/benchmarks/{benchmark}", **doc("Get a benchmark", returns=ref(BenchmarkView), problems=(404,)))
async def get_benchmark(call: Reads, benchmark: Name) -> Response:
    """By its id or its key; the project's own comes before a public one."""
    return answer(benchmark_view(await call.engine.benchmarks.get(call.tenant, benchmark)))


@router.patch(
    "/benchmarks/{benchmark}",
    **doc("Change a benchmark", body=ref(BenchmarkPatch), returns=ref(BenchmarkView), problems=(400, 403, 404)),
)
async def change_benchmark(call: Writes, benchmark: Name) -> Response:
    """What is said of it, and what evaluations take from it. What ran on it stays as it was."""
    body = await call.body(BenchmarkPatch)
    found = await call.engine.benchmarks.get(call.tenant, benchmark)
    details = await checked_details(call, details_of(body, found.details))
    deprecated = found.deprecated if body.deprecated is None else body.deprecated
    changed = await call.engine.benchmarks.update(call.tenant, found.id, details, deprecated=deprecated)
    return answer(benchmark_view(changed))


@router.delete("/benchmarks/{benchmark}", **doc("Delete a benchmark", status=204, problems=(403, 404, 409)))
async def delete_benchmark(call: Writes, benchmark: Name) -> Response:
    """With all its versions. Refused while an evaluation on it is not over."""
    await call.engine.benchmarks.delete(call.tenant, benchmark)
    return nothing()


@router.get(
    "/benchmarks/{benchmark}/versions",
    **doc("List versions", returns=page_of(BenchmarkVersionView), problems=(400, 404)),
)
async def list_versions(call: Reads, benchmark: Name, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Newest first."""
    found = await call.engine.benchmarks.get(call.tenant, benchmark)
    versions = await call.engine.benchmarks.versions(call.tenant, found.id, before=_number(cursor), limit=limit + 1)
    following = str(versions[limit - 1].version) if len(versions) > limit else None
    return page([version_view(version) for version in versions[:limit]], following)


@router.post(
    "/benchmarks/{benchmark}/versions",
    **doc(
        "Import a version",
        status=201,
        returns=ref(BenchmarkImport),
        problems=(400, 403, 404, 409, 413, 415),
        extra=_FILE_BODY,
    ),
)
async def add_version(call: Writes, benchmark: Name, asked: Annotated[FileQuery, Query()]) -> Response:
    """The file's rows take the place of those there are. The same rows again make no version."""
    file_format = _format(call, asked)
    found = await call.engine.benchmarks.get(call.tenant, benchmark)
    async with _received(call) as path:
        report = await call.engine.benchmarks.add_version(
            call.tenant, found.id, path, file_format, reading=reading_of(asked)
        )
    return answer(import_view(report), 201)


@router.get(
    "/benchmarks/{benchmark}/rows",
    **doc("Read rows", returns=ref(BenchmarkRowPage), problems=(400, 404)),
)
async def list_benchmark_rows(call: Reads, benchmark: Name, wanted: Annotated[RowsQuery, Query()]) -> Response:
    """A page of a version's rows. `total` counts those that have the searched text."""
    query = PromptQuery(wanted.page, wanted.page_size, wanted.search_field, wanted.search, wanted.sort_by, wanted.order)
    rows, total = await call.engine.benchmarks.prompts(call.tenant, benchmark, query, wanted.version)
    return answer(BenchmarkRowPage([row_view(row) for row in rows], total, wanted.page, wanted.page_size))


def _received(call: Call) -> AbstractAsyncContextManager[Path]:
    chunks: AsyncIterator[bytes] = stream_bytes(call.request, call.running.settings.limits.max_import_bytes)
    return received_file(chunks, call.running.uploads)


def _format(call: Call, asked: FileQuery) -> Format:
    return asked.file_format or _FORMAT_OF[expect_type(call.request, _FORMAT_OF)]


def _details(asked: NewFileQuery) -> Details:
    """What the query says of a new benchmark, with an adapter's words where it says nothing."""
    before = Details(asked.key or "") if asked.adapter is None else adapters.adapter(asked.adapter).details
    return replace(
        before,
        name=asked.name or before.name,
        description=asked.description or before.description,
        categories=labels(asked.categories) or before.categories,
        languages=labels(asked.languages) or before.languages,
    )


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 2**31
    if not (cursor.isdecimal() and len(cursor) < 11):
        raise Invalid("cursor_invalid", "This cursor was not made here; take nextCursor of the page before.")
    return int(cursor)
