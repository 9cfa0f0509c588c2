"""`/ui`: the built files of the web interface. Its page is answered before any route: see `server.interface`."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from penstock.errors import NotFound
from penstock.server import interface

router = APIRouter()


@router.get(interface.BASE + "/{name:path}", include_in_schema=False)
async def interface_file(name: str, request: Request) -> Response:
    """A script, a style or a picture."""
    found = await interface.file(name, request.headers)
    if found is None:
        raise NotFound("file_not_found", f"There is no file {name!r} here.")
    return found
