"""Uploads: a signed address first, then the file without a key, and then a call that names the file alone.

A file is kept by project, kind and file name for an hour, or until what it was sent for has been made of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from penstock.clock import wall_ms
from penstock.errors import FieldError, Forbidden, Invalid, LimitReached, NotFound, TooLarge
from penstock.server.auth import Running
from penstock.server.bodies import stream_bytes
from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import BASE, PROJECT, Routes, StratixCall
from penstock.server.uploads import received_file
from penstock.types import Tenant

MAX_BYTES = 50 * 1024 * 1024
URL_SECONDS = 15 * 60
KEPT_SECONDS = 3600.0
MAX_WAITING = 100
"""So many files of one project may wait; whoever has more has not made anything of them."""
MAX_NAME = 255

routes = Routes()


class UploadBody(BaseModel):
    """What is about to be sent; `type` is its media type, `key` the name of what will be made of it."""

    filename: str = Field(min_length=1, max_length=MAX_NAME)
    type: str = Field("", max_length=200)
    size: int = Field(0, ge=0)
    key: str = Field("", max_length=300)


@dataclass(frozen=True, slots=True)
class Held:
    """Where a file of a project is kept, whether it has come or not."""

    tenant: Tenant
    kind: str
    name: str

    def path(self, running: Running) -> Path:
        """The name that a caller gave goes into a hash: it never becomes a path."""
        digest = hashlib.sha256(f"{self.kind}\n{self.name}".encode("utf-8", "surrogatepass")).hexdigest()
        return _folder(running) / self.tenant.project_id / digest


@routes.post(PROJECT + "/upload", "benchmarks:write")
async def create_upload(call: StratixCall) -> Response:
    """The address to which a file of a benchmark goes."""
    return await signed_upload(call, "benchmarks")


async def signed_upload(call: StratixCall, kind: str) -> Response:
    """The answer to whoever announces a file. Raises `Invalid`, `TooLarge`, `LimitReached`."""
    body = call.sent(UploadBody)
    if body.size > MAX_BYTES:
        raise TooLarge("file_too_large", f"{body.filename!r} has {body.size:,} bytes; a file may have {MAX_BYTES:,}.")
    held = Held(call.tenant, kind, base_name(body.filename))
    await asyncio.to_thread(_make_room, _folder(call.running), held.path(call.running))
    expires = wall_ms() // 1000 + URL_SECONDS
    signature = _signature(call.running, held, expires)
    where = (held.tenant.organization_id, held.tenant.project_id, held.kind, held.name)
    path = "/".join(quote(part, safe="") for part in where)
    host = call.request.url
    return wrapped(
        {"url": f"{host.scheme}://{host.netloc}{BASE}/uploads/{path}?expires={expires}&signature={signature}"}
    )


@routes.open("PUT", "/uploads/{organization_id}/{project_id}/{kind}/{name}")
async def put_upload(request: Request) -> Response:
    """Take a file at the address that was signed for it. The signature stands for the key."""
    running: Running = request.app.state.running
    at = request.path_params
    held = Held(Tenant(at["organization_id"], at["project_id"]), at["kind"], at["name"])
    expires = request.query_params.get("expires", "")
    given = request.query_params.get("signature", "")
    if not (expires.isascii() and expires.isdecimal() and len(expires) < 20):
        raise _not_signed()
    if not hmac.compare_digest(given.encode(), _signature(running, held, int(expires)).encode()):
        raise _not_signed()
    if int(expires) < wall_ms() // 1000:
        minutes = URL_SECONDS // 60
        raise Forbidden("upload_expired", f"This address was good for {minutes} minutes. Ask for another one.")
    path = held.path(running)
    await asyncio.to_thread(_make_room, _folder(running), path)
    async with received_file(stream_bytes(request, MAX_BYTES), _folder(running) / held.tenant.project_id) as received:
        await asyncio.to_thread(os.replace, received, path)
    return wrapped({"filename": held.name})


@asynccontextmanager
async def collected(call: StratixCall, kind: str, name: str) -> AsyncIterator[Path]:
    """A file that was sent, for the block that makes something of it; it is gone when the block has succeeded.

    Raises `NotFound` when it has not come, or is too old.
    """
    path = Held(call.tenant, kind, base_name(name)).path(call.running)
    await asyncio.to_thread(_sweep, _folder(call.running))
    if not await asyncio.to_thread(path.exists):
        raise NotFound("upload_not_found", f"No file {name!r} has been sent within the last hour. Upload it again.")
    yield path
    await asyncio.to_thread(path.unlink, missing_ok=True)


def base_name(name: str) -> str:
    """A file's name without its folders. Raises `Invalid` for one that is none."""
    base = name.replace("\\", "/").rpartition("/")[2].strip()
    if not base or base in (".", "..") or len(base) > MAX_NAME or not base.isprintable():
        detail = f"must be the name of a file, of at most {MAX_NAME} characters"
        raise Invalid("filename_invalid", f"{name[:80]!r} is no file name.", errors=(FieldError("filename", detail),))
    return base


def _folder(running: Running) -> Path:
    return running.uploads / "held"


def _signature(running: Running, held: Held, expires: int) -> str:
    key = running.engine.secrets.derived("uploads")
    said = "\n".join(
        (held.tenant.organization_id, held.tenant.project_id, held.kind, quote(held.name, safe=""), str(expires))
    )
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def _not_signed() -> Forbidden:
    return Forbidden("upload_not_signed", "This address was not made here. Ask for one with POST …/upload.")


def _make_room(folder: Path, coming: Path) -> None:
    """Sweep, and raise `LimitReached` when too many files of the project still wait beside the one that comes."""
    _sweep(folder)
    if sum(path != coming for path in coming.parent.glob("*")) >= MAX_WAITING:
        detail = f"{MAX_WAITING} files of this project wait to be used. Use them, or wait until they are swept."
        raise LimitReached("too_many_uploads", detail, retry_after_seconds=60)


def _sweep(folder: Path) -> None:
    """Remove what is too old, everybody's."""
    oldest = time.time() - KEPT_SECONDS
    for path in folder.glob("*/*"):
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
        except FileNotFoundError:
            continue  # Collected, or swept by another request, in this moment.
