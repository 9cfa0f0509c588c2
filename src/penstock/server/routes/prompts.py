"""`/prompts`: saved prompts and their versions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from penstock.clock import iso
from penstock.errors import FieldError, Invalid
from penstock.flows.prompts import PromptDocument, SavedPrompt
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref

router = APIRouter(tags=["prompts"])
Reads = Annotated[Call, needs("prompts:read")]
Writes = Annotated[Call, needs("prompts:write")]
Name = Annotated[str, path_id("prompt")]


class NamedPrompt(PromptDocument):
    """A prompt to save under a name."""

    name: str


class Prompt(msgspec.Struct, rename="camel"):
    """One version of a saved prompt."""

    id: str
    name: str
    version: int
    document: dict[str, Any]
    created_at: str


SCHEMAS = (NamedPrompt, PromptDocument, Prompt)


@router.post(
    "/prompts",
    **doc("Save a prompt", status=201, body=ref(NamedPrompt), returns=ref(Prompt), problems=(400, 409, 422)),
)
async def create_prompt(call: Writes) -> Response:
    """Version 1 of a new prompt: `prompt` or `messages`, and what goes with it. Templates are checked."""
    body = await call.object()
    name = body.pop("name", None)
    if not isinstance(name, str):
        raise Invalid("name_missing", "Give the prompt a name.", errors=(FieldError("name", "must be a string"),))
    saved = await call.engine.prompts.create(call.tenant, name, body)
    return answer(_shown(saved), 201, {"Location": call.path(f"/prompts/{saved.id}")})


@router.get("/prompts", **doc("List prompts", returns=page_of(Prompt)))
async def list_prompts(call: Reads, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """In the order of their names, each in its latest version."""
    found = await call.engine.prompts.list(call.tenant, after_name=cursor or "", limit=limit + 1)
    following = found[limit - 1].name if len(found) > limit else None
    return page([_shown(saved) for saved in found[:limit]], following)


@router.get("/prompts/{prompt}", **doc("Get a prompt", returns=ref(Prompt), problems=(404,)))
async def get_prompt(
    call: Reads,
    prompt: Name,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The latest by default.")] = None,
) -> Response:
    """By its id or its name."""
    return answer(_shown(await call.engine.prompts.get(call.tenant, prompt, version or "latest")))


@router.put(
    "/prompts/{prompt}",
    **doc("Save a new version", body=ref(PromptDocument), returns=ref(Prompt), problems=(400, 404, 422)),
)
async def update_prompt(call: Writes, prompt: Name) -> Response:
    """Older versions stay as they are."""
    return answer(_shown(await call.engine.prompts.update(call.tenant, prompt, await call.object())))


@router.delete("/prompts/{prompt}", **doc("Delete a prompt", status=204, problems=(404,)))
async def delete_prompt(call: Writes, prompt: Name) -> Response:
    """With all its versions."""
    await call.engine.prompts.delete(call.tenant, prompt)
    return nothing()


@router.get("/prompts/{prompt}/versions", **doc("List versions", returns=page_of(Prompt), problems=(404,)))
async def list_prompt_versions(call: Reads, prompt: Name, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Newest first."""
    before = {} if cursor is None else {"before": _version(cursor)}
    found = await call.engine.prompts.versions(call.tenant, prompt, limit=limit + 1, **before)
    following = str(found[limit - 1].version) if len(found) > limit else None
    return page([_shown(saved) for saved in found[:limit]], following)


def _version(cursor: str) -> int:
    if not cursor.isdecimal() or len(cursor) > 10:
        raise Invalid("cursor_invalid", "This cursor was not made here; take nextCursor of the page before.")
    return int(cursor)


def _shown(saved: SavedPrompt) -> Prompt:
    return Prompt(saved.id, saved.name, saved.version, dict(saved.document), iso(saved.created_at))
