"""The web interface: one page for every address of its own, and the built files that it loads.

The API stands at the same addresses (`/executions/{id}`), so who asks decides: a browser that opens an address wants a
page and has no key to show; whoever sends a key, or does not ask for HTML, is a program.
"""

from __future__ import annotations

import asyncio
import gzip
import posixpath
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.server.pages import html, render

BASE = "/ui"
"""Where the built files are."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept, Authorization, X-API-Key, Accept-Encoding",
}
_MEDIA = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_COMPRESSED = {".css", ".html", ".js", ".json", ".svg"}
_SMALLEST_COMPRESSED = 500
# What has a page or a file of its own, by the first part of its address and by the last.
_NOT_OURS = {"api", "docs", "healthz", "metrics", "openapi.json", "public", "readyz", "schemas", "static", "ui", "v1"}
_NOT_OURS_BELOW = {"docs", "openapi.json", "plot.svg"}


class Interface:
    """ASGI middleware that answers browsers with the page of the interface, and hands on everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] == "http"
            and scope["method"] in ("GET", "HEAD")
            and is_page(scope["path"], Headers(scope=scope))
        ):
            await (await page(Headers(scope=scope)))(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_page(path: str, headers: Headers) -> bool:
    """Whether a GET is somebody's who has opened an address in a browser."""
    if path == "/":
        return True
    parts = path.strip("/").split("/")
    return (
        "text/html" in headers.get("accept", "")
        and "authorization" not in headers
        and "x-api-key" not in headers
        and parts[0] not in _NOT_OURS
        and parts[-1] not in _NOT_OURS_BELOW
    )


async def page(headers: Headers) -> Response:
    """The page; where the interface has not been built, one that says how to."""
    found = await file("index.html", headers)
    if found is None:
        return html(render("not_built.html", {"title": "Web interface", "root": ""}))
    found.headers.update(_PAGE_HEADERS)
    return found


async def file(name: str, headers: Headers) -> Response | None:
    """A built file, compressed for whoever takes that; None when there is none of that name."""
    kind = posixpath.splitext(name)[1]
    if kind not in _MEDIA:
        return None
    body = await asyncio.to_thread(_content, name)
    if body is None:
        return None
    plain, compressed = body
    # Names below `assets` have a hash of the content in them.
    lasting = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
    known = {"Cache-Control": lasting, "Vary": "Accept-Encoding"}
    if compressed is not None and "gzip" in headers.get("accept-encoding", ""):
        return Response(compressed, media_type=_MEDIA[kind], headers={**known, "Content-Encoding": "gzip"})
    return Response(plain, media_type=_MEDIA[kind], headers=known)


@cache
def _content(name: str) -> tuple[bytes, bytes | None] | None:
    """A file and its compressed form, where that is worth while. Kept: there are few, and they are small."""
    entry = _bundle().get(name)
    if entry is None:
        return None
    plain = entry.read_bytes()
    worth = posixpath.splitext(name)[1] in _COMPRESSED and len(plain) >= _SMALLEST_COMPRESSED
    return plain, gzip.compress(plain, mtime=0) if worth else None


@cache
def _bundle() -> dict[str, Traversable]:
    """Every built file by its name. Nothing else can be asked for, whatever a path says."""
    return dict(_files(resources.files("penstock.server") / "ui", ""))


def _files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    if not folder.is_dir():
        return []
    found = []
    for entry in folder.iterdir():
        name = prefix + entry.name
        found += _files(entry, f"{name}/") if entry.is_dir() else [(name, entry)]
    return found
