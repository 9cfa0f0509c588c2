"""`/openapi.json`, `/docs`, and the files that pages refer to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from penstock.errors import NotFound
from penstock.server import pages
from penstock.server.api_page import api_page
from penstock.server.describe import TEXT, content, doc

router = APIRouter(tags=["description"])
_PAGE = {200: {"description": "A page", **content({"text/html": TEXT})}}


@router.get("/openapi.json", **doc("This description", returns={"type": "object"}))
async def openapi(request: Request) -> Response:
    """OpenAPI 3.1. No key is needed."""
    return Response(msgspec.json.encode(await _document(request)), media_type="application/json")


@router.get("/docs", **doc("This description, as a page", responses=_PAGE))
async def docs(request: Request) -> Response:
    """No key is needed; nothing is loaded from other hosts."""
    root = request.scope.get("root_path", "")
    made: dict[str, bytes] = request.app.state.api_pages
    if root not in made:
        made[root] = await asyncio.to_thread(api_page, await _document(request), root)
    return pages.html(made[root])


@router.get("/static/{name}", include_in_schema=False)
async def static(name: str) -> Response:
    """A script or style that a page refers to."""
    found = pages.asset(name)
    if found is None:
        raise NotFound("file_not_found", f"There is no file {name!r} here.")
    return found


async def _document(request: Request) -> Mapping[str, Any]:
    document: Mapping[str, Any] = await asyncio.to_thread(request.app.openapi)
    return document
