"""`/flows`: save, read, deploy, delete; versions; validation; the documentation of one flow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from penstock.clock import iso
from penstock.errors import FieldError, Invalid, Problem
from penstock.flows.definition import document_schema
from penstock.flows.library import SavedFlow
from penstock.server import pages
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, Needs, needs, presented_key
from penstock.server.bodies import JSON, YAML_TYPES, expect_type, read_bytes, read_object
from penstock.server.describe import (
    OBJECT,
    TEXT,
    Cursor,
    Limit,
    Schema,
    content,
    doc,
    page_of,
    path_id,
    ref,
)
from penstock.server.flow_description import FlowInterface, flow_openapi, flow_page, locked_page
from penstock.storage.flows import FlowRecord, VersionRecord

router = APIRouter(tags=["flows"])
Reads = Annotated[Call, needs("flows:read")]
Writes = Annotated[Call, needs("flows:write")]
Named = Annotated[str, path_id("flow")]
Deploy = Annotated[bool, Query(description="Whether calls run it from now on.")]


class DeployBody(BaseModel):
    """Which version calls shall run."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: int = Field(ge=1, le=2**31 - 1)


class Flow(msgspec.Struct, rename="camel"):
    """A flow. `version` is its latest version, `deployedVersion` the one that calls run."""

    id: str
    name: str
    version: int
    deployed_version: int | None
    created_at: str
    updated_at: str


class FlowWithDocument(Flow, rename="camel"):
    """A flow with its latest document; `source` is the document as it was sent, where that was YAML."""

    document: Any
    source: str | None


class FlowVersion(msgspec.Struct, rename="camel"):
    """One version of a flow, which never changes."""

    version: int
    deployed: bool
    created_at: str


class FlowVersionWithDocument(FlowVersion, rename="camel"):
    """One version of a flow, with its document."""

    document: Any
    source: str | None


class FlowFault(msgspec.Struct):
    """One fault of a document, with its place and, in YAML, its line."""

    path: str
    message: str
    line: int | None


class Validation(msgspec.Struct):
    """Whether a document can be saved, and every fault it has."""

    valid: bool
    errors: list[FlowFault]


SCHEMAS = (DeployBody, Flow, FlowWithDocument, FlowVersion, FlowVersionWithDocument, FlowFault, Validation)

_DOCUMENT: Schema = {
    "requestBody": {
        "required": True,
        **content({JSON: {**OBJECT, "description": "Its schema is at /schemas/flow.json."}, "application/yaml": TEXT}),
    }
}


@router.post(
    "/flows",
    **doc("Save a flow", status=201, returns=ref(Flow), problems=(400, 409, 413, 415, 422), extra=_DOCUMENT),
)
async def create_flow(call: Writes, deploy: Deploy = True) -> Response:
    """As JSON or as YAML. Each fault is named with its place in the document, and nothing is saved then."""
    record = await call.engine.library.create(call.tenant, await _document(call), deploy=deploy)
    return answer(_shown(record), 201, {"Location": call.path(f"/flows/{record.id}")})


