"""`/annotations`: what people say of traces, and how far judges agree with it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from starlette.responses import Response, StreamingResponse

from penstock.datasets.formats import MEDIA_TYPES, Format
from penstock.datasets.model import BadLines
from penstock.judges.annotation_files import AnnotationFiles, Defaults
from penstock.judges.annotations import (
    MAX_AUTHOR_CHARS,
    MAX_CRITERION_CHARS,
    MAX_RATIONALE_CHARS,
    MAX_WEIGHT,
    NewAnnotation,
)
from penstock.judges.labelling import MAX_QUEUE
from penstock.server import annotation_answers as shape
from penstock.server.annotation_answers import shown, shown_agreement, shown_candidate, shown_history
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.bodies import JSON, expect_type, stream_bytes
from penstock.server.describe import BINARY, OBJECT, Cursor, Limit, content, doc, page_of, path_id, ref
from penstock.server.uploads import received_file
from penstock.storage.annotations import AnnotationFilter

router = APIRouter(tags=["annotations"])
Reads = Annotated[Call, needs("annotations:read")]
Writes = Annotated[Call, needs("annotations:write")]
Id = Annotated[str, path_id("annotation")]
TraceId = Annotated[str, path_id("trace")]
Judge = Annotated[str, path_id("judge")]

_FORMAT_OF = {media.partition(";")[0]: name for name, media in MEDIA_TYPES.items()}
_FILE = {"requestBody": {"required": True, **content(dict.fromkeys(_FORMAT_OF, BINARY))}}
_LIST = {JSON: {"type": "array", "items": OBJECT}}
_Name = Query(min_length=1, max_length=300)
_Author = Query(min_length=1, max_length=MAX_AUTHOR_CHARS)


class TraceAnnotationBody(BaseModel):
    """A label for a trace, or for a span of it. It answers a judge's question, or a criterion of people's own."""

    model_config = ConfigDict(extra="forbid")

    label: StrictBool | StrictInt | StrictFloat | StrictStr = Field(
        description="`pass` or `fail` (true or false), or an answer of the judge's menu; for a criterion also a number"
        " or a short text."
    )
    judge: str | None = Field(None, min_length=1, max_length=300, description="Id or name; this or `criterion`.")
    criterion: str | None = Field(None, min_length=1, max_length=MAX_CRITERION_CHARS)
    span: str | None = Field(None, min_length=1, max_length=200)
    rationale: str | None = Field(None, max_length=MAX_RATIONALE_CHARS, description="Why.")
    author: str | None = Field(
        None, min_length=1, max_length=MAX_AUTHOR_CHARS, description="Who says so; the key's name by default."
    )
    weight: float = Field(1.0, gt=0, le=MAX_WEIGHT, description="How much it counts where several are put together.")


class AnnotationBody(TraceAnnotationBody):
    """A label for a trace, a span, or a row of an evaluation."""

    trace: str | None = Field(None, min_length=1, max_length=300, description="Its own id, or its sender's.")
    evaluation: str | None = Field(None, min_length=1, max_length=300)
    row: int | None = Field(None, ge=0, le=2**53, description="The number of a row of its results.")


class AnnotationFault(msgspec.Struct):
    """A line that was not kept, and why."""

    path: str
    message: str
    line: int | None


class AnnotationImport(msgspec.Struct, rename="camel"):
    """What an import did. `errors` holds the first hundred lines that were skipped, `errorCount` counts them all."""

    added: int
    changed: int
    unchanged: int
    errors: list[AnnotationFault]
    error_count: int


SCHEMAS = (TraceAnnotationBody, AnnotationBody, AnnotationFault, AnnotationImport, *shape.SCHEMAS)

_KEPT = {200: {"description": "Said anew", **content({JSON: ref(shape.Annotation)})}}


@router.post(
    "/traces/{trace}/annotations",
    **doc(
        "Label a trace",
        status=201,
        body=ref(TraceAnnotationBody),
        returns=ref(shape.Annotation),
        responses=_KEPT,
        problems=(400, 404),
    ),
)
async def annotate_trace(call: Writes, trace: TraceId) -> Response:
    """What the same author said of the same thing before is replaced (200), and kept as its history."""
    return await _keep(call, await call.body(TraceAnnotationBody), trace=trace)


@router.post(
    "/annotations",
    **doc(
        "Label a trace, a span or a row",
        status=201,
        body=ref(AnnotationBody),
        returns=ref(shape.Annotation),
        responses=_KEPT,
        problems=(400, 404),
    ),
)
async def annotate(call: Writes) -> Response:
    """What the same author said of the same thing before is replaced (200), and kept as its history."""
    body = await call.body(AnnotationBody)
    return await _keep(call, body, trace=body.trace, evaluation=body.evaluation, row=body.row)


@router.post(
    "/annotations/import",
    **doc("Import labels", returns=ref(AnnotationImport), problems=(400, 413, 415), extra=_FILE),
)
async def import_annotations(
    call: Writes,
    file_format: Annotated[
        Format | None, Query(alias="format", description="Of the file; the content type tells it, too.")
    ] = None,
    on_bad: Annotated[BadLines, Query(alias="onBad", description="`refuse`: any bad line, and nothing is kept.")] = (
        "refuse"
    ),
    judge: Annotated[str | None, _Name] = None,
    criterion: Annotated[str | None, Query(min_length=1, max_length=MAX_CRITERION_CHARS)] = None,
    author: Annotated[str | None, _Author] = None,
) -> Response:
    """The body is the file; each line is as `POST /annotations` takes it. `judge`, `criterion` and `author` are for
    lines that say none. The same file again changes nothing."""
    kind = file_format or _FORMAT_OF[expect_type(call.request, _FORMAT_OF)]
    chunks = stream_bytes(call.request, call.running.settings.limits.max_import_bytes)
    defaults = Defaults(author or call.principal.name, judge, criterion)
    files = AnnotationFiles(call.engine.annotations, call.tenant)
    async with received_file(chunks, call.running.uploads) as path:
        report = await files.load(path, kind, defaults, on_bad, call.principal.key_id)
    errors = [AnnotationFault(error.path, error.message, error.line) for error in report.errors]
    return answer(AnnotationImport(report.added, report.changed, report.unchanged, errors, report.error_count))


@router.get(
    "/annotations/export",
    **doc(
        "Export labels",
        responses={200: {"description": "The file, streamed", **content(dict.fromkeys(_FORMAT_OF, BINARY) | _LIST)}},
        problems=(404,),
    ),
)
async def export_annotations(
    call: Reads,
    file_format: Annotated[Format, Query(alias="format")] = "jsonl",
    judge: Annotated[str | None, _Name] = None,
    criterion: Annotated[str | None, _Name] = None,
    trace: Annotated[str | None, _Name] = None,
    evaluation: Annotated[str | None, _Name] = None,
    author: Annotated[str | None, _Author] = None,
) -> Response:
    """Newest first, as a file that can be imported."""
    chosen = AnnotationFilter(criterion=criterion, evaluation_id=evaluation, author=author)
    wanted = await call.engine.annotations.wanted(call.tenant, chosen, judge=judge, trace=trace)
    pieces = AnnotationFiles(call.engine.annotations, call.tenant).export(wanted, file_format)
    headers = {"Content-Disposition": f'attachment; filename="annotations.{file_format}"'}
    return StreamingResponse(pieces, media_type=MEDIA_TYPES[file_format], headers=headers)


@router.get("/annotations", **doc("List labels", returns=page_of(shape.Annotation), problems=(404,)))
async def list_annotations(
    call: Reads,
    judge: Annotated[str | None, _Name] = None,
    criterion: Annotated[str | None, _Name] = None,
    trace: Annotated[str | None, _Name] = None,
    evaluation: Annotated[str | None, _Name] = None,
    author: Annotated[str | None, _Author] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Newest first."""
    annotations = call.engine.annotations
    chosen = AnnotationFilter(criterion=criterion, evaluation_id=evaluation, author=author)
    wanted = await annotations.wanted(call.tenant, chosen, judge=judge, trace=trace)
    found = await annotations.page(call.tenant, wanted, before_id=cursor, limit=limit + 1)
    following = found[limit - 1].id if len(found) > limit else None
    return page([shown(one) for one in found[:limit]], following)


