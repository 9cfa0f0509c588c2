"""`/benchmarks/smart`: benchmarks that a model drafts from documents, and their review."""

from __future__ import annotations

import asyncio
import base64
import binascii
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from penstock.errors import FieldError, Invalid
from penstock.evaluations.benchmarks.model import Details
from penstock.evaluations.benchmarks.smart.documents import MAX_DOCUMENTS, Document
from penstock.evaluations.benchmarks.smart.service import DEFAULT_QUESTIONS, MAX_QUESTIONS, DraftRequest
from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.benchmark_schemas import (
    BenchmarkImport,
    BenchmarkPatch,
    checked_details,
    details_of,
    import_view,
)
from penstock.server.describe import doc, path_id, ref
from penstock.server.evaluation_requests import Body
from penstock.server.execution_answers import handle
from penstock.server.idempotency import KEY, idempotency
from penstock.server.webhook_urls import WEBHOOK, given_header, webhook_url

router = APIRouter(tags=["benchmarks"])
Writes = Annotated[Call, needs("benchmarks:write")]
Name = Annotated[str, path_id("benchmark")]

RUNS = "executions:run"
"""Drafting calls a model, which costs."""


class DocumentBody(Body):
    """A document: its `text`, or the bytes of its file in base 64 as `data`. The name's suffix says what it is."""

    name: str = Field(min_length=1, max_length=300)
    text: str | None = None
    data: str | None = None


class DraftBody(BenchmarkPatch):
    """What to draft."""

    key: str = Field(min_length=1, max_length=120, description="The benchmark's name in URLs and commands.")
    documents: list[DocumentBody] = Field(min_length=1, max_length=MAX_DOCUMENTS)
    questions: int = Field(DEFAULT_QUESTIONS, ge=1, le=MAX_QUESTIONS, description="At most so many.")
    instructions: str = Field("", max_length=10_000, description="Your own words to the model that writes them.")
    model: str | None = Field(None, min_length=1, max_length=300, description="`provider/name`, or a saved model.")
    webhook: str | None = Field(None, max_length=2_000)


class ReviewBody(Body):
    """Which rows of a draft are good, and what is to be different in them."""

    accept: Literal["all"] | list[str] = Field(description="Their ids, or `all`.")
    edits: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="By id: another `input`, `truth`, `subset` or `context`."
    )


class DraftHandle(msgspec.Struct, rename="camel"):
    """A draft that is being written."""

    benchmark_id: str
    execution_id: str
    status: str
    links: dict[str, Any]
    queue: dict[str, Any]


SCHEMAS = (DocumentBody, DraftBody, ReviewBody, DraftHandle)


@router.post(
    "/benchmarks/smart",
    **doc(
        "Draft a benchmark",
        status=202,
        body=ref(DraftBody),
        returns=ref(DraftHandle),
        problems=(400, 402, 409, 413, 415, 422, 429),
        extra={"parameters": [KEY, WEBHOOK]},
    ),
)
async def draft_benchmark(call: Writes) -> Response:
    """A model writes questions on 1 to 20 documents. The benchmark is a draft until it was reviewed."""
    call.principal.require(RUNS)
    body = await call.body(DraftBody)
    details = await checked_details(call, details_of(body, Details(body.key)))
    key, digest = idempotency(call, "benchmark_draft", body.model_dump(mode="json"), *given_header(call))
    url = await webhook_url(call, body.webhook)
    async with _files(body.documents) as documents:
        submitted = await call.engine.drafts.start(
            call.tenant,
            DraftRequest(
                key=body.key,
                details=details,
                documents=documents,
                questions=body.questions,
                instructions=body.instructions,
                model=body.model,
                webhook_url=url,
                idempotency_key=key,
                request_hash=digest,
                created_by=call.principal.key_id,
            ),
        )
    waiting: Any = await handle(call, submitted.execution)
    shown = DraftHandle(
        submitted.execution.subject_id,
        submitted.execution.id,
        waiting["status"],
        waiting["links"],
        waiting["queue"],
    )
    headers = {"Execution-Id": shown.execution_id, "Location": call.path(f"/executions/{shown.execution_id}")}
    if submitted.replayed:
        headers["Idempotent-Replayed"] = "true"
    return answer(shown, 202, headers)


@router.post(
    "/benchmarks/{benchmark}/review",
    **doc("Review a draft", body=ref(ReviewBody), returns=ref(BenchmarkImport), problems=(400, 403, 404, 409)),
)
async def review_draft(call: Writes, benchmark: Name) -> Response:
    """The accepted rows, with their edits, become the version that evaluations run on."""
    body = await call.body(ReviewBody)
    report = await call.engine.drafts.review(call.tenant, benchmark, body.accept, body.edits)
    return answer(import_view(report))


@asynccontextmanager
async def _files(documents: Sequence[DocumentBody]) -> AsyncIterator[tuple[Document, ...]]:
    """The documents as files for as long as the block lasts."""
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="documents-")
    try:
        yield await asyncio.to_thread(_written, documents, Path(folder.name))
    finally:
        await asyncio.to_thread(folder.cleanup)


def _written(documents: Sequence[DocumentBody], folder: Path) -> tuple[Document, ...]:
    files = []
    for place, document in enumerate(documents):
        path = folder / str(place)
        path.write_bytes(_bytes(document, f"documents[{place}]"))
        files.append(Document(document.name, path))
    return tuple(files)


def _bytes(document: DocumentBody, at: str) -> bytes:
    if (document.text is None) == (document.data is None):
        detail = "A document has its text, or the data of its file; one of both."
        raise Invalid("document_invalid", detail, errors=(FieldError(at, detail),))
    if document.text is not None:
        return document.text.encode("utf-8", "replace")
    try:
        return base64.b64decode(document.data or "", validate=True)
    except (binascii.Error, ValueError):
        detail = "The data is not base 64."
        raise Invalid("document_invalid", detail, errors=(FieldError(f"{at}.data", detail),)) from None