@router.get("/flows", **doc("List flows", returns=page_of(Flow)))
async def list_flows(call: Reads, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Newest first."""
    found, following = await call.engine.library.page(call.tenant, cursor, limit)
    return page([_shown(record) for record in found], following)


@router.post(
    "/flows/validate", **doc("Check a document", returns=ref(Validation), problems=(400, 413, 415), extra=_DOCUMENT)
)
async def validate_flow(call: Reads) -> Response:
    """Without saving it. The answer is 200 also for a document with faults; they are listed."""
    source = await _document(call)
    try:
        await asyncio.to_thread(call.engine.library.validate, source)
    except Problem as problem:
        if not problem.errors:
            raise
        return answer(Validation(False, [FlowFault(e.path, e.message, e.line) for e in problem.errors]))
    return answer(Validation(True, []))


@router.get("/schemas/flow.json", **doc("The schema of flow documents", returns=OBJECT))
async def flow_schema() -> Response:
    """JSON Schema, with the settings of every node type installed here. No key is needed."""
    return Response(await asyncio.to_thread(_schema_text), media_type=JSON)


@router.get("/flows/{flow}", **doc("Get a flow", returns=ref(FlowWithDocument), problems=(404,)))
async def get_flow(call: Reads, flow: Named) -> Response:
    """By its id or its name, with its latest document."""
    record = await call.engine.library.get(call.tenant, flow)
    latest = await call.engine.library.version(call.tenant, record.id, record.latest_version)
    shown = msgspec.structs.asdict(_shown(record))
    return answer(FlowWithDocument(**shown, document=msgspec.Raw(latest.document.encode()), source=latest.source))


@router.put(
    "/flows/{flow}",
    **doc("Save a new version", returns=ref(Flow), problems=(400, 404, 409, 413, 415, 422), extra=_DOCUMENT),
)
async def update_flow(call: Writes, flow: Named, deploy: Deploy = True) -> Response:
    """A document equal to the latest version makes none. Executions go on with the version they began with."""
    record = await call.engine.library.update(call.tenant, flow, await _document(call), deploy=deploy)
    return answer(_shown(record))


@router.delete("/flows/{flow}", **doc("Delete a flow", status=204, problems=(404, 409)))
async def delete_flow(call: Writes, flow: Named) -> Response:
    """With all its versions. Its executions are kept; while one is not over, the flow cannot be deleted."""
    await call.engine.library.delete(call.tenant, flow)
    return nothing()


@router.post(
    "/flows/{flow}/deploy", **doc("Deploy a version", body=ref(DeployBody), returns=ref(Flow), problems=(400, 404))
)
async def deploy_flow(call: Writes, flow: Named) -> Response:
    """Calls run this version from now on."""
    body = await call.body(DeployBody)
    return answer(_shown(await call.engine.library.deploy(call.tenant, flow, body.version)))


@router.get("/flows/{flow}/versions", **doc("List versions", returns=page_of(FlowVersion), problems=(400, 404)))
async def list_flow_versions(call: Reads, flow: Named, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Newest first."""
    before = None if cursor is None else _number(cursor)
    record, found, following = await call.engine.library.versions(call.tenant, flow, before, limit)
    return page([_version(record, version) for version in found], None if following is None else str(following))


@router.get(
    "/flows/{flow}/versions/{version}",
    **doc("Get a version", returns=ref(FlowVersionWithDocument), problems=(404,)),
)
async def get_flow_version(call: Reads, flow: Named, version: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> Response:
    """With its document."""
    record = await call.engine.library.get(call.tenant, flow)
    found = await call.engine.library.version(call.tenant, record.id, version)
    shown = msgspec.structs.asdict(_version(record, found))
    return answer(FlowVersionWithDocument(**shown, document=msgspec.Raw(found.document.encode()), source=found.source))


@router.get("/flows/{flow}/openapi.json", **doc("OpenAPI of a flow", returns=OBJECT, problems=(404, 409)))
async def describe_flow(call: Reads, flow: Named) -> Response:
    """OpenAPI 3.1 of the deployed version, from its input and output."""
    saved = await call.engine.library.saved(call.tenant, flow)
    return answer(flow_openapi(_interface(saved), _address(call.request)))


@router.get(
    "/flows/{flow}/docs",
    **doc(
        "The page of a flow",
        responses={200: {"description": "A page", **content({"text/html": TEXT})}},
        problems=(401, 403, 404, 409),
    ),
)
async def show_flow_page(request: Request, flow: Named) -> Response:
    """To read about the deployed version, and to try it.

    Browsers send no key when they open a page: without one the page is empty but for a field to type it into. The key
    stays in the page's memory.
    """
    root = request.scope.get("root_path", "")
    headers = {"Cache-Control": "no-store", "Vary": "Authorization, X-API-Key"}
    if presented_key(request.headers) is None:
        return pages.html(locked_page(root), headers)
    call = await Needs("flows:read")(request)
    saved = await call.engine.library.saved(call.tenant, flow)
    return pages.html(flow_page(_interface(saved), _address(request), root), headers)


@cache
def _schema_text() -> bytes:
    return msgspec.json.encode(document_schema())


async def _document(call: Call) -> str | dict[str, Any]:
    """The body: YAML as text, JSON as an object."""
    limits = call.running.settings.limits
    if expect_type(call.request, {JSON, *YAML_TYPES}) == JSON:
        return await read_object(call.request, limits.max_body_bytes, limits.max_input_depth)
    body = await read_bytes(call.request, limits.max_body_bytes)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        fault = FieldError("", "is not UTF-8", line)
        raise Invalid("invalid_text", f"Line {line} of the body is not UTF-8.", errors=(fault,)) from None


def _interface(saved: SavedFlow) -> FlowInterface:
    graph = saved.graph
    fields: Mapping[str, Any] = graph.output if isinstance(graph.output, Mapping) else {}
    one: dict[str, Any] = {}
    if fields:
        one = {"type": "object", "properties": {name: {} for name in fields}, "required": list(fields)}
    several = graph.open or graph.source is not None
    return FlowInterface(
        id=saved.record.id,
        name=saved.record.name,
        version=saved.version,
        description=graph.document.description or "",
        input=graph.input_schema.json_schema,
        output={"type": "array", "items": {"anyOf": [one, {"type": "null"}]}} if several else one,
    )


def _address(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _number(cursor: str) -> int:
    if not cursor.isdecimal() or len(cursor) > 10:
        raise Invalid("cursor_invalid", "This cursor was not made here; take nextCursor of the page before.")
    return int(cursor)


def _shown(record: FlowRecord) -> Flow:
    return Flow(
        record.id,
        record.name,
        record.latest_version,
        record.deployed_version,
        iso(record.created_at),
        iso(record.updated_at),
    )


def _version(record: FlowRecord, version: VersionRecord) -> FlowVersion:
    return FlowVersion(version.version, version.version == record.deployed_version, iso(version.created_at))