@router.get("/annotations/{annotation}", **doc("Get a label", returns=ref(shape.AnnotationHistory), problems=(404,)))
async def get_annotation(call: Reads, annotation: Id) -> Response:
    """With what it said before."""
    found = await call.engine.annotations.get(call.tenant, annotation)
    return answer(shown_history(found, await call.engine.annotations.history(found)))


@router.delete("/annotations/{annotation}", **doc("Delete a label", status=204, problems=(404,)))
async def delete_annotation(call: Writes, annotation: Id) -> Response:
    """With its history."""
    await call.engine.annotations.delete(call.tenant, annotation)
    return nothing()


@router.get(
    "/judges/{judge}/labelling", **doc("List what to label next", returns=page_of(shape.ToLabel), problems=(404,))
)
async def list_to_label(
    call: Reads,
    judge: Judge,
    author: Annotated[str | None, _Author] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_QUEUE)] = 20,
) -> Response:
    """Traces that this author (the key's name by default) has not labelled for the judge, the most telling first."""
    queue = await call.engine.annotations.queue(call.tenant, judge, author or call.principal.name, limit)
    return page([shown_candidate(one) for one in queue.candidates], None)


@router.get(
    "/judges/{judge}/agreement",
    **doc("Compare a judge with people", returns=ref(shape.AgreementReport), problems=(404,)),
)
async def get_agreement(
    call: Reads,
    judge: Judge,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The latest by default.")] = None,
) -> Response:
    """One version's verdicts beside the labels of people: all together, each author, and people among themselves."""
    return answer(shown_agreement(await call.engine.annotations.agreement(call.tenant, judge, version)))


async def _keep(
    call: Call,
    body: TraceAnnotationBody,
    *,
    trace: str | None,
    evaluation: str | None = None,
    row: int | None = None,
) -> Response:
    said = NewAnnotation(
        label=body.label,
        author=body.author or call.principal.name,
        judge=body.judge,
        criterion=body.criterion,
        trace=trace,
        span=body.span,
        evaluation=evaluation,
        row=row,
        rationale=body.rationale,
        weight=body.weight,
    )
    kept, new = await call.engine.annotations.add(call.tenant, said, call.principal.key_id)
    return answer(shown(kept), 201 if new else 200, {"Location": call.path(f"/annotations/{kept.id}")})
